"""The engine of `posegen eval`: pairs through a model, pictures through the metrics.

Pairs are streamed in their own order. Beside the model, the row "copy the source" is always scored
on the same pairs: a model that does not beat it has not learnt the pose. A metric that cannot be
computed costs its own value and no other's.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from posegen.core.batches import Batch
from posegen.core.contracts import PairDataset, PoseEncoder
from posegen.core.errors import ConfigError, DataError, PosegenError
from posegen.core.metrics import Metric, ScoredBatch
from posegen.core.specs import Kind, MetricSpec
from posegen.data.loading import collate, to_batch, to_uint8

#: The baseline's row: the source image handed back as if it were the result.
BASELINE = "copy the source"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Score:
    """One metric's result on one row.

    Attributes:
        metric: the metric's name.
        value: the score, finite; None where there is none.
        count: how many images it is over.
        direction: "higher" or "lower": which way is better.
        protocol: how the number is computed, in one line.
        error: why there is no value; None where there is one.
    """

    metric: str
    value: float | None
    count: int
    direction: str
    protocol: str
    error: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        scores: row -> metric -> score; the rows are the model, where there is one, and `BASELINE`.
        pairs: how many pairs were scored.
        seconds: how long it took, data loading and generation included.
        per_image: row -> metric -> one value per pair, in the order of the data set, NaN where an
            image has none; only the metrics that have such values and were computed to the end.
    """

    scores: dict[str, dict[str, Score]]
    pairs: int
    seconds: float
    per_image: dict[str, dict[str, list[float]]] = field(default_factory=dict)


def evaluate_pairs(
    generate: Callable[[Batch], Tensor] | None,
    dataset: PairDataset,
    encoder: PoseEncoder,
    metrics: Mapping[str, Callable[[], Metric]],
    *,
    row: str = "model",
    batch_size: int = 32,
    workers: int = 0,
    limit: int | None = None,
    device: torch.device,
    on_progress: Callable[[int, int], None] | None = None,
    specs: Mapping[str, MetricSpec] | None = None,
) -> Evaluation:
    """Score a model, and the baseline, on pairs 0, 1, …, limit - 1.

    The images are rounded to 8 bits before any metric sees them, as if they had been saved. The
    global random state is left as it was, as far as the loading of pairs goes.

    Args:
        generate: batch -> (B, 3, H, W) in [-1, 1], in evaluation mode; None scores the baseline
            alone.
        dataset: the pairs.
        encoder: makes the pose maps that `generate` sees.
        metrics: name -> what builds the metric. Called once per metric.
        row: the model's name in the result.
        batch_size: pairs per batch.
        workers: processes that load pairs; 0 loads in this one.
        limit: how many pairs at most; None for all.
        device: where to generate and to score.
        on_progress: called after each batch with the pairs done and the pairs in all.
        specs: name -> spec, for directions and protocols; None takes them from the registry.

    Raises:
        ConfigError: for a limit below 1, or a row named like the baseline.
        DataError: for a data set without pairs, and where a pair cannot be read.
        PosegenError: where `generate` returns images of a wrong size, or that are not finite.
    """
    started = time.perf_counter()
    total = _count(dataset, limit)
    if row == BASELINE:
        raise ConfigError(f"a row cannot be named {row!r}: that is the baseline's name.")
    specs = _registered(metrics) if specs is None else specs
    rows = [BASELINE] if generate is None else [row, BASELINE]
    where = _metric_device(device)
    runs = {name: _build(build, rows, where) for name, build in metrics.items()}
    done = 0
    for batch in _batches(dataset, encoder, total, batch_size, workers, device):
        scored = {BASELINE: _copied(batch, where)}
        if generate is not None:
            images = to_uint8(_generated(generate, batch, row, done)).to(where)
            scored[row] = replace(scored[BASELINE], generated=images)
        for runs_of_metric in runs.values():
            for name, run in runs_of_metric.items():
                run.update(scored[name])
        done += len(batch)
        if on_progress is not None:
            on_progress(done, total)
    result = Evaluation({name: {} for name in rows}, done, 0.0, {name: {} for name in rows})
    for metric, runs_of_metric in runs.items():
        for name, run in runs_of_metric.items():
            score, values = run.finish(metric, specs[metric], done)
            result.scores[name][metric] = score
            if values is not None:
                result.per_image[name][metric] = values
    return replace(result, seconds=time.perf_counter() - started)


