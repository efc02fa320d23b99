"""Reader of the published Market-1501 and DeepFashion layouts.

All that can be wrong with the CSV files, and every missing image, is found when a data set is
opened; images are looked into when they are read, or at once where bad ones are to be left out.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from posegen.core.batches import Pair
from posegen.core.contracts import PairDataset
from posegen.core.errors import DataError
from posegen.data.config import PublishedConfig, Split
from posegen.data.packed import PackedPictures, Progress, pack, packed_file
from posegen.data.pictures import (
    first_size,
    in_threads,
    is_picture,
    look_at,
    read_picture,
)
from posegen.data.problems import Problem, Problems
from posegen.data.tables import read_annotations, read_pairs
from posegen.data.texts import Texts
from posegen.poses.layouts import OPENPOSE18

_log = logging.getLogger(__name__)


class PublishedDataset(PairDataset):
    """A folder in one of the published layouts, see `PublishedConfig`; without masks.

    A joint's visibility is 1, or 0 where it is missing. What it holds is in tensors and mapped
    files, so a loading process costs no copy of it.

    Attributes:
        left_out: what was left out for `skip_bad`: kind of problem -> how many.

    Raises:
        DataError: for a file that is missing or malformed, or an image that is not there.
    """

    layout = OPENPOSE18.name

    def __init__(self, config: PublishedConfig, split: Split) -> None:
        super().__init__(config, split)
        problems = Problems(collect=config.skip_bad)
        tables = read_split(config, split, problems)
        self.image_size, self._folder = tables.image_size, tables.folder
        self._keypoints, pairs = tables.keypoints, tables.pairs
        self._packed = open_packed(config, split, tables, problems)
        if config.skip_bad:
            pairs = pairs[self._usable(tables.names, problems)[pairs.long()].all(1)]
            _tell(config, split, problems, len(tables.pairs) - len(pairs), len(pairs))
        self._names, self._pairs, self._skip_bad = Texts(tables.names), pairs, config.skip_bad
        self.left_out = dict(problems.counts)

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Pair:
        """Read pair `index`, in the order of the CSV file; see `__getitems__` for many.

        Raises:
            DataError: for an image that cannot be decoded or is not of the configured size.
        """
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[Pair]:
        """Read several pairs."""
        places = self._pairs[indices].long()  # (B, 2)
        keypoints = self._keypoints[places]  # (B, 2, 18, 3)
        pictures = self._pictures(places.flatten())  # source, target, source, …
        names = [self._names[place] for place in places.flatten().tolist()]
        return [
            Pair(
                source=pictures[2 * i],
                target=pictures[2 * i + 1],
                source_keypoints=keypoints[i, 0],
                target_keypoints=keypoints[i, 1],
                source_name=names[2 * i],
                target_name=names[2 * i + 1],
            )
            for i in range(len(indices))
        ]

    def images(self) -> Iterator[tuple[str, Tensor]]:
        """Yield every picture of the split's folder, by name: those without a pair too.

        Raises:
            DataError: as `__getitem__`.
        """
        names = sorted(filter(is_picture, os.listdir(self._folder)))
        read = in_threads(lambda name: look_at(self._folder / name, self.image_size), names)
        for name, picture in zip(names, read, strict=True):
            if not isinstance(picture, Problem):
                yield name, picture
            elif not self._skip_bad:
                raise DataError(picture.sentence)

    def _pictures(self, places: Tensor) -> Sequence[Tensor] | Tensor:
        if self._packed is not None:
            return self._packed[places]
        paths = (self._folder / self._names[place] for place in places.tolist())
        return [read_picture(path, self.image_size) for path in paths]

    def _usable(self, names: Sequence[str], problems: Problems) -> Tensor:
        """Return which pictures can be read: (N,) bool."""
        if self._packed is not None:
            return self._packed.good
        folder, size = self._folder, self.image_size
        good = torch.ones(len(names), dtype=torch.bool)
        for place, picture in enumerate(in_threads(lambda n: look_at(folder / n, size), names)):
            if isinstance(picture, Problem):
                problems.add(*picture)
                good[place] = False
        return good


class SplitTables(NamedTuple):
    """A split as its files have it: only images that have a pair.

    Attributes:
        folder: where the pictures are.
        image_size: (H, W) of each.
        names: the pictures' names.
        keypoints: (N, 18, 3), see `Annotations`.
        pairs: (P, 2) int32, places in `names`.
    """

    folder: Path
    image_size: tuple[int, int]
    names: list[str]
    keypoints: Tensor
    pairs: Tensor


def read_split(config: PublishedConfig, split: Split, problems: Problems) -> SplitTables:
    """Read the CSV files of a split, and look for its pictures.

    Raises:
        DataError: for a file or folder that is missing, or has another header.
    """
    annotations, pairs = config.annotations(split), config.pairs(split)
    if not config.root.is_dir():
        raise DataError(f"{config.root}: no such folder; give the one that holds {pairs.name}.")
    folder = image_folder(config, split)
    files = set(os.listdir(folder))  # one listing, not a look-up for each image
    size = config.image_size or first_size(folder, files)
    every = read_annotations(annotations, size, config.crop, problems)
    places = read_pairs(pairs, annotations, every.names, folder, files, problems)
    used, places = torch.unique(places, return_inverse=True)
    names = [every.names[place] for place in used.tolist()]
    return SplitTables(folder, size, names, every.keypoints[used.long()], places.int())


def image_folder(config: PublishedConfig, split: Split) -> Path:
    """Return the folder of a split's pictures.

    Raises:
        DataError: where there is none.
    """
    folders = config.image_folders(split)
    for folder in folders:
        if folder.is_dir():
            return folder
    raise DataError(
        f"{folders[0]}: no such folder, nor {folders[1]}; put the images of the {split} split into "
        "one of them."
    )


def open_packed(
    config: PublishedConfig,
    split: Split,
    tables: SplitTables,
    problems: Problems,
    progress: Progress | None = None,
) -> PackedPictures | None:
    """Open the packed pictures of a split, made where they are not there; None without a cache.

    Raises:
        DataError: for a picture that cannot be used, unless problems are collected.
    """
    if config.cache_folder is None:
        return None
    folder, size = tables.folder, tables.image_size
    path = packed_file(folder, tables.names, size, config.cache_folder, split)
    if not path.exists():
        pack(folder, tables.names, size, path, problems, progress)
        return PackedPictures(path)
    packed = PackedPictures(path)
    for place in (~packed.good).nonzero().flatten().tolist():
        picture = look_at(folder / tables.names[place], size)
        if isinstance(picture, Problem):  # it is: the file was packed from these pictures
            problems.add(*picture)
    return packed


def _tell(
    config: PublishedConfig, split: Split, problems: Problems, unusable: int, left: int
) -> None:
    """Say what was left out.

    Raises:
        DataError: where nothing is left.
    """
    if unusable:
        problems.counts["pairs of such pictures"] = unusable
    if not problems.counts:
        return
    said = f"{config.pairs(split)}: left out {problems.summary()}"
    first = next(iter(problems.sentences.values()))[0]
    if not left:
        raise DataError(f"{said}, and no pair is left; the first problem: {first}")
    _log.warning("%s; %d pairs are left. The first problem: %s", said, left, first)
