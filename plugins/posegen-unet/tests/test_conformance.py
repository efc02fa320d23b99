"""posegen's conformance kit on everything in this package."""

from __future__ import annotations

import pytest
from posegen_unet.plugin import posegen_generators

from posegen.core import Config, ConfigError, Kind
from posegen.plugins import component_config, registry
from posegen.plugins.testing import check, check_plugin

(SPEC,) = posegen_generators()


def test_the_plugin() -> None:
    check_plugin("posegen_unet.plugin").raise_on_failure()


def test_the_generator_as_a_user_has_it() -> None:
    check(SPEC).raise_on_failure()


@pytest.mark.parametrize(
    "options",
    [
        {"width": 4, "depth": 1, "blocks": 0, "norm": "none"},
        {"width": 4, "depth": 3, "norm": "instance"},
        {"width": 4, "depth": 4, "source_pose": False},
        {"width": 4, "depth": 2, "blocks": 2, "skips": False},
    ],
)
def test_the_generator_with_other_options(options: dict[str, object]) -> None:
    traced = {"capabilities": "tested once"}
    check(SPEC, options=options, skip=traced).raise_on_failure()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dept": 3}, r"generator\.dept: generator 'unet' has no such option; did you mean"),
        ({"depth": 0}, r"generator\.depth=0: .*greater than or equal to 1"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        component_config(registry(), Kind.GENERATOR, "unet", options, "generator")


def test_the_defaults_are_valid() -> None:
    assert isinstance(component_config(registry(), Kind.GENERATOR, "unet", {}, "generator"), Config)
