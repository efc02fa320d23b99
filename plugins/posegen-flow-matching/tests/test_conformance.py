"""posegen's conformance kit on everything in this package."""

from __future__ import annotations

import pytest
from posegen_flow_matching.plugin import posegen_generators, posegen_methods, posegen_models

from posegen.core import Field, FieldKind
from posegen.plugins.testing import check, check_plugin

MADE = {"noisy": Field(FieldKind.IMAGE, 3), "time": Field(FieldKind.VECTOR, 1)}
(GENERATOR,) = posegen_generators()
(METHOD,) = posegen_methods()
(MODEL,) = posegen_models()


def test_the_plugin() -> None:
    check_plugin("posegen_flow_matching.plugin").raise_on_failure()


def test_the_generator_as_a_user_has_it() -> None:
    check(GENERATOR, inputs=MADE).raise_on_failure()


@pytest.mark.parametrize(
    "options",
    [
        {"widths": [4], "patch": 4, "blocks": 1, "attending": 1},
        {"widths": [4, 8], "patch": 1, "blocks": 2, "attending": 1, "head_width": 4},
    ],
)
def test_the_generator_with_other_options(options: dict[str, object]) -> None:
    traced = {"capabilities": "tested once"}
    check(GENERATOR, options=options, inputs=MADE, skip=traced).raise_on_failure()


def test_the_method() -> None:
    check(METHOD, inputs=MADE).raise_on_failure()


def test_the_model() -> None:
    check(MODEL).raise_on_failure()
