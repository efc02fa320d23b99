"""posegen's conformance kit on everything in this package."""

from __future__ import annotations

import pytest
from posegen_patn_masked.plugin import (
    posegen_discriminators,
    posegen_generators,
    posegen_models,
)

from posegen.core import Field, FieldKind
from posegen.plugins.testing import check, check_plugin

(GENERATOR,) = posegen_generators()
(DISCRIMINATOR,) = posegen_discriminators()
(MODEL,) = posegen_models()
#: What the method hands on to a discriminator that looks at a region.
MADE = {"generated_mask": Field(FieldKind.MASK, 1)}


def test_the_plugin() -> None:
    check_plugin("posegen_patn_masked.plugin").raise_on_failure()


@pytest.mark.parametrize(
    ("options", "skip"),
    [
        ({"kernel": 3, "norm": "batch"}, {}),
        ({"kernel": 5, "norm": "instance", "residuals": 0}, {"capabilities": "tested once"}),
    ],
)
def test_the_generator(options: dict[str, object], skip: dict[str, str]) -> None:
    options = {"width": 4, "blocks": 2, "residuals": 1, **options}
    check(GENERATOR, options=options, skip=skip).raise_on_failure()


@pytest.mark.parametrize(
    "options",
    [
        {"region": "picture", "layers": 4},
        {"region": "generated", "layers": 3},
        {"region": "generated", "norm": "instance", "conditions": ["source", "target_mask"]},
    ],
)
def test_the_discriminator(options: dict[str, object]) -> None:
    check(DISCRIMINATOR, options={"width": 4, **options}, inputs=MADE).raise_on_failure()


def test_the_model() -> None:
    check(MODEL).raise_on_failure()
