"""posegen's conformance kit on everything in this package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from posegen_stlpips.plugin import posegen_losses, posegen_metrics

from posegen.core import Spec
from posegen.plugins.testing import check, check_plugin

LOSSES = {spec.name: spec for spec in posegen_losses()}
METRICS = {spec.name: spec for spec in posegen_metrics()}


def test_the_plugin() -> None:
    check_plugin("posegen_stlpips.plugin").raise_on_failure()


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        (LOSSES["st-lpips"], {}),
        (LOSSES["st-lpips"], {"scales": [0.5, 2.0]}),
        (LOSSES["st-style"], {}),
        (LOSSES["st-style"], {"stages": [2, 1]}),
        (LOSSES["colour"], {}),
        (LOSSES["colour"], {"pools": [8], "luma": 1.0}),
        (METRICS["st-lpips"], {}),
        (METRICS["sharpness"], {}),
    ],
)
def test_the_components(spec: Spec, options: Mapping[str, Any]) -> None:
    check(spec, options=options).raise_on_failure()
