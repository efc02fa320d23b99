"""How sure a mean is: bootstrap intervals, and differences on the same pairs. Free of torch.

The images of an evaluation are taken as a sample of all images there could be. Drawing as many
again from them, with replacement, shows how much the mean would vary with another sample (Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13: percentile intervals).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

#: How often the values are drawn anew: an interval's ends are then sure to about 3% of its width.
RESAMPLES = 2000

_NUMBERS_AT_ONCE = 4_000_000  # drawn values in memory


@dataclass(frozen=True)
class Paired:
    """How B differs from A. All but the first three are None for a score without values per image.

    Attributes:
        a, b: the means over the pairs that both have a value for.
        difference: b - a.
        interval: its 95% confidence interval; None for fewer than two pairs.
        wins, ties, losses: on how many pairs B is better than A, equal but for the rounding of
            float64, worse.
        count: on how many pairs both have a value.
    """

    a: float
    b: float
    difference: float
    interval: tuple[float, float] | None = None
    wins: int | None = None
    ties: int | None = None
    losses: int | None = None
    count: int | None = None

    @property
    def share(self) -> float | None:
        """On which part of the pairs B is better."""
        return self.wins / self.count if self.count and self.wins is not None else None


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


def paired(a: ArrayLike, b: ArrayLike, direction: str) -> Paired | None:
    """Compare two subjects' values on the same pairs.

    The interval is that of the mean difference per pair, which is narrower than two intervals side
    by side suggest: what makes a pair hard is hard for both.

    Args:
        a, b: (N,) the values, pair by pair; a pair where either is not finite is left out.
        direction: which way is better, "higher" or "lower".

    Returns:
        The comparison, or None where no pair has both values.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    both = np.isfinite(first) & np.isfinite(second)
    first, second = first[both], second[both]
    if len(first) == 0:
        return None
    differs = ~np.isclose(first, second, rtol=1e-9, atol=1e-12)
    higher, lower = int((differs & (second > first)).sum()), int((differs & (second < first)).sum())
    wins, losses = (higher, lower) if direction == "higher" else (lower, higher)
    difference = second - first
    return Paired(
        a=float(first.mean()),
        b=float(second.mean()),
        difference=float(difference.mean()),
        interval=interval(difference),
        wins=wins,
        ties=len(first) - wins - losses,
        losses=losses,
        count=len(first),
    )


def crossed(differences: ArrayLike, level: float = 0.95) -> tuple[float, float] | None:
    """Return the interval of a mean over trainings and pairs, both of which could be others.

    The pairs are the same in every training (rows cross columns), so chance comes from three
    places: from the training, from the pair, and from both together. With the mean squares of a
    two-way random-effects model without replication, the variance of the whole mean is
    (MS_rows + MS_columns - MS_rest) / (S·P), and its degrees of freedom are Satterthwaite's
    (Searle, Casella and McCulloch, Variance Components, 1992; Satterthwaite, Biometrics Bulletin
    2(6), 1946). A bootstrap would not do: it has only 27 ways to draw 3 of 3
    trainings, and its intervals are then far too narrow.

    Args:
        differences: (S, P) one value per training and pair, all finite; S and P from 1 on.
        level: how often such an interval holds the true mean.

    Returns:
        Its two ends. With one training it is the bootstrap's over pairs, and says nothing of other
        trainings; with one column (a score that has no value per pair), Student's over the
        trainings. None for a single number.
    """
    values = np.asarray(differences, dtype=np.float64)
    rows, columns = values.shape
    if rows == 1:
        return interval(values[0], level)
    from scipy.stats import t  # here, because it takes half a second

    mean = values.mean()
    of_rows, of_columns = values.mean(axis=1) - mean, values.mean(axis=0) - mean
    rest = values - mean - of_rows[:, None] - of_columns[None, :]
    freedom = np.array([rows - 1, columns - 1, (rows - 1) * (columns - 1)], dtype=np.float64)
    sums = np.array([columns * (of_rows**2).sum(), rows * (of_columns**2).sum(), (rest**2).sum()])
    squares = np.divide(sums, freedom, out=np.zeros(3), where=freedom > 0)
    # The difference can be less than one of its parts, by chance; then that part is taken.
    total = max(squares[0] + squares[1] - squares[2], squares[0], squares[1])
    shares = np.divide(squares**2, freedom, out=np.zeros(3), where=freedom > 0).sum()
    if total == 0 or shares == 0:
        return float(mean), float(mean)
    half = t.ppf((1 + level) / 2, max(1.0, total**2 / shares)) * np.sqrt(total / values.size)
    return float(mean - half), float(mean + half)
