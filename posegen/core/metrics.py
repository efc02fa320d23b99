"""The `Metric` contract, on torchmetrics, which merges the states of several processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch
import torchmetrics
from torch import Tensor

from posegen.core.config import Config

T = TypeVar("T")


@dataclass(frozen=True)
class ScoredBatch:
    """What metrics see: finished 8-bit pictures, as a reader of the results would.

    Attributes:
        generated, target: (B, 3, H, W) RGB, of one size: uint8, or float32 in [0, 255] where a
            protocol's resize keeps fractions of a level.
        source: (B, 3, H, W) likewise, or None where results come without their sources.
        target_keypoints: (B, K, 3) as in `Pair`, in pixels of `target`, or None where not known.
        target_mask: (B, 1, H, W) in {0, 1}, or None where the data set has no masks.
        source_names, target_names: (B), as the data set or the results' file names give them.
        first: the first pair's position among all pairs of the evaluation.
        total: how many pairs the evaluation is over, those of other processes included.
    """

    generated: Tensor
    target: Tensor
    source: Tensor | None = None
    target_keypoints: Tensor | None = None
    target_mask: Tensor | None = None
    source_names: Sequence[str] = ()
    target_names: Sequence[str] = ()
    first: int = 0
    total: int = 0
    _made: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    _of_targets: dict[Hashable, Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __len__(self) -> int:
        return self.target.shape[0]

    def once(self, key: Hashable, make: Callable[[], T], *, of_targets: bool = False) -> T:
        """Return `make()`, made once per batch: several metrics share features, masks and so on.

        Args:
            key: what is made, and with which options.
            make: makes it.
            of_targets: whether it is made from the targets alone; then the model and the baseline
                share it too.
        """
        kept = self._of_targets if of_targets else self._made
        if key not in kept:
            kept[key] = make()
        made: T = kept[key]
        return made

    def sharing_targets(self, kept: dict[Hashable, Any]) -> ScoredBatch:
        """Return the batch with what other batches of the very same targets have made of them.

        Args:
            kept: one dict for all of these batches.
        """
        batch = replace(self)
        object.__setattr__(batch, "_of_targets", kept)
        return batch


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
    def update(self, batch: ScoredBatch) -> None:
        """Take a batch in."""

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
    def score(self, batch: ScoredBatch) -> Tensor:
        """Return one value per image: (B,). NaN leaves the image out of the mean."""

    def update(self, batch: ScoredBatch) -> None:
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
