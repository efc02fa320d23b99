"""Scores pictures, and beside them the copied sources, through the columns of protocols.

Beside the model, the row "copy the source" is scored on the same pairs: a model that does not beat
it has not learnt the pose. A metric that cannot be computed costs its own value and no other's.
Pairs are streamed, and every picture is made once, however many protocols look at it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from posegen.compute.process import Process
from posegen.core.batches import Batch
from posegen.core.errors import PosegenError
from posegen.core.metrics import Metric
from posegen.evaluation.causes import PoseLog
from posegen.evaluation.metric_run import MetricRun, References, build_metric, reason
from posegen.evaluation.plan import Plan
from posegen.evaluation.protocols.prepare import as_saved, prepare, to_8bit
from posegen.evaluation.protocols.schema import Step, Variant
from posegen.evaluation.result import ProtocolScores
from posegen.evaluation.streams import Stream

T = TypeVar("T")


def score(
    stream: Stream,
    plans: Sequence[Plan],
    process: Process,
    *,
    references: References | None = None,
    poses: PoseLog | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[list[tuple[str, str]], list[ProtocolScores]]:
    """Score the pairs of a stream under every plan.

    Under torchrun every process calls this with its own stretch of the pairs, and all return the
    same.

    Args:
        stream: the pairs.
        plans: the protocols.
        process: this process.
        references: gives the reference images of scores of distributions.
        poses: keeps the pairs' poses, and has their causes of failure in the end.
        on_progress: called after each batch with this process's pairs done and in all.

    Returns:
        (source, target) of every pair in order, and the scores of each plan.

    Raises:
        DataError, PosegenError: what the stream raises.
    """
    runs = [_build(plan, stream.rows, process, references) for plan in plans]
    names: list[tuple[str, str]] = []
    looks: list[list[str]] = [[] for _ in plans]
    for batch, pictures in stream:
        for plan, of_plan, seen in zip(plans, runs, looks, strict=True):
            seen += _update(of_plan, batch, pictures, plan.variant, stream.fresh)
        names += zip(batch.source_names, batch.target_names, strict=True)
        if poses is not None:
            poses.add(batch)
        if on_progress is not None:
            on_progress(len(names), len(stream))
    for of_plan in runs:
        for of_row in of_plan.values():
            for run in of_row:
                run.join(process)
    names = _joined(process, names)
    looks = [_joined(process, seen) for seen in looks]
    if poses is not None:
        poses.finish(process, [target for _, target in names])
    scores = []
    if process.is_main:
        finished = zip(plans, runs, looks, strict=True)
        scores = [_finish(plan, of_plan, seen) for plan, of_plan, seen in finished]
    return process.agree((names, scores))


def _joined(process: Process, values: list[T]) -> list[T]:
    return [value for part in process.gather(values) for value in part]


#: Row -> its metrics, column by column.
_Runs = dict[str, list[MetricRun]]


def _build(
    plan: Plan, rows: Sequence[str], process: Process, references: References | None
) -> _Runs:
    """Build the metrics, and copy each for the other rows: reading weights is slow."""
    runs: _Runs = {row: [] for row in rows}
    made: Sequence[Metric | None]
    for column in plan.columns:
        try:
            first = build_metric(column, process, references)
            made = [first, *(first.clone() for _ in rows[1:])]
            error = None
        except Exception as failure:  # weights missing, or anything that a plugin raises
            made, error = [None] * len(rows), reason(failure)
        for row, metric in zip(rows, made, strict=True):
            runs[row].append(MetricRun(column, metric, error))
    return runs


def _update(
    runs: _Runs, batch: Batch, pictures: Mapping[str, Tensor], variant: Variant, fresh: bool
) -> list[str]:
    """Show a batch to every metric, prepared for it; return what its targets look like.

    Preparation may differ from column to column; the first one's stands for all.
    """
    looks: list[str] | None = None
    of_targets: dict[tuple[Step, ...], dict[Hashable, Any]] = {}
    for row, of_row in runs.items():
        finished = _finished(batch, pictures[row], variant, fresh)
        prepared: dict[tuple[Step, ...], Batch | PosegenError] = {}
        for run in of_row:
            steps = run.column.steps
            if steps not in prepared:
                made = of_targets.setdefault(steps, {})  # the rows have the same targets
                try:
                    prepared[steps] = prepare(finished, steps).sharing_targets(made)
                except PosegenError as error:
                    prepared[steps] = error
            shown = prepared[steps]
            run.update(shown)
            if looks is None:
                looks = [""] * len(batch) if isinstance(shown, PosegenError) else _looks(shown)
    return looks or [""] * len(batch)


def _looks(batch: Batch) -> list[str]:
    """Return what the targets look like, as `pairing.alike` compares it."""
    target = batch.target
    fields = F.adaptive_avg_pool2d(target.float().mean(dim=1), 4).round().to(torch.uint8)
    size = f"{target.shape[2]}x{target.shape[3]}"
    return [f"{size}:{bytes(levels).hex()}" for levels in fields.flatten(1).tolist()]


def _finish(plan: Plan, runs: _Runs, looks: list[str]) -> ProtocolScores:
    """Compute the scores."""
    protocol, pairs = plan.protocol, len(looks)
    result = ProtocolScores(
        protocol.name,
        protocol.version,
        plan.label,
        plan.definition,
        {row: {} for row in runs},
        {row: {} for row in runs},
        looks,
    )
    for row, of_row in runs.items():
        for run in of_row:
            result.scores[row][run.column.name], values = run.finish(pairs)
            if values is not None:
                padded = values + [math.nan] * (pairs - len(values))
                result.per_image[row][run.column.name] = padded
    return result


def _finished(batch: Batch, generated: Tensor, variant: Variant, fresh: bool) -> Batch:
    """Return a batch as a protocol has it before any preparation: finished 8-bit pictures."""
    if generated.dtype != torch.uint8:
        generated = to_8bit(generated, variant.rounding)
    target = batch.target
    if fresh:
        generated = as_saved(generated, variant.saved_as, variant.jpeg_quality)
        if variant.saved_targets:
            target = as_saved(target, variant.saved_as, variant.jpeg_quality)
    batch = batch.having(generated=generated, target=target)
    return batch.to(torch.device("cpu")) if target.device.type == "mps" else batch
