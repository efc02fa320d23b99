"""posegen's conformance kit on everything in this package."""

from __future__ import annotations

import pytest
from posegen_warp.plugin import posegen_generators, posegen_losses, posegen_models
from torch import Tensor
from torch.nn import functional

from posegen.plugins.testing import check, check_plugin

GENERATORS = {spec.name: spec for spec in posegen_generators()}


def test_the_plugin() -> None:
    check_plugin("posegen_warp.plugin").raise_on_failure()


@pytest.mark.parametrize("name", GENERATORS)
def test_the_generators(name: str) -> None:
    check(GENERATORS[name]).raise_on_failure()


@pytest.mark.parametrize(
    "options",
    [
        {"widths": [4, 4, 8], "source_widths": [4, 4], "merge": "maximum", "norm": "none"},
        {"widths": [4, 4, 4, 8], "source_widths": [2, 4, 4], "blocks": 0, "norm": "instance"},
    ],
)
def test_limbs_with_other_options(options: dict[str, object]) -> None:
    traced = {"capabilities": "tested once"}
    check(GENERATORS["limbs"], options=options, skip=traced).raise_on_failure()


@pytest.mark.parametrize(
    "options",
    [
        {"widths": [4, 4], "flow_widths": [4, 8, 8, 8, 8], "patches": [3, 1], "norm": "none"},
        {"widths": [4, 4, 8, 8], "flow_widths": [4, 8], "patches": [0, 5], "blocks": 0},
        {"widths": [4, 4], "flow_widths": [4, 4, 4], "patches": [0, 3], "copy_picture": True},
    ],
)
def test_flow_with_other_options(options: dict[str, object]) -> None:
    check(GENERATORS["flow"], options=options).raise_on_failure()


def _flows(image: Tensor) -> dict[str, Tensor]:
    """Return flows that are a function of an image, at 1/4 and 1/8 of its size."""
    return {
        "flow": 2 * functional.avg_pool2d(image[:, :2], 4),
        "flow_8": 2 * functional.avg_pool2d(image[:, 1:], 8),
    }


@pytest.mark.parametrize("spec", posegen_losses(), ids=lambda spec: spec.name)
def test_the_losses(spec: object) -> None:
    check(spec, aux=_flows).raise_on_failure()


@pytest.mark.parametrize("spec", posegen_models(), ids=lambda spec: spec.name)
def test_the_models(spec: object) -> None:
    check(spec).raise_on_failure()