class _Run:
    """A metric on one row, until something goes wrong with it."""

    def __init__(self, metric: Metric | None, error: str | None = None) -> None:
        self.metric = metric
        self.error = error

    def update(self, batch: ScoredBatch) -> None:
        if self.metric is None:
            return
        try:
            self.metric.update(batch)
        except Exception as error:  # a plugin's metric can raise anything
            self.metric, self.error = None, _reason(error)

    def finish(self, name: str, spec: MetricSpec, pairs: int) -> tuple[Score, list[float] | None]:
        """Return the score, and the values of the images where the metric has them."""

        def score(value: float | None, count: int, error: str | None) -> Score:
            return Score(name, value, count, spec.direction, spec.protocol, error)

        if self.metric is None:
            return score(None, 0, self.error), None
        try:
            value = float(self.metric.compute())
            per_image = self.metric.per_image()
        except Exception as error:  # as above
            return score(None, 0, _reason(error)), None
        values = None if per_image is None else per_image.tolist()
        count = pairs if values is None else sum(not math.isnan(v) for v in values)
        if count == 0:
            return score(None, 0, "no image has a value."), values
        if not math.isfinite(value):
            return score(None, 0, f"the score is {value}."), values
        return score(value, count, None), values


def _build(build: Callable[[], Metric], rows: list[str], device: torch.device) -> dict[str, _Run]:
    """Build a metric, and copy it for the other rows: reading weights is slow."""
    try:
        metric = build().to(device)
        # Each process scores all pairs; torchmetrics would wait for the other processes' states.
        metric.distributed_available_fn = _alone
        return {row: _Run(metric if row == rows[0] else metric.clone()) for row in rows}
    except Exception as error:  # weights missing, or anything that a plugin raises
        return {row: _Run(None, _reason(error)) for row in rows}


def _alone() -> bool:
    return False


def _batches(
    dataset: PairDataset,
    encoder: PoseEncoder,
    total: int,
    batch_size: int,
    workers: int,
    device: torch.device,
) -> Iterator[Batch]:
    loader = DataLoader(
        Subset(dataset, range(total)),
        batch_size=batch_size,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),  # a loader draws a seed, else from the global state
    )
    for raw in loader:
        yield to_batch(raw, encoder, device)


def _generated(generate: Callable[[Batch], Tensor], batch: Batch, row: str, first: int) -> Tensor:
    with torch.no_grad():
        images = generate(batch)
    pairs = f"pairs {first} to {first + len(batch) - 1}"
    if images.shape != batch.target.shape:
        raise PosegenError(
            f"{row}: made images of shape {tuple(images.shape)} for {pairs}, whose targets are "
            f"{tuple(batch.target.shape)}."
        )
    # NaN would become a grey level like any other, and a score that looks like one.
    if not bool(torch.isfinite(images).all()):
        raise PosegenError(f"{row}: made images that are not finite for {pairs}.")
    return images


def _copied(batch: Batch, device: torch.device) -> ScoredBatch:
    """Return the batch as metrics see it, the source in place of a generated image."""
    source, mask = to_uint8(batch.source).to(device), batch.target_mask
    return ScoredBatch(
        generated=source,
        target=to_uint8(batch.target).to(device),
        source=source,
        target_keypoints=batch.target_keypoints.to(device),
        target_mask=None if mask is None else mask.to(device),
    )


def _metric_device(device: torch.device) -> torch.device:
    """Scores are float64, which Apple's GPUs do not have."""
    return torch.device("cpu") if device.type == "mps" else device


def _count(dataset: PairDataset, limit: int | None) -> int:
    if limit is not None and limit < 1:
        raise ConfigError(f"a limit of {limit} leaves no pairs to score; give 1 or more, or none.")
    if len(dataset) == 0:
        raise DataError("the data set has no pairs to score.")
    return len(dataset) if limit is None else min(limit, len(dataset))


def _registered(names: Iterable[str]) -> dict[str, MetricSpec]:
    from posegen.plugins import registry

    # cast: the registry files specs under their kind, which has one type.
    return {name: cast(MetricSpec, registry().get(Kind.METRIC, name).spec) for name in names}


def _reason(error: Exception) -> str:
    """Return the sentence of an error raised on purpose; type and first line of any other."""
    if isinstance(error, PosegenError):
        return str(error)
    _log.debug("a metric failed", exc_info=error)
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
