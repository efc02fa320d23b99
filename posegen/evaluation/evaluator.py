"""The engine of `posegen eval`: pictures through the columns of protocols.

Beside the model, the row "copy the source" is scored on the same pairs: a model that does not beat
it has not learnt the pose. A metric that cannot be computed costs its own value and no other's.
Pairs are streamed, and every picture is made once, however many protocols look at it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from posegen.compute.process import Process
from posegen.core.errors import DataError, PosegenError
from posegen.core.metrics import ReferenceImages, ScoredBatch
from posegen.evaluation.metric_run import MetricRun, reason
from posegen.evaluation.plan import Column, Plan
from posegen.evaluation.protocols import Step, Variant
from posegen.evaluation.protocols.prepare import as_saved, prepare, to_8bit
from posegen.evaluation.result import ProtocolScores
from posegen.evaluation.streams import PairPictures, Stream

#: Preparation of the reference images -> those images; None where there are none.
References = Callable[[tuple[Step, ...]], ReferenceImages]


def score(
    stream: Stream,
    plans: Sequence[Plan],
    process: Process,
    *,
    references: References | None = None,
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
        on_progress: called after each batch with this process's pairs done and in all.

    Returns:
        (source, target) of every pair in order, and the scores of each plan.

    Raises:
        DataError, PosegenError: what the stream raises.
    """
    device = _metric_device(process.device)
    runs = [_Runs(plan, stream.rows, device, references, process) for plan in plans]
    names: list[tuple[str, str]] = []
    for pictures in stream:
        moved = _on(pictures, device)
        for run in runs:
            run.update(moved, stream.total, stream.fresh)
        names += zip(pictures.source_names, pictures.target_names, strict=True)
        if on_progress is not None:
            on_progress(len(names), len(stream))
    for run in runs:
        run.merge(process)
    names = [name for part in process.gather(names) for name in part]
    scores = [run.finish(len(names)) for run in runs] if process.is_main else []
    return process.agree((names, scores))


class _Runs:
    """A plan's metrics on every row."""

    def __init__(
        self,
        plan: Plan,
        rows: Sequence[str],
        device: torch.device,
        references: References | None,
        process: Process,
    ) -> None:
        self.plan, self.rows = plan, rows
        self.runs = [
            (column, _build(column, rows, device, references, process)) for column in plan.columns
        ]

    def update(self, pictures: PairPictures, total: int, fresh: bool) -> None:
        """Show a batch to every column, prepared for it."""
        of_targets: dict[tuple[Step, ...], dict[Hashable, Any]] = {}
        for row in self.rows:
            plain = _view(pictures, row, total, self.plan.variant, fresh)
            prepared: dict[tuple[Step, ...], ScoredBatch | PosegenError] = {}
            for column, runs in self.runs:
                steps = column.steps
                if steps not in prepared:
                    made = of_targets.setdefault(steps, {})  # the rows have the same targets
                    prepared[steps] = _try_prepare(plain, steps, made)
                runs[row].update(prepared[steps], column)

    def merge(self, process: Process) -> None:
        """Bring what all processes have seen to the first."""
        for _, runs in self.runs:
            for run in runs.values():
                run.merge(process)

    def finish(self, pairs: int) -> ProtocolScores:
        """Compute the scores."""
        protocol = self.plan.protocol
        result = ProtocolScores(
            protocol.name,
            protocol.version,
            self.plan.label,
            self.plan.definition,
            {row: {} for row in self.rows},
            {row: {} for row in self.rows},
        )
        for column, runs in self.runs:
            for row, run in runs.items():
                result.scores[row][column.name], values = run.finish(column, pairs)
                if values is not None:
                    padded = values + [math.nan] * (pairs - len(values))
                    result.per_image[row][column.name] = padded
        return result


def _build(
    column: Column,
    rows: Sequence[str],
    device: torch.device,
    references: References | None,
    process: Process,
) -> dict[str, MetricRun]:
    """Build a metric, and copy it for the other rows: reading weights is slow."""
    try:
        metric = column.build().to(device)
        # The states are joined here; torchmetrics would wait for the other processes' own.
        metric.distributed_available_fn = _alone
        if metric.needs_reference and process.is_main:
            if references is None:
                raise DataError(
                    f"{column.name} is against a set of real images and none is known; give a "
                    "folder of them with --reference."
                )
            metric.see_reference(references(column.reference_steps))
        return {row: MetricRun(metric if row == rows[0] else metric.clone()) for row in rows}
    except Exception as error:  # weights missing, or anything that a plugin raises
        return {row: MetricRun(None, reason(error)) for row in rows}


def _alone() -> bool:
    return False


def _view(
    pictures: PairPictures, row: str, total: int, variant: Variant, fresh: bool
) -> ScoredBatch:
    """Return a batch as a protocol has it before any preparation: finished 8-bit pictures."""

    def written(images: Tensor) -> Tensor:
        return as_saved(images, variant.saved_as, variant.jpeg_quality) if fresh else images

    generated = pictures.generated[row]
    if generated.dtype != torch.uint8:
        generated = to_8bit(generated, variant.rounding)
    return ScoredBatch(
        generated=written(generated),
        target=written(pictures.target) if variant.saved_targets else pictures.target,
        source=pictures.source,
        target_keypoints=pictures.target_keypoints,
        target_mask=pictures.target_mask,
        source_names=pictures.source_names,
        target_names=pictures.target_names,
        first=pictures.first,
        total=total,
    )


def _try_prepare(
    batch: ScoredBatch, steps: tuple[Step, ...], of_targets: dict[Hashable, Any]
) -> ScoredBatch | PosegenError:
    try:
        return prepare(batch, steps).sharing_targets(of_targets)
    except PosegenError as error:
        return error


def _on(pictures: PairPictures, device: torch.device) -> PairPictures:
    if pictures.target.device.type == device.type:
        return pictures

    def moved(value: Any) -> Any:
        return value.to(device) if isinstance(value, Tensor) else value

    fields = {key: moved(value) for key, value in vars(pictures).items()}
    fields["generated"] = {row: moved(image) for row, image in pictures.generated.items()}
    return PairPictures(**fields)


def _metric_device(device: torch.device) -> torch.device:
    """Scores are float64, which Apple's GPUs do not have."""
    return torch.device("cpu") if device.type == "mps" else device
