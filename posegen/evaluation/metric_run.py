"""One metric on one row of a table, through all that can go wrong with it."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import Any

from torch import Tensor

from posegen.compute.process import Process
from posegen.core.errors import DataError, PosegenError
from posegen.core.metrics import Metric, ScoredBatch
from posegen.evaluation.plan import Column
from posegen.evaluation.result import Score
from posegen.evaluation.statistics import interval

_log = logging.getLogger(__name__)


class MetricRun:
    """A metric on one row, until something goes wrong with it."""

    def __init__(self, metric: Metric | None, error: str | None = None) -> None:
        self.metric = metric
        self.error = error
        self.built = metric is not None
        self.description = "" if metric is None else _described(metric)

    def update(self, batch: ScoredBatch | PosegenError, column: Column) -> None:
        """Take a batch in, or learn why it could not be prepared."""
        if self.metric is None:
            return
        try:
            if isinstance(batch, PosegenError):
                raise batch
            kept = _without_tail(batch, column.drop_last)
            if kept is not None:
                self.metric.update(kept)
        except Exception as error:  # a plugin's metric can raise anything
            self.metric, self.error = None, reason(error)

    def merge(self, process: Process) -> None:
        """Join the states of all processes, in the order of the pairs, in the first one's metric.

        torchmetrics' own synchronisation needs the same shapes and no failure in all of them.
        """
        if not process.distributed:
            return
        state = None if self.metric is None else _on_cpu(self.metric.metric_state)
        parts = process.gather((self.error, state))
        if not parts or self.metric is None:
            return
        errors = [error for error, _ in parts if error is not None]
        if errors:
            self.metric, self.error = None, errors[0]
            return
        # `merge_state` puts what comes in before what is there: from the last to the first.
        first, *others = [state for _, state in reversed(parts) if state is not None]
        self.metric = self.metric.cpu()
        for name, value in first.items():
            setattr(self.metric, name, value)
        for other in others:
            self.metric.merge_state(other)

    def finish(self, column: Column, pairs: int) -> tuple[Score, list[float] | None]:
        """Return the score, and the values of the images where the metric has them."""
        described = self.description if self.metric is None else _described(self.metric)
        # Of a metric that could not be built nothing is said: its spec knows the defaults only.
        known = column.spec.protocol if self.built else ""

        def score(value: float | None, count: int, error: str | None, **more: Any) -> Score:
            about = (column.spec.direction, described or known, error)
            return Score(column.spec.name, value, count, *about, **more)

        if self.metric is None:
            return score(None, 0, self.error), None
        try:
            if column.drop_last and pairs < column.drop_last:
                raise DataError(
                    f"leaves out the pairs beyond a multiple of {column.drop_last}, and there are "
                    f"only {pairs}."
                )
            value = float(self.metric.compute())
            per_image = self.metric.per_image()
        except Exception as error:  # as above
            return score(None, 0, reason(error)), None
        values = None if per_image is None else per_image.tolist()
        scored = pairs - pairs % column.drop_last if column.drop_last else pairs
        count = scored if values is None else sum(not math.isnan(v) for v in values)
        if count == 0:
            return score(None, 0, "no image has a value."), values
        if not math.isfinite(value):
            return score(None, 0, f"the score is {value}."), values
        return score(value, count, None, interval=self._interval(value, values)), values

    def _interval(self, value: float, values: list[float] | None) -> tuple[float, float] | None:
        """Return the interval where the score is the mean of the values."""
        present = [v for v in values or [] if not math.isnan(v)]
        if not present or not math.isclose(math.fsum(present) / len(present), value, rel_tol=1e-9):
            return None
        return interval(present)


def _described(metric: Metric) -> str:
    try:
        return metric.describe() or ""
    except Exception:  # a plugin's metric can raise anything
        return ""


def reason(error: Exception) -> str:
    """Return the sentence of an error raised on purpose; type and first line of any other."""
    if isinstance(error, PosegenError):
        return str(error)
    _log.debug("a metric failed", exc_info=error)
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _without_tail(batch: ScoredBatch, multiple: int | None) -> ScoredBatch | None:
    """Return the pairs below the last multiple of so many; None where none is."""
    if multiple is None:
        return batch
    total = batch.total - batch.total % multiple
    count = min(len(batch), total - batch.first)
    if count <= 0:
        return None
    if count == len(batch):
        return replace(batch, total=total)

    def cut(value: Any) -> Any:
        return value[:count] if isinstance(value, Tensor | list | tuple) else value

    fields = {key: cut(value) for key, value in vars(batch).items() if key[0] != "_"}
    return ScoredBatch(**{**fields, "total": total})


def _on_cpu(state: Any) -> Any:
    if isinstance(state, Tensor):
        return state.cpu()
    if isinstance(state, dict):
        return {key: _on_cpu(value) for key, value in state.items()}
    return [_on_cpu(value) for value in state]
