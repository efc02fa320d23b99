"""What metrics promise."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from posegen.core import Batch, Kind, Metric, UserError
from posegen.plugins.testing.functions import FunctionCase
from posegen.plugins.testing.inputs import Inputs, Reference, Size, pictures
from posegen.plugins.testing.promises import Broken, NotApplicable, describe, promise, require

#: Tensor that a batch need not have -> the word for it in a spec's `needs`.
OPTIONAL = {"target_mask": "mask", "target_keypoints": "keypoint", "source": "source"}


@dataclass(kw_only=True)
class MetricCase(FunctionCase):
    """A metric, and how to feed it.

    Attributes:
        count: how many pictures it is computed over; at least 2.
    """

    count: int = 6

    def example(
        self, component: Any, size: Size | None = None, count: int = 2, seed: int = 0
    ) -> Inputs:
        return pictures(self.count, size or self.sizes[0], seed).tensors

    def run(self, component: Any, inputs: Inputs) -> Tensor:
        return self.seen(Batch(inputs)).compute()

    def shown(self, *, noise: float = 0.2, seed: int = 0) -> Batch:
        """Return `count` pairs; without noise, the generated pictures are the targets."""
        return pictures(self.count, self.sizes[0], seed, noise=noise)

    def seen(self, whole: Batch, bounds: Sequence[int] = ()) -> Metric:
        """Return a metric that has seen pairs, in batches that end at `bounds`."""
        metric = prepared(self.build(), whole)
        for start, stop in pairwise([0, *bounds, len(whole)]):
            if stop > start:
                metric.update(whole.part(start, stop))
        return metric

    def score(self, whole: Batch) -> float:
        """Return the score of a batch."""
        return float(self.seen(whole).compute())

    def merged(self, whole: Batch, bounds: Sequence[int]) -> Metric:
        """Return the metrics of several processes, merged into the first one as an evaluation does.

        Process n has the pairs from `bounds[n]` to `bounds[n + 1]`.
        """
        metrics = [self.seen(whole.part(start, stop)) for start, stop in pairwise(bounds)]
        *others, last = [metric.metric_state for metric in metrics]
        merged = metrics[0]
        for name, value in last.items():
            setattr(merged, name, value)
        for state in reversed(others):
            merged.merge_state(state)
        return merged


def prepared(metric: Metric, whole: Batch) -> Metric:
    """Show a metric the reference images where it needs them."""
    if metric.needs_reference:
        height, width = whole.target.shape[-2:]
        metric.see_reference(Reference((height, width)))
    return metric


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-5 * max(1.0, abs(one))


@promise(Kind.METRIC, where="Metric.compute")
def score(case: MetricCase) -> None:
    """`compute` returns a finite float64 scalar, for pictures of every size, and the same however
    the pairs are cut into batches."""
    for size in case.sizes:
        whole, scores = pictures(case.count, size), []
        for bounds in ((), (1,), range(1, len(whole))):
            made = case.seen(whole, tuple(bounds)).compute()
            good = isinstance(made, Tensor) and made.dim() == 0 and made.dtype == torch.float64
            require(good and made.isfinite(), f"for pictures of {size} it is {made!r}")
            scores.append(float(made))
            good = _near(scores[0], scores[-1])
            count = len(bounds) + 1
            require(good, f"it is {scores[0]:.6g} of one batch and {scores[-1]:.6g} of {count}")


@promise(Kind.METRIC)
def merge(case: MetricCase) -> None:
    """States are torchmetrics states: merged over processes, they give the score of one."""
    whole = case.shown()
    alone = case.seen(whole)
    last, half = len(whole), len(whole) // 2
    for bounds in ((0, 1, last), (0, half, half, last), (0, half, last, last)):  # some are idle
        made = case.merged(whole, bounds)
        one, several = float(alone.compute()), float(made.compute())
        shares = [b - a for a, b in pairwise(bounds)]
        what = f"{several:.6g} in {len(shares)} with {shares} pairs"
        require(_near(one, several), f"it is {one:.6g} in one process and {what}")
        expected, values = alone.per_image(), made.per_image()
        good = expected is None or (
            values is not None and torch.allclose(expected, values, equal_nan=True)
        )
        require(good, "merged, the values per image are not in the order of the pairs")


@promise(Kind.METRIC, where="Metric.per_image")
def per_image(case: MetricCase) -> None:
    """`per_image` returns None, or one value per image in the order of the updates, each a function
    of its own pair."""
    whole = case.shown()
    values = case.seen(whole, (1,)).per_image()
    if values is None:
        return
    good = tuple(values.shape) == (len(whole),)
    require(good, f"for {len(whole)} images it has the shape {tuple(values.shape)}")
    for index in range(len(whole)):
        alone = case.seen(whole.part(index, index + 1)).per_image()
        good = alone is not None and torch.allclose(alone[0], values[index], 1e-4, equal_nan=True)
        require(good, "the value of an image depends on the others, or is not at its place")


@promise(Kind.METRIC)
def reset(case: MetricCase) -> None:
    """After `reset` a metric is as new, and so is a `copy.deepcopy` of a new one: every row of a
    table has its own."""
    whole, other = case.shown(), case.shown(seed=7)
    expected = case.score(whole)
    again, original = case.seen(other), prepared(case.build(), whole)
    again.compute()
    again.reset()
    copied = copy.deepcopy(original)
    original.update(other)
    problems = {
        "after `reset` it remembers what it saw before": prepared(again, whole),
        "a copy shares its state with its original": copied,
    }
    for problem, metric in problems.items():
        metric.update(whole)
        require(_near(expected, float(metric.compute())), problem)


@promise(Kind.METRIC, where="MetricSpec")
def _range(case: MetricCase) -> None:
    """Score and values are in the spec's value_range."""
    low, high = (bound for bound in case.spec.value_range)
    for noise in (0.2, 0.0, 2.0):
        metric = case.seen(case.shown(noise=noise))
        values = metric.per_image()
        every = metric.compute()[None] if values is None else values[~values.isnan()]
        for value in every.tolist():
            good = (low is None or value >= low - 1e-6) and (high is None or value <= high + 1e-6)
            require(good, f"{value:.6g} is not in value_range {case.spec.value_range}")


