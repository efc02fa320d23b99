"""posegen's conformance kit on everything in this package."""

from __future__ import annotations

import pytest
from posegen_unet.plugin import posegen_generators

from posegen.core import Config
from posegen.plugins.testing import check_generator, check_plugin

(SPEC,) = posegen_generators()


def test_the_plugin() -> None:
    check_plugin("posegen_unet.plugin").raise_on_failure()


def test_the_generator_by_name_as_a_user_has_it() -> None:
    check_generator("unet").raise_on_failure()


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
    traced = {"compile": "tested once", "export": "tested once"}
    check_generator(SPEC, options=options, skip=traced).raise_on_failure()


def test_options_are_refused_in_a_sentence() -> None:
    from posegen.core import ConfigError, Kind
    from posegen.plugins import component_config, registry

    for options, said in (
        (
            {"dept": 3},
            r"generator\.dept: generator 'unet' has no such option; did you mean",
        ),
        ({"depth": 0}, r"generator\.depth=0: .*greater than or equal to 1"),
    ):
        with pytest.raises(ConfigError, match=said):
            component_config(registry(), Kind.GENERATOR, "unet", options, "generator")
    assert isinstance(component_config(registry(), Kind.GENERATOR, "unet", {}, "generator"), Config)
