"""One metric, through all that can go wrong with it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from posegen.compute.process import Process
from posegen.core.batches import Batch
from posegen.core.errors import DataError, PosegenError
from posegen.core.metrics import Metric, ReferenceImages
from posegen.evaluation.plan import Column
from posegen.evaluation.protocols.schema import Step
from posegen.evaluation.result import Score
from posegen.evaluation.statistics import interval

#: Preparation of the reference images -> those images; None where there are none.
References = Callable[[tuple[Step, ...]], ReferenceImages]

_log = logging.getLogger(__name__)


def build_metric(column: Column, process: Process, references: References | None = None) -> Metric:
    """Build a column's metric; the first process's one sees the reference images.

    Raises:
        DataError: where it needs reference images and none are known.
        Exception: what its constructor raises.
    """
    # Scores are float64, which Apple's GPUs do not have.
    device = torch.device("cpu") if process.device.type == "mps" else process.device
    metric: Metric = column.build().to(device)
    # States are joined by `merge`; torchmetrics would wait for the other processes' own.
    metric.distributed_available_fn = _alone
    if metric.needs_reference and process.is_main:
        if references is None:
            raise DataError(
                f"{column.name} is against a set of real images and none is known; give a "
                "folder of them with --reference."
            )
        metric.see_reference(references(column.reference_steps))
    return metric


def merge(metric: Metric, states: Sequence[dict[str, Any]]) -> Metric:
    """Give a metric the states of several, in order; it moves to the CPU.

    torchmetrics' own synchronisation needs the same shapes and no failure in all processes.
    """
    # `merge_state` puts what comes in before what is there: from the last to the first.
    last, *others = reversed(states)
    metric = metric.cpu()
    for name, value in last.items():
        setattr(metric, name, value)
    for other in others:
        metric.merge_state(other)
    return metric


def state_of(metric: Metric) -> dict[str, Any]:
    """Return a metric's state on the CPU, for `merge`."""
    return {name: _on_cpu(value) for name, value in metric.metric_state.items()}


class MetricRun:
    """A column's metric on one row, until something goes wrong with it."""

    def __init__(self, column: Column, metric: Metric | None, error: str | None = None) -> None:
        self.column, self.metric, self.error = column, metric, error
        # Of a metric that could not be built nothing is said: its spec knows the defaults only.
        self.protocol = "" if metric is None else _described(metric) or column.spec.protocol

    def update(self, batch: Batch | PosegenError) -> None:
        """Take a batch in, or why it could not be prepared."""
        if self.metric is None:
            return
        try:
            if isinstance(batch, PosegenError):
                raise batch
            kept = _without_tail(batch, self.column.drop_last)
            if kept is not None:
                self.metric.update(kept)
        except Exception as error:  # a plugin's metric can raise anything
            self.metric, self.error = None, reason(error)

    def join(self, process: Process) -> None:
        """Join the states of all processes in the first one's metric, in the order of the pairs."""
        if not process.distributed:
            return
        state = None if self.metric is None else state_of(self.metric)
        parts = process.gather((self.error, state))
        if not parts or self.metric is None:
            return
        errors = [error for error, _ in parts if error is not None]
        if errors:
            self.metric, self.error = None, errors[0]
        else:
            self.metric = merge(self.metric, [state for _, state in parts if state is not None])

    def finish(self, pairs: int) -> tuple[Score, list[float] | None]:
        """Return the score, and the values of the images where the metric has them."""
        spec, multiple = self.column.spec, self.column.drop_last
        none = Score(spec.name, None, 0, spec.direction, self.protocol, self.error)
        if self.metric is None:
            return none, None
        try:
            if multiple and pairs < multiple:
                raise DataError(
                    f"leaves out the pairs beyond a multiple of {multiple}, and there are only "
                    f"{pairs}."
                )
            value = float(self.metric.compute())
            per_image = self.metric.per_image()
        except Exception as error:  # as above
            return replace(none, error=reason(error)), None
        values = None if per_image is None else per_image.tolist()
        count = pairs - pairs % multiple if multiple else pairs
        if values is not None:
            count = sum(not math.isnan(value) for value in values)
        if count == 0:
            return replace(none, error="no image has a value."), values
        if not math.isfinite(value):
            return replace(none, error=f"the score is {value}."), values
        ends = None if values is None else _interval(value, values)
        return replace(none, value=value, count=count, interval=ends), values


def reason(error: Exception) -> str:
    """Return the sentence of an error raised on purpose; type and first line of any other."""
    if isinstance(error, PosegenError):
        return str(error)
    _log.debug("a metric failed", exc_info=error)
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _interval(score: float, values: list[float]) -> tuple[float, float] | None:
    """Return the interval where the score is the mean of the values."""
    present = [value for value in values if not math.isnan(value)]
    if not math.isclose(math.fsum(present) / len(present), score, rel_tol=1e-9):
        return None
    return interval(present)


def _described(metric: Metric) -> str:
    try:
        return metric.describe() or ""
    except Exception:  # a plugin's metric can raise anything
        return ""


def _without_tail(batch: Batch, multiple: int | None) -> Batch | None:
    """Return the pairs below the last multiple of so many; None where none is."""
    if multiple is None:
        return batch
    total = batch.total - batch.total % multiple
    count = min(len(batch), total - batch.first)
    if count <= 0:
        return None
    kept = batch.part(0, count)
    kept.total = total
    return kept


def _on_cpu(state: Any) -> Any:
    return state.cpu() if isinstance(state, Tensor) else [_on_cpu(value) for value in state]


def _alone() -> bool:
    return False
