"""Where the pictures to score come from: a model and a data set, or a folder of results.

Every process of an evaluation gets a stretch of the pairs that follow each other, so that what the
processes find can be joined in the order of the pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from posegen.compute.process import Process
from posegen.core.batches import Batch
from posegen.core.contracts import PairDataset, PoseEncoder
from posegen.core.errors import ConfigError, DataError, PosegenError
from posegen.data.loading import RawBatch, collate, to_batch
from posegen.evaluation.result import BASELINE
from posegen.evaluation.results import ResultItem, ResultsFolder
from posegen.evaluation.saved import SavedImages

#: The row of a folder of results.
RESULTS = "results"


@dataclass(frozen=True)
class PairPictures:
    """A batch of pairs before any protocol has seen it; on the device.

    Attributes:
        generated: row -> (B, 3, h, w): float in [-1, 1] as a generator made it, or uint8.
        target: (B, 3, H, W) uint8.
        source: (B, 3, H', W') uint8, or None.
        target_keypoints, target_mask: as in `ScoredBatch`.
        source_names, target_names: of the pairs.
        first: the first pair's position among all pairs.
    """

    generated: Mapping[str, Tensor]
    target: Tensor
    source: Tensor | None
    target_keypoints: Tensor | None
    target_mask: Tensor | None
    source_names: Sequence[str]
    target_names: Sequence[str]
    first: int

    def __len__(self) -> int:
        return self.target.shape[0]


class Stream(Protocol):
    """Pairs to score.

    Attributes:
        rows: what each pair is scored for: the subject, and the baseline where there are sources.
        total: the number of pairs, those of other processes included.
        fresh: whether the pictures have not been files yet, so that a protocol may have them
            written and read.
    """

    rows: list[str]
    total: int
    fresh: bool

    def __iter__(self) -> Iterator[PairPictures]:
        """Yield this process's pairs, batch by batch."""
        ...

    def __len__(self) -> int:
        """Return the number of this process's pairs."""
        ...


