"""Where the pictures to score come from: a model and a data set, or a folder of results.

Every process of an evaluation gets a stretch of the pairs that follow each other, so that what the
processes compute can be joined in the order of the pairs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from posegen.compute.process import Process
from posegen.core.batches import Batch
from posegen.core.contracts import PairDataset, PoseEncoder
from posegen.core.errors import ConfigError, DataError, PosegenError
from posegen.core.fields import FieldKind
from posegen.core.skeletons import OPENPOSE18
from posegen.core.specs import BASELINE
from posegen.data.loading import collate, to_batch
from posegen.evaluation.results.reading import ResultsFolder, stack
from posegen.evaluation.saved import SavedImages

#: The row of a folder of results.
RESULTS = "results"


@dataclass(frozen=True)
class Loading:
    """How pairs are read.

    Attributes:
        batch_size, workers: pairs per batch, and loading processes.
        limit: how many pairs; None for all.
        spread: whether these are spread evenly over the data set; else they are its first.
    """

    batch_size: int = 32
    workers: int = 0
    limit: int | None = None
    spread: bool = False

    def places(self, pairs: int) -> Sequence[int]:
        """Return which of so many pairs are scored.

        Raises:
            ConfigError: for a limit below 1.
            DataError: where there are no pairs.
        """
        if self.limit is not None and self.limit < 1:
            raise ConfigError(
                f"a limit of {self.limit} leaves no pairs to score; give 1 or more, or none."
            )
        if pairs == 0:
            raise DataError("the data set has no pairs to score.")
        count = pairs if self.limit is None else min(self.limit, pairs)
        return [pairs * place // count for place in range(count)] if self.spread else range(count)


class Stream(ABC):
    """Pairs to score, batch by batch.

    Attributes:
        rows: what each pair is scored for: the subject, and the baseline where there are sources.
        total: the number of pairs, those of other processes included.
        fresh: whether the pictures have not been files yet, so that a protocol may have them
            written and read.
        layout: the skeleton of the pairs' keypoints.
        collate: stacks the data set's items.

    Raises:
        ConfigError, DataError: see `Loading`; and where there are more processes than pairs.
    """

    rows: list[str]
    fresh: bool
    layout: str
    collate: Callable[[Any], Batch]

    def __init__(self, dataset: Any, loading: Loading, process: Process) -> None:
        self.dataset, self.loading, self.device = dataset, loading, process.device
        places = loading.places(len(dataset))
        self.total, world = len(places), process.world
        if self.total < world:
            raise ConfigError(
                f"{self.total} pairs for {world} processes; start at most {self.total} processes."
            )
        self.first = self.total * process.rank // world
        self.places = places[self.first : self.total * (process.rank + 1) // world]

    def __len__(self) -> int:
        """Return the number of this process's pairs."""
        return len(self.places)

    def __iter__(self) -> Iterator[tuple[Batch, dict[str, Tensor]]]:
        """Yield this process's pairs on the device, before any protocol has seen them.

        Yields:
            The pairs: pictures uint8, masks {0, 1}, all else as the data set gives it; and row ->
            (B, 3, h, w): float in [-1, 1] as a generator made it, or uint8.

        Raises:
            DataError: where a pair cannot be read.
            PosegenError: where a model makes images of a wrong size, or that are not finite.
        """
        first = self.first
        for batch in self._loader():
            batch.first, batch.total = first, self.total
            first += len(batch)
            yield self._scored(batch.to(self.device, non_blocking=True))

    def _loader(self) -> DataLoader[Any]:
        pairs: Dataset[Any] = Subset(self.dataset, self.places)
        return DataLoader(
            pairs,
            batch_size=self.loading.batch_size,
            num_workers=min(self.loading.workers, len(self.places)),
            collate_fn=self.collate,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # a loader draws a seed, else from the global state
        )

    @abstractmethod
    def _scored(self, batch: Batch) -> tuple[Batch, dict[str, Tensor]]:
        """Return what `__iter__` yields for a batch on the device."""


class ModelPairs(Stream):
    """The pairs of a data set, through a model.

    Args:
        generate: batch -> (B, 3, H, W) in [-1, 1], in evaluation mode.
        dataset: the pairs.
        encoder: makes the pose maps that `generate` sees.
        row: the model's name in the result.
        loading: how pairs are read.
        process: this process; its device generates.
        saved: where finished pictures are kept; those that are there are not made again.
    """

    fresh = True
    dataset: PairDataset

    def __init__(
        self,
        generate: Callable[[Batch], Tensor],
        dataset: PairDataset,
        encoder: PoseEncoder,
        *,
        row: str = "model",
        loading: Loading,
        process: Process,
        saved: SavedImages | None = None,
    ) -> None:
        super().__init__(dataset, loading, process)
        self.generate, self.encoder, self.row, self.saved = generate, encoder, row, saved
        self.rows, self.layout = [row, BASELINE], dataset.skeleton
        self.collate = partial(collate, fields=dataset.fields)

    def _scored(self, batch: Batch) -> tuple[Batch, dict[str, Tensor]]:
        rows = {self.row: self._made(batch), BASELINE: batch.source}

        def binary(name: str, value: Tensor) -> Tensor:
            return value.ge(128).float() if batch.kind(name) is FieldKind.MASK else value

        return batch.each(binary), rows

    def _made(self, raw: Batch) -> Tensor:
        """Return the model's pictures: from their files where all are there, else made now."""
        if self.saved is None:
            return self._generated(raw)
        kept = self.saved.read(raw)
        if kept is not None:
            return kept.to(self.device, non_blocking=True)
        return self.saved.write(raw, self._generated(raw))

    def _generated(self, raw: Batch) -> Tensor:
        batch = to_batch(raw, self.encoder, self.device)
        with torch.no_grad():
            images = self.generate(batch)
        pairs = f"pairs {raw.first} to {raw.first + len(raw) - 1}"
        if images.shape != batch.target.shape:
            raise PosegenError(
                f"{self.row}: made images of shape {tuple(images.shape)} for {pairs}, whose "
                f"targets are {tuple(batch.target.shape)}."
            )
        # NaN would become a grey level like any other, and a score that looks like one.
        if not bool(torch.isfinite(images).all()):
            raise PosegenError(f"{self.row}: made images that are not finite for {pairs}.")
        return images


class ResultPairs(Stream):
    """The pictures of a folder of results; the baseline too, where it has the sources."""

    fresh = False
    layout = OPENPOSE18.name
    collate = staticmethod(stack)

    def __init__(self, results: ResultsFolder, *, loading: Loading, process: Process) -> None:
        super().__init__(results, loading, process)
        self.rows = [RESULTS, BASELINE] if results.has_sources else [RESULTS]

    def _scored(self, batch: Batch) -> tuple[Batch, dict[str, Tensor]]:
        source = batch.get("source")
        copied = {} if source is None else {BASELINE: source}
        return batch, {RESULTS: batch.generated, **copied}
