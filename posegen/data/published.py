"""Reader of the published Market-1501 and DeepFashion layouts.

All that can be wrong with the CSV files, and every missing image, is found when a data set is
opened; images are looked into when they are read, or at once where bad ones are to be left out.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from posegen.core.batches import Pair
from posegen.core.contracts import PairDataset
from posegen.core.errors import DataError
from posegen.core.skeletons import OPENPOSE18
from posegen.core.texts import one_form
from posegen.data.config import PublishedConfig, Split
from posegen.data.image_files import look_at_all, read_picture
from posegen.data.packed import open_packed
from posegen.data.pictures import is_picture
from posegen.data.problems import Problem, Problems
from posegen.data.tables import read_split

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

    skeleton = OPENPOSE18.name

    def __init__(self, config: PublishedConfig, split: Split) -> None:
        super().__init__(config, split)
        problems = Problems(collect=config.skip_bad)
        tables = read_split(config, split, problems)
        self.image_size, self._folder = tables.image_size, tables.folder
        self._keypoints, pairs = tables.keypoints, tables.pairs
        if not self._keypoints[..., 2].any():
            raise DataError(
                f"{config.annotations(split)}: no joint is there in any of its {len(tables.names)} "
                "poses, so there is nothing to learn from; find them again, for example with "
                "`posegen pose`."
            )
        self._packed = open_packed(config, split, tables, problems)
        if config.skip_bad:
            pairs = pairs[self._usable(tables.names, problems)[pairs.long()].all(1)]
            if len(pairs) < len(tables.pairs):
                problems.counts["pairs of such pictures"] = len(tables.pairs) - len(pairs)
            _tell(config.pairs(split), problems, len(pairs))
        # A list of names would be copied by every loading process.
        names = np.array([name.encode() for name in tables.names])
        self._names = torch.from_numpy(names.view(np.uint8).reshape(len(names), -1))
        self._pairs, self._skip_bad = pairs, config.skip_bad
        self.left_out = dict(problems.counts)

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Pair:
        """Read pair `index`, in the order of the CSV file, or raise DataError for its images."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[Pair]:
        """Read several pairs."""
        places = self._pairs[indices].long()  # (B, 2)
        keypoints = self._keypoints[places]  # (B, 2, 18, 3)
        pictures = self._pictures(places.flatten())  # source, target, source, …
        names = [one_form(self._name(place)) for place in places.flatten().tolist()]
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
        """Yield every picture of the split's folder, by name: those without a pair too."""
        names = sorted(filter(is_picture, os.listdir(self._folder)))
        pictures = look_at_all(self._folder, names, self.image_size)
        for name, picture in zip(names, pictures, strict=True):
            if not isinstance(picture, Problem):
                yield name, picture
            elif not self._skip_bad:
                raise DataError(picture.sentence)

    def _name(self, place: int) -> str:
        return bytes(self._names[place].numpy()).rstrip(b"\0").decode()

    def _pictures(self, places: Tensor) -> Sequence[Tensor] | Tensor:
        if self._packed is not None:
            return self._packed[places]
        paths = (self._folder / self._name(place) for place in places.tolist())
        return [read_picture(path, self.image_size) for path in paths]

    def _usable(self, names: Sequence[str], problems: Problems) -> Tensor:
        """Return which pictures can be read: (N,) bool."""
        if self._packed is not None:
            return self._packed.good
        good = torch.ones(len(names), dtype=torch.bool)
        for place, picture in enumerate(look_at_all(self._folder, names, self.image_size)):
            if isinstance(picture, Problem):
                problems.add(*picture)
                good[place] = False
        return good


def _tell(path: Path, problems: Problems, left: int) -> None:
    """Say what was left out, or raise DataError where nothing is left."""
    if not problems.counts:
        return
    said = f"{path}: left out {problems.summary()}"
    first = next(iter(problems.first.values()))
    if not left:
        raise DataError(f"{said}, and no pair is left; the first problem: {first}")
    _log.warning("%s; %d pairs are left. The first problem: %s", said, left, first)
