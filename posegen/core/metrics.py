"""The `Metric` contract, on torchmetrics, which merges the states of several processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
import torchmetrics
from torch import Tensor

from posegen.core.config import Config


@dataclass(frozen=True)
class ScoredBatch:
    """What metrics see: finished 8-bit pictures, as a reader of the results would.

    Attributes:
        generated, target, source: (B, 3, H, W) uint8 RGB.
        target_keypoints: (B, K, 3) as in `Pair`.
        target_mask: (B, 1, H, W) in {0, 1}, or None where the data set has no masks.
    """

    generated: Tensor
    target: Tensor
    source: Tensor
    target_keypoints: Tensor
    target_mask: Tensor | None = None


class Metric(torchmetrics.Metric, ABC):
    """A score over many pairs. Built as `Metric(config)`.

    Direction and protocol are in the spec. States are torchmetrics states, so that they merge
    across processes; memory must not grow by more than a few numbers per image.

    Raises:
        posegen.core.WeightsError: on construction, where a file of weights cannot be had.
    """

    full_state_update = False

    def __init__(self, config: Config) -> None:
        super().__init__()

    @abstractmethod
    def update(self, batch: ScoredBatch) -> None:
        """Take a batch in."""

    @abstractmethod
    def compute(self) -> Tensor:
        """Return the score as a float64 scalar."""

    def per_image(self) -> Tensor | None:
        """Return one value per image (N,) in the order of the updates, or None."""
        return None


class PerImageMetric(Metric):
    """A score that is the mean of one value per image; subclasses give that value."""

    values: Any  # a list of tensors while updating, one tensor after a synchronisation

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.add_state("values", default=[], dist_reduce_fx="cat")

    @abstractmethod
    def score(self, batch: ScoredBatch) -> Tensor:
        """Return one value per image: (B,). NaN leaves the image out of the mean."""

    def update(self, batch: ScoredBatch) -> None:
        """Take a batch in."""
        self.values.append(self.score(batch).detach().double())

    def per_image(self) -> Tensor:
        """Return the values so far: (N,) float64."""
        if isinstance(self.values, Tensor):
            return self.values
        return torch.cat(self.values) if self.values else torch.empty(0, dtype=torch.float64)

    def compute(self) -> Tensor:
        """Return the mean over the images."""
        return self.per_image().nanmean()