@dataclass(frozen=True)
class Loading:
    """How pairs are read: pairs per batch, loading processes, and this process's share."""

    batch_size: int = 32
    workers: int = 0
    limit: int | None = None

    def total(self, pairs: int) -> int:
        """Return how many of so many pairs are scored.

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
        return pairs if self.limit is None else min(self.limit, pairs)

    def stretch(self, total: int, process: Process) -> range:
        """Return the places of this process's pairs.

        Raises:
            ConfigError: where there are more processes than pairs.
        """
        if total < process.world:
            raise ConfigError(
                f"{total} pairs for {process.world} processes; start at most {total} processes."
            )
        return range(
            total * process.rank // process.world, total * (process.rank + 1) // process.world
        )

    def loader(
        self, dataset: Dataset[Any], places: range, collate_fn: Any, device: torch.device
    ) -> DataLoader[Any]:
        """Return a loader of the places, in order."""
        return DataLoader(
            Subset(dataset, places),
            batch_size=self.batch_size,
            num_workers=min(self.workers, len(places)),
            collate_fn=collate_fn,
            pin_memory=device.type == "cuda",
            generator=torch.Generator(),  # a loader draws a seed, else from the global state
        )


class ModelPairs:
    """The pairs of a data set, through a model, or through none: then the baseline is alone.

    Args:
        generate: batch -> (B, 3, H, W) in [-1, 1], in evaluation mode; None for the baseline alone.
        dataset: the pairs.
        encoder: makes the pose maps that `generate` sees.
        row: the model's name in the result.
        loading: how pairs are read.
        process: this process; its device generates.
        saved: where finished pictures are kept; those that are there are not made again.

    Raises:
        ConfigError, DataError: see `Loading`; and for a row named like the baseline.
    """

    fresh = True

    def __init__(
        self,
        generate: Callable[[Batch], Tensor] | None,
        dataset: PairDataset,
        encoder: PoseEncoder,
        *,
        row: str = "model",
        loading: Loading,
        process: Process,
        saved: SavedImages | None = None,
    ) -> None:
        if row == BASELINE:
            raise ConfigError(f"a row cannot be named {row!r}: that is the baseline's name.")
        self.generate, self.dataset, self.encoder = generate, dataset, encoder
        self.row, self.loading, self.device, self.saved = row, loading, process.device, saved
        self.rows = [BASELINE] if generate is None else [row, BASELINE]
        self.total = loading.total(len(dataset))
        self.places = loading.stretch(self.total, process)

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[PairPictures]:
        """Yield batches; see `Stream`.

        Raises:
            DataError: where a pair cannot be read.
            PosegenError: where `generate` returns images of a wrong size, or that are not finite.
        """
        first = self.places.start
        for raw in self.loading.loader(self.dataset, self.places, collate, self.device):
            source, target = self._moved(raw.source), self._moved(raw.target)
            generated = {BASELINE: source}
            if self.generate is not None:
                generated = {self.row: self._made(raw, first), **generated}
            mask = raw.target_mask
            yield PairPictures(
                generated,
                target,
                source,
                self._moved(raw.target_keypoints),
                None if mask is None else self._moved(mask).ge(128).float(),
                raw.source_names,
                raw.target_names,
                first,
            )
            first += len(raw)

    def _moved(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)

    def _made(self, raw: RawBatch, first: int) -> Tensor:
        """Return the model's pictures: from their files where all are there, else made now."""
        names = list(zip(raw.source_names, raw.target_names, strict=True))
        if self.saved is not None and (kept := self.saved.read(names)) is not None:
            return self._moved(kept)
        made = self._generated(to_batch(raw, self.encoder, self.device), first)
        return made if self.saved is None else self.saved.write(names, made)

    def _generated(self, batch: Batch, first: int) -> Tensor:
        assert self.generate is not None
        with torch.no_grad():
            images = self.generate(batch)
        pairs = f"pairs {first} to {first + len(batch) - 1}"
        if images.shape != batch.target.shape:
            raise PosegenError(
                f"{self.row}: made images of shape {tuple(images.shape)} for {pairs}, whose "
                f"targets are {tuple(batch.target.shape)}."
            )
        # NaN would become a grey level like any other, and a score that looks like one.
        if not bool(torch.isfinite(images).all()):
            raise PosegenError(f"{self.row}: made images that are not finite for {pairs}.")
        return images


class ResultPairs:
    """The pictures of a folder of results; the baseline too, where it has the sources.

    Raises:
        ConfigError, DataError: see `Loading`.
    """

    fresh = False

    def __init__(self, results: ResultsFolder, *, loading: Loading, process: Process) -> None:
        self.results, self.loading, self.device = results, loading, process.device
        self.rows = [RESULTS, BASELINE] if results.has_sources else [RESULTS]
        self.total = loading.total(len(results))
        self.places = loading.stretch(self.total, process)

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[PairPictures]:
        """Yield batches; see `Stream`.

        Raises:
            DataError: where a picture cannot be read.
        """
        first = self.places.start
        for items in self.loading.loader(self.results, self.places, list, self.device):
            yield self._batch(items, first)
            first += len(items)

    def _batch(self, items: list[ResultItem], first: int) -> PairPictures:
        def stacked(name: str) -> Tensor | None:
            values = [getattr(item, name) for item in items]
            if values[0] is None:
                return None
            return torch.stack(values).to(self.device, non_blocking=True)

        generated, target, source = stacked("generated"), stacked("target"), stacked("source")
        assert generated is not None
        assert target is not None
        rows = {RESULTS: generated}
        if source is not None:
            rows[BASELINE] = source
        return PairPictures(
            rows,
            target,
            source,
            stacked("target_keypoints"),
            stacked("target_mask"),
            [item.source_name for item in items],
            [item.target_name for item in items],
            first,
        )
