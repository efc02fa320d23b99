from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from posegen.reports.charts import Series, curves, histogram, smoothed, ticks


def paths(chart, kind):
    """The points of the chart's paths of a kind."""
    root = ElementTree.fromstring(str(chart))
    found = [e.get("d") for e in root.iter("path") if kind in e.get("class").split()]
    return [
        np.array([[float(n) for n in point.split()] for point in d[1:].split("L")]) for d in found
    ]


def test_a_histogram_is_well_formed_and_says_what_it_shows():
    values = np.random.default_rng(0).normal(0.5, 0.1, 500)
    chart = histogram("ssim <b>", [Series('a "&', "s0", values), Series("b", "base", values + 1)])
    root = ElementTree.fromstring(str(chart))
    assert root.get("role") == "img"
    assert root.get("aria-label") == (
        f'Distribution of ssim <b> over the images. a "&: mean {values.mean():.4g}; '
        f"b: mean {values.mean() + 1:.4g}."
    )
    assert len(paths(chart, "s0")) == len(paths(chart, "base")) == 1
    lines = [e for e in root.iter("line") if "mean" in e.get("class")]
    assert len(lines) == 2


def test_a_histogram_s_areas_are_shares():
    values = np.array([0.0] * 30 + [1.0] * 10)
    (points,) = paths(histogram("x", [Series("a", "s0", values)]), "area")
    bottom = points[:, 1].max()
    heights = bottom - points[:, 1]
    assert heights[1] == pytest.approx(3 * heights[-2], rel=0.02)
    assert points[:, 0].min() >= 46
    assert points[:, 0].max() <= 332


def test_values_that_are_none_are_left_out_and_equal_ones_drawn():
    series = Series("a", "s0", np.array([math.nan, 1.0, 1.0, math.inf]))
    assert "mean 1" in str(histogram("x", [series]))
    alone = Series("a", "s0", np.array([1.0, math.nan]))
    assert histogram("x", [alone]) is None
    assert histogram("x", []) is None


def test_curves_show_the_logged_and_the_smoothed_values():
    steps = np.arange(1.0, 5001.0)
    noise = np.random.default_rng(1).normal(0, 0.1, len(steps))
    chart = curves("loss", [Series("a", "s0", steps, 1 / np.sqrt(steps / 100) + noise)])
    (raw,), (soft,) = paths(chart, "raw"), paths(chart, "curve")
    assert len(raw) == len(soft) == 240
    assert np.abs(np.diff(soft[60:, 1])).mean() < 0.3 * np.abs(np.diff(raw[60:, 1])).mean()
    assert len(str(chart)) < 12_000
    assert "20k" not in str(chart)
    assert "4000" in str(chart)


def test_curves_need_two_points():
    assert curves("loss", [Series("a", "s0", np.array([1.0]), np.array([2.0]))]) is None
    broken = Series("a", "s0", np.array([1.0, 2.0]), np.array([2.0, math.nan]))
    assert curves("loss", [broken]) is None
    flat = Series("a", "s0", np.array([1.0, 2.0]), np.array([0.0, 0.0]))
    ElementTree.fromstring(str(curves("loss", [flat])))


def test_smoothing_does_not_lag():
    line = np.linspace(0, 1, 200)
    assert np.abs(smoothed(line) - line)[20:-20].max() < 0.01
    assert smoothed(np.array([3.0])) == 3.0


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.13, 0.37, [0.15, 0.2, 0.25, 0.3, 0.35]),
        (0, 87500, [0, 20000, 40000, 60000, 80000]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
        (2, 2, [2]),
    ],
)
def test_ticks_are_round_numbers(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


def test_long_steps_are_short():
    chart = curves("loss", [Series("a", "s0", np.array([1.0, 80000.0]), np.array([1.0, -2.0]))])
    assert re.findall(r">(\d+k)<", str(chart)) == ["20k", "40k", "60k", "80k"]
    assert ">−1<" in str(chart)
