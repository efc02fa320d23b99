"""Charts as SVG text, drawn with the page's own colours. Free of torch.

Each has a sentence for those who cannot see it. A chart scales with the page; its labels are text
that can be selected and searched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

_WIDTH, _HEIGHT = 340, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 10, 26
_BINS = (12, 40)  # least and most bars
_POINTS = 240  # of a curve


@dataclass(frozen=True)
class Series:
    """One subject's numbers in a chart.

    Attributes:
        label: its name.
        style: the class of its colour in the page's style: `s0`, `s1`, …, or `base`.
        x: (N,) values of a histogram; steps of a curve.
        y: (N,) heights of a curve.
    """

    label: str
    style: str
    x: NDArray[np.float64]
    y: NDArray[np.float64] | None = None


def histogram(title: str, series: Sequence[Series]) -> Markup | None:
    """Draw how values are distributed, all series over each other, in shares of their images.

    Args:
        title: what the values are, for those who cannot see the chart.
        series: the values in `x`; NaN and infinite ones are left out.

    Returns:
        The chart, or None where no series has two values.
    """
    shown = [(s, s.x[np.isfinite(s.x)]) for s in series]
    shown = [(s, values) for s, values in shown if len(values) > 1]
    if not shown:
        return None
    pooled = np.concatenate([values for _, values in shown])
    count = len(np.histogram_bin_edges(pooled, bins="auto")) - 1
    edges = np.histogram_bin_edges(pooled, bins=min(max(count, _BINS[0]), _BINS[1]))
    shares = [np.histogram(values, edges)[0] / len(values) * 100 for _, values in shown]
    axes = _Axes((edges[0], edges[-1]), (0.0, float(max(s.max() for s in shares))))
    body = [axes.draw("%")]
    for (one, values), heights in zip(shown, shares, strict=True):
        outline = _points(axes, np.repeat(edges, 2), np.pad(np.repeat(heights, 2), 1))
        body.append(Markup('<path class="area {}" d="M{}"/>').format(one.style, outline))
        mean = axes.x(float(values.mean()))
        body.append(
            Markup('<line class="mean {}" x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}"/>').format(
                one.style, mean, mean, _TOP, _HEIGHT - _BOTTOM
            )
        )
    means = "; ".join(f"{one.label}: mean {values.mean():.4g}" for one, values in shown)
    return _svg(f"Distribution of {title} over the images. {means}.", body)


def curves(title: str, series: Sequence[Series]) -> Markup | None:
    """Draw how a value changed over the steps: each series faint as logged, and smoothed.

    Returns:
        The chart, or None where no series has two points.
    """
    shown = []
    for one in series:
        assert one.y is not None
        kept = np.isfinite(one.y)
        if kept.sum() > 1:
            x, y = _thinned(one.x[kept], one.y[kept])
            shown.append((one, x, y, smoothed(y)))
    if not shown:
        return None
    xs = np.concatenate([x for _, x, _, _ in shown])
    # A few outliers, mostly of the first steps, must not press all else flat.
    ys = np.concatenate(
        [np.r_[np.percentile(y, [1, 99]), soft.min(), soft.max()] for *_, y, soft in shown]
    )
    axes = _Axes((xs.min(), xs.max()), (ys.min(), ys.max()))
    body = [axes.draw("")]
    for one, x, y, soft in shown:
        for style, heights in (("raw", y), ("curve", soft)):
            line = _points(axes, x, heights.clip(*axes.vertical))
            body.append(Markup('<path class="{} {}" d="M{}"/>').format(style, one.style, line))
    ends = "; ".join(f"{one.label}: {soft[-1]:.4g} at the end" for one, _, _, soft in shown)
    return _svg(f"{title} over the training steps, smoothed. {ends}.", body)


def smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return averages over about a twentieth of the points, those before and after alike."""
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(values, len(values) / 40, mode="nearest"))


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return round numbers (1, 2 or 5 times a power of ten apart) within a range."""
    if not high > low:
        return [low]
    rough = (high - low) / count
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


class _Axes:
    """Where values are on the drawing."""

    def __init__(self, horizontal: tuple[float, float], vertical: tuple[float, float]) -> None:
        self.horizontal, self.vertical = _widened(horizontal), _widened(vertical)

    def x(self, value: float) -> float:
        low, high = self.horizontal
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        low, high = self.vertical
        return _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    def draw(self, unit: str) -> Markup:
        """Return the grid's lines and their labels."""
        parts = []
        for value in ticks(*self.vertical, 4):
            y = self.y(value)
            parts.append(
                Markup(
                    '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
                    '<text x="{}" y="{:.1f}" text-anchor="end">{}</text>'
                ).format(_LEFT, _WIDTH - _RIGHT, y, y, _LEFT - 6, y + 3.5, f"{_short(value)}{unit}")
            )
        for value in ticks(*self.horizontal):
            parts.append(
                Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
                    self.x(value), _HEIGHT - 8, _short(value)
                )
            )
        return Markup("").join(parts)


def _widened(ends: tuple[float, float]) -> tuple[float, float]:
    """Return the ends of an axis: of a single value, something on both sides."""
    low, high = float(ends[0]), float(ends[1])
    if high > low:
        return low, high
    around = abs(low) / 10 or 1.0
    return low - around, high + around


def _short(value: float) -> str:
    """Return a tick's label: `0.05`, `20`, `40k`."""
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:g}".replace("-", "−")


def _thinned(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return at most so many points as a small chart can show, each the mean of neighbours."""
    if len(x) <= _POINTS:
        return x, y
    starts = np.arange(_POINTS) * len(x) // _POINTS
    counts = np.diff(np.append(starts, len(x)))
    return np.add.reduceat(x, starts) / counts, np.add.reduceat(y, starts) / counts


def _points(axes: _Axes, x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    return "L".join(f"{axes.x(a):.1f} {axes.y(b):.1f}" for a, b in zip(x, y, strict=True))


def _svg(description: str, body: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(_WIDTH, _HEIGHT, escape(description), Markup("").join(body))
