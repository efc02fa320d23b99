"""How sure a mean is: bootstrap intervals, and differences on the same pairs. Free of torch.

The images of an evaluation are taken as a sample of all images there could be. Drawing as many
again from them, with replacement, shows how much the mean would vary with another sample (Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13: percentile intervals).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Direction = Literal["higher", "lower"]

#: How often the values are drawn anew: an interval's ends are then sure to about 3% of its width.
RESAMPLES = 2000

_NUMBERS_AT_ONCE = 4_000_000  # drawn values in memory


@dataclass(frozen=True)
class Paired:
    """How the means of B and A differ over the pairs that both have a value for.

    Attributes:
        a, b: the means over these pairs.
        difference: b - a.
        interval: the confidence interval of the difference; None for fewer than two pairs.
        wins, ties, losses: on how many pairs B is better than A, equal but for the rounding of
            float64, worse.
        count: on how many pairs both have a value.
    """

    a: float
    b: float
    difference: float
    interval: tuple[float, float] | None
    wins: int
    ties: int
    losses: int
    count: int


def interval(
    values: ArrayLike, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float] | None:
    """Return the bootstrap percentile interval of the mean of the values.

    Args:
        values: (N,) one value per image; NaN stands for none and is left out.
        level: how often such an interval holds the true mean.
        resamples: how often the values are drawn anew.
        seed: of the draws: the same values give the same interval.

    Returns:
        Its two ends, or None for fewer than two values, or where a value is infinite.
    """
    kept = np.asarray(values, dtype=np.float64)
    kept = kept[~np.isnan(kept)]
    if len(kept) < 2 or not np.isfinite(kept).all():
        return None
    from scipy.stats import bootstrap  # here, because it takes half a second

    result = bootstrap(
        (kept,),
        np.mean,
        method="percentile",
        confidence_level=level,
        n_resamples=resamples,
        batch=max(1, _NUMBERS_AT_ONCE // len(kept)),
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(result.low), float(result.high)


def paired(
    a: Sequence[float] | NDArray[np.float64],
    b: Sequence[float] | NDArray[np.float64],
    direction: Direction,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Paired | None:
    """Compare two subjects' values on the same pairs.

    The interval is that of the mean difference per pair, which is narrower than two intervals side
    by side suggest: what makes a pair hard is hard for both.

    Args:
        a, b: (N,) the values, pair by pair; a pair where either is not finite is left out.
        direction: which way is better.
        level, resamples, seed: as in `interval`.

    Returns:
        The comparison, or None where no pair has both values.

    Raises:
        ValueError: for two different numbers of values.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"{len(first)} and {len(second)} values cannot be paired")
    both = np.isfinite(first) & np.isfinite(second)
    first, second = first[both], second[both]
    if len(first) == 0:
        return None
    equal = np.isclose(first, second, rtol=1e-9, atol=1e-12)
    higher = int((second > first)[~equal].sum())
    lower = len(first) - int(equal.sum()) - higher
    wins, losses = (higher, lower) if direction == "higher" else (lower, higher)
    difference = second - first
    return Paired(
        a=float(first.mean()),
        b=float(second.mean()),
        difference=float(difference.mean()),
        interval=interval(difference, level, resamples, seed),
        wins=wins,
        ties=len(first) - wins - losses,
        losses=losses,
        count=len(first),
    )
