"""The `Metric` contract, on torchmetrics, which merges the states of several processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import torch
import torchmetrics
from torch import Tensor

from posegen.core.batches import Batch
from posegen.core.config import Config


class ReferenceImages(ABC):
    """Real images that a score of distributions is against, prepared as the protocol says.

    Attributes:
        digest: hexadecimal sha256 of the images' content and of their preparation: two references
            with one digest are equal, so that what is computed from them can be kept.
    """

    digest: str

    @abstractmethod
    def __iter__(self) -> Iterator[Tensor]:
        """Yield batches (B, 3, H, W) uint8 RGB on the evaluation's device; each image once."""


class Metric(torchmetrics.Metric, ABC):
    """A score over many pairs. Built as `Metric(config)`.

    Direction and protocol are in the spec. States are torchmetrics states, so that they merge
    across processes; memory must not grow by more than a few numbers per image.

    Attributes:
        needs_reference: whether `see_reference` must be called before the first update. May depend
            on the options.

    Raises:
        posegen.core.WeightsError: on construction, where a file of weights cannot be had.
    """

    full_state_update = False
    needs_reference: bool = False

    def __init__(self, config: Config) -> None:
        super().__init__()

    @abstractmethod
    def update(self, batch: Batch) -> None:
        """Take a batch of finished 8-bit pictures in; see `Batch`."""

    @abstractmethod
    def compute(self) -> Tensor:
        """Return the score as a float64 scalar."""

    def per_image(self) -> Tensor | None:
        """Return one value per image (N,) in the order of the updates, or None."""
        return None

    def see_reference(self, reference: ReferenceImages) -> None:
        """Take in the real images that the score is against; see `needs_reference`."""
        raise NotImplementedError(f"{type(self).__name__} takes no reference images")

    def describe(self) -> str | None:
        """Return how the number is computed under these options, or None for the spec's line."""
        return None


#: Small tensors that stay between large ones that go keep the heap from being used again: of this
#: many, one is made.
_LOOSE = 64


class PerImageMetric(Metric):
    """A score that is the mean of one value per image; subclasses give that value."""

    values: Any  # a list of tensors while updating, one tensor after a synchronisation

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.add_state("values", default=[], dist_reduce_fx="cat")

    @abstractmethod
    def score(self, batch: Batch) -> Tensor:
        """Return one value per image: (B,). NaN leaves the image out of the mean."""

    def update(self, batch: Batch) -> None:
        """Take a batch in."""
        self.values.append(self.score(batch).detach().double())
        if len(self.values) == _LOOSE:
            self.values[:] = [torch.cat(self.values)]

    def per_image(self) -> Tensor:
        """Return the values so far: (N,) float64."""
        if isinstance(self.values, Tensor):
            return self.values
        return torch.cat(self.values) if self.values else torch.empty(0, dtype=torch.float64)

    def compute(self) -> Tensor:
        """Return the mean over the images."""
        return self.per_image().nanmean()
