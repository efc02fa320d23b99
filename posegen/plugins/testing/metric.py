"""`check_metric`."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from posegen.core import Kind, Metric, MetricSpec, UserError
from posegen.plugins.testing.inputs import SIZES, Reference, Size, part, perfect, scored
from posegen.plugins.testing.metric_case import MetricCase
from posegen.plugins.testing.report import Check, Report, check, reseed
from posegen.plugins.testing.subject import Subject, examine

#: Field of a `ScoredBatch` that can be None -> the word for it in a spec's `needs`.
OPTIONAL = {"target_mask": "mask", "target_keypoints": "keypoint", "source": "source"}


def check_metric(
    component: str | MetricSpec,
    *,
    options: Mapping[str, Any] | None = None,
    sizes: Sequence[Size] = SIZES,
    count: int = 6,
    skip: Mapping[str, str] | None = None,
) -> Report:
    """Test a metric against its contract.

    Args:
        component: its name among the installed plugins, or its spec.
        options: its options; by default the example that its configuration class gives, else the
            defaults.
        sizes: (H, W) of the pictures.
        count: how many pictures it is computed over; at least 2.
        skip: name of a check -> why it is left out.
    """
    subject = Subject(Kind.METRIC, component, options)
    case = MetricCase(subject, sizes, count)
    return examine(subject, subject.build, case, METRIC, skip)


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-5 * max(1.0, abs(one))


@check(
    "spec",
    asks="the spec says in one line how the number is computed, which way is better, and bounds "
    "that make sense",
    where="posegen.core.MetricSpec",
)
def spec(case: MetricCase) -> str | None:
    """A reader of a table knows what the number is."""
    found = case.spec
    if found.direction not in ("higher", "lower"):
        return f"the direction is {found.direction!r}"
    if not found.protocol.strip() or "\n" in found.protocol:
        return "the protocol is empty, or more than one line"
    low, high = found.value_range
    sane = low is None or high is None or low < high
    return None if sane else f"value_range is {found.value_range}"


@check(
    "score",
    asks="`compute` returns a finite float64 scalar, for pictures of every size and batches of "
    "every length",
    where="posegen.core.Metric.compute",
)
def score(case: MetricCase) -> str | None:
    """One number comes out."""
    for size in case.sizes:
        for bounds in ((), (1,)):
            found = case.seen(case.pictures(size), bounds).compute()
            if not isinstance(found, Tensor) or found.dim() != 0 or found.dtype != torch.float64:
                shown = (
                    f"{found.dtype} {tuple(found.shape)}" if isinstance(found, Tensor) else found
                )
                return f"for pictures of {size} it is {shown}"
            if not found.isfinite():
                return f"for pictures of {size} it is {float(found)}"
    return None


@check(
    "batches",
    asks="the score does not depend on how the pairs are cut into batches",
    where="posegen.core.Metric",
)
def batches(case: MetricCase) -> str | None:
    """One batch or many give one number."""
    whole = case.pictures()
    wanted = float(case.seen(whole).compute())
    for bounds in ((1,), range(1, len(whole))):
        found = float(case.seen(whole, tuple(bounds)).compute())
        if not _near(wanted, found):
            return f"it is {wanted:.6g} of one batch and {found:.6g} of {len(bounds) + 1}"
    return None


@check(
    "merge",
    asks="states are torchmetrics states: merged over processes, they give the score of one",
    where="posegen.core.Metric",
)
def merge(case: MetricCase) -> str | None:
    """Every split of the pairs over processes gives one number, an idle process included."""
    whole = case.pictures()
    alone = case.seen(whole)
    last, half = len(whole), len(whole) // 2
    for bounds in ((0, 1, last), (0, half, half, last), (0, half, last, last)):
        found = case.merged(whole, bounds)
        if not _near(float(alone.compute()), float(found.compute())):
            shares = [b - a for a, b in pairwise(bounds)]
            return (
                f"it is {float(alone.compute()):.6g} in one process and "
                f"{float(found.compute()):.6g} in {len(shares)} with {shares} pairs"
            )
        wanted, values = alone.per_image(), found.per_image()
        if wanted is not None and not (
            values is not None and torch.allclose(wanted, values, equal_nan=True)
        ):
            return "merged, the values per image are not in the order of the pairs"
    return None


@check(
    "per-image",
    asks="`per_image` returns None, or one value per image in the order of the updates, each a "
    "function of its own pair",
    where="posegen.core.Metric.per_image",
)
def per_image(case: MetricCase) -> str | None:
    """Every image has its own value."""
    whole = case.pictures()
    values = case.seen(whole, (1,)).per_image()
    if values is None:
        return None
    if tuple(values.shape) != (len(whole),):
        return f"for {len(whole)} images it has the shape {tuple(values.shape)}"
    for index in range(len(whole)):
        alone = case.seen(part(whole, index, index + 1)).per_image()
        if alone is None or not torch.allclose(alone[0], values[index], 1e-4, equal_nan=True):
            return "the value of an image depends on the others, or is not at its place"
    return None


@check("reset", asks="after `reset` a metric is as new", where="posegen.core.Metric")
def reset(case: MetricCase) -> str | None:
    """Nothing is left of earlier pairs."""
    whole = case.pictures()
    metric = case.seen(scored(case.count, case.sizes[0], seed=7))
    metric.compute()
    metric.reset()
    if metric.needs_reference:
        metric.see_reference(Reference(case.sizes[0]))
    metric.update(whole)
    good = _near(case.score(whole), float(metric.compute()))
    return None if good else "after `reset` it remembers what it saw before"


@check(
    "copy",
    asks="copy.deepcopy of a metric works: every row of a table has its own",
    where="posegen.core.Metric",
)
def copied(case: MetricCase) -> str | None:
    """A copy does not see what its original sees."""
    whole = case.pictures()
    metric = case.fresh()
    other = copy.deepcopy(metric)
    metric.update(scored(case.count, case.sizes[0], seed=7))
    other.update(whole)
    found = float(other.compute())
    good = _near(case.score(whole), found)
    return None if good else "a copy shares its state with its original"


@check(
    "deterministic",
    asks="the same pictures give the same score",
    where="posegen.core.Metric",
)
def deterministic(case: MetricCase) -> str | None:
    """Global random generators do not matter."""
    scores = []
    for seed in (1, 2):
        reseed(seed)
        scores.append(case.score(case.pictures()))
    return None if scores[0] == scores[1] else f"it is {scores[0]:.6g}, then {scores[1]:.6g}"


@check(
    "range",
    asks="score and values are in the spec's value_range",
    where="posegen.core.MetricSpec",
)
def value_range(case: MetricCase) -> str | None:
    """No value is beyond the bounds."""
    low, high = case.spec.value_range
    whole = case.pictures()
    for pictures in (whole, perfect(whole), case.pictures(noise=2.0)):
        metric = case.seen(pictures)
        values = metric.per_image()
        every = metric.compute()[None] if values is None else values[~values.isnan()]
        for value in every.tolist():
            if (low is not None and value < low - 1e-6) or (
                high is not None and value > high + 1e-6
            ):
                return f"{value:.6g} is not in value_range {case.spec.value_range}"
    return None


@check(
    "direction",
    asks="the spec's direction says which way is better",
    where="posegen.core.MetricSpec",
)
def direction(case: MetricCase) -> str | None:
    """Perfect pictures score better than noisy ones, and these than noisier ones."""
    sign = 1 if case.spec.direction == "higher" else -1
    best = case.score(perfect(case.pictures()))
    worse, worst = (case.score(case.pictures(noise=noise)) for noise in (0.2, 1.0))
    if not (sign * best > sign * worse > sign * worst):
        return (
            f"{case.spec.direction} is better, and the targets themselves score {best:.6g}, noisy "
            f"pictures {worse:.6g}, noisier ones {worst:.6g}"
        )
    return None


@check(
    "needs",
    asks="what a metric reads beside the pictures is in the spec's `needs`; where it is not there, "
    "a posegen.core error says so",
    where="posegen.core.MetricSpec",
)
def needs(case: MetricCase) -> str | None:
    """Without masks, keypoints or sources it works, or says what it lacks."""
    for field, word in OPTIONAL.items():
        lacking = replace(case.pictures(), **{field: None})  # type: ignore[arg-type]
        try:
            case.score(lacking)
        except UserError:
            if not any(word in need for need in case.spec.needs):
                return f"it needs {word}s, and the spec's `needs` is {case.spec.needs}"
        except Exception as error:
            raise RuntimeError(f"without {word}s: {type(error).__name__}: {error}") from error
    return None


@check("inputs", asks="pictures stay as they are", where="posegen.core.ScoredBatch")
def inputs_unchanged(case: MetricCase) -> str | None:
    """Nothing is written into the pictures."""
    whole = case.pictures()
    before = {key: value.clone() for key, value in vars(whole).items() if isinstance(value, Tensor)}
    case.seen(whole)
    same = all(torch.equal(value, getattr(whole, key)) for key, value in before.items())
    return None if same else "it writes into the pictures"


@check(
    "memory",
    asks="memory does not grow by more than a few numbers per image",
    where="posegen.core.Metric",
)
def memory(case: MetricCase) -> str | None:
    """States do not keep pictures."""
    whole = case.pictures()
    once, twice = (_numbers(case.seen(pictures)) for pictures in (part(whole, 0, 1), whole))
    grown = (twice - once) / (len(whole) - 1)
    limit = whole.target[0].numel() // 4
    return None if grown < limit else f"states grow by {grown:.0f} numbers per image"


def _numbers(metric: Metric) -> int:
    states = [s if isinstance(s, list) else [s] for s in metric.metric_state.values()]
    return sum(tensor.numel() for state in states for tensor in state)


METRIC: tuple[Check[MetricCase], ...] = (
    spec,
    score,
    batches,
    merge,
    per_image,
    reset,
    copied,
    deterministic,
    value_range,
    direction,
    needs,
    inputs_unchanged,
    memory,
)