@promise(Kind.METRIC, where="MetricSpec")
def direction(case: MetricCase) -> None:
    """The spec's direction says which way is better, "higher" or "lower"."""
    sign = {"higher": 1, "lower": -1}[case.spec.direction]
    best, worse, worst = (case.score(case.shown(noise=noise)) for noise in (0.0, 0.2, 1.0))
    if best == worst and any("detector" in need for need in case.spec.needs):
        raise NotApplicable("there is nobody in the kit's pictures whom a detector could find")
    require(
        sign * best > sign * worse > sign * worst,
        f"{case.spec.direction} is better, and the targets themselves score {best:.6g}, noisy "
        f"pictures {worse:.6g}, noisier ones {worst:.6g}",
    )


@promise(Kind.METRIC, where="MetricSpec")
def needs(case: MetricCase) -> None:
    """What a metric reads beside the pictures is in the spec's `needs`; where it is not there, a
    posegen.core error says so."""
    whole = case.shown()
    for name, word in OPTIONAL.items():
        try:
            case.score(Batch({key: x for key, x in whole.tensors.items() if key != name}))
        except UserError:
            good = any(word in need for need in case.spec.needs)
            require(good, f"it needs {word}s, and the spec's `needs` is {case.spec.needs}")
        except Exception as error:
            raise Broken(f"without {word}s it raises {describe(error)}") from error


@promise(Kind.METRIC)
def memory(case: MetricCase) -> None:
    """Memory does not grow by more than a few numbers per image."""
    whole = case.shown()
    one, all_ = (_numbers(case.seen(pairs)) for pairs in (whole.part(0, 1), whole))
    grown = (all_ - one) / (len(whole) - 1)
    good = grown < whole.target[0].numel() // 4
    require(good, f"states grow by {grown:.0f} numbers per image")


def _numbers(metric: Metric) -> int:
    states = [s if isinstance(s, list) else [s] for s in metric.metric_state.values()]
    return sum(tensor.numel() for state in states for tensor in state)
