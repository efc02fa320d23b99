"""Scores of pictures outside an evaluation: while a model is trained, and in a notebook.

They are those of posegen's own protocol, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from posegen.compute.process import Process
from posegen.core.batches import Batch
from posegen.core.contracts import PairDataset, PoseEncoder
from posegen.core.errors import DataError
from posegen.core.metrics import Metric
from posegen.evaluation.metric_run import build_metric, merge, state_of
from posegen.evaluation.plan import OWN, plan
from posegen.evaluation.protocols.prepare import prepare, to_8bit
from posegen.evaluation.streams import Loading, ModelPairs

Generate = Callable[[Batch], Tensor]

_CPU = torch.device("cpu")


class Validation:
    """Scores a generator on the same pairs again and again; metrics are built once.

    Under torchrun every process makes one and calls it; each scores a stretch of the pairs, and all
    get the whole result.

    Args:
        dataset: the pairs, of a test split.
        encoder: makes the pose maps that a generator sees.
        metrics: names of metrics.
        pairs: how many pairs, spread evenly over the data set; None for all.
        process: this one among several; its device generates.
        batch_size, workers: as in training.
        options: metric -> options.

    Attributes:
        directions: metric -> "higher" or "lower": which way is better.

    Raises:
        PluginError, ConfigError, WeightsError, DataError: for a metric that is not installed, lacks
            its weights or needs reference images; for a data set without pairs.
    """

    def __init__(
        self,
        dataset: PairDataset,
        encoder: PoseEncoder,
        metrics: Sequence[str],
        *,
        pairs: int | None = None,
        process: Process | None = None,
        batch_size: int = 32,
        workers: int = 0,
        options: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.dataset, self.encoder, self.process = dataset, encoder, process or Process(_CPU)
        self.loading = Loading(batch_size, workers, pairs, spread=True)
        self.loading.places(len(dataset))  # now, and not when it is called first
        columns = plan(OWN, dataset.image_size, metrics, options).columns
        self.directions = {column.name: column.spec.direction for column in columns}
        self._metrics = [(column, build_metric(column, self.process)) for column in columns]

    def __call__(self, generate: Generate) -> dict[str, float]:
        """Score a generator.

        Args:
            generate: batch on the device -> (B, 3, H, W) in [-1, 1]; called without gradients, and
                in evaluation mode if the caller has seen to that.

        Returns:
            Metric -> score, which is NaN where no pair has a value.

        Raises:
            PosegenError: where images are of a wrong size or not finite; what a metric raises.
        """
        for _, metric in self._metrics:
            metric.reset()
        stream = ModelPairs(
            generate, self.dataset, self.encoder, loading=self.loading, process=self.process
        )
        for batch, pictures in stream:
            shown = _shown(batch.having(generated=to_8bit(pictures[stream.row], "round")))
            for column, metric in self._metrics:
                metric.update(prepare(shown, column.steps))
        return {column.name: self._score(metric) for column, metric in self._metrics}

    def _score(self, metric: Metric) -> float:
        if not self.process.distributed:
            return float(metric.compute())
        states = self.process.gather(state_of(metric))
        device = metric.device
        value = float(merge(metric, states).compute()) if self.process.is_main else 0.0
        metric.to(device)
        return self.process.agree(value)


def metric(name: str, **options: Any) -> TensorMetric:
    """Build a metric for plain tensors: `metric("ssim")(generated, target)`; see `TensorMetric`."""
    return TensorMetric(name, **options)


class TensorMetric:
    """A metric of pictures that are tensors.

    Args:
        name: of the metric.
        options: its options; others are those of posegen's own protocol.

    Attributes:
        direction: "higher" or "lower": which way is better.
        protocol: how the number is computed, in one line.

    Raises:
        PluginError, ConfigError, WeightsError, DataError: as of `Validation`.
    """

    def __init__(self, name: str, **options: Any) -> None:
        column = plan(OWN, (1, 1), [name], {name: options}).columns[0]
        self._name, self._metric = name, build_metric(column, Process(_CPU))
        self.direction = column.spec.direction
        self.protocol = self._metric.describe() or column.spec.protocol

    def __repr__(self) -> str:
        return f"{self._name} ({self.direction} is better): {self.protocol}"

    def __call__(self, generated: Tensor, target: Tensor, **fields: Tensor) -> float:
        """Return the score of pictures.

        Args:
            generated, target: (B, 3, H, W) uint8, or float in [-1, 1], which are rounded to 8 bits.
            fields: what the metric needs beside them, by its name in a batch: `target_mask`
                (B, 1, H, W) in {0, 1}, `target_keypoints` (B, K, 3).

        Raises:
            DataError: for pictures of other shapes, types or ranges.
            ConfigError: where the metric needs a field that is not given.
        """
        if generated.shape != target.shape:
            raise DataError(
                f"the generated pictures are {tuple(generated.shape)} and their targets "
                f"{tuple(target.shape)}; give both in one shape (B, 3, H, W)."
            )
        pictures = {"generated": _finished(generated), "target": _finished(target)}
        batch = Batch({**pictures, **fields}, total=len(target))
        self._metric.to(target.device)
        self._metric.reset()
        self._metric.update(_shown(batch))
        return float(self._metric.compute())


def _finished(images: Tensor) -> Tensor:
    if images.dim() != 4 or images.shape[1] != 3 or not len(images):
        raise DataError(f"pictures are (B, 3, H, W), and these {tuple(images.shape)}.")
    if images.dtype == torch.uint8:
        return images
    # What is a little beyond the range is clamped, as everywhere; levels up to 255 are a mistake.
    if not images.is_floating_point() or not bool(images.abs().le(2).all()):
        raise DataError("pictures are uint8, or float in [-1, 1]; these are neither.")
    return to_8bit(images, "round")


def _shown(batch: Batch) -> Batch:
    """Return a batch where metrics compute: in float64, which Apple's GPUs do not have."""
    device = next(iter(batch.tensors.values())).device
    return batch.to(_CPU) if device.type == "mps" else batch
