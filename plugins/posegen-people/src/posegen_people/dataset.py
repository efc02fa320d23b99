"""The embedded people as pairs: any two pictures of the same person."""

from __future__ import annotations

from typing import Any

import torch

from posegen.core import Pair, PairDataset
from posegen_people import render
from posegen_people.bones import SKELETON
from posegen_people.config import PeopleConfig, Split

#: Number of the first person of each split; `PeopleConfig` allows fewer people than lie between.
FIRST_IDENTITY: dict[Split, int] = {"train": 0, "test": 1_000_000}


class PeopleDataset(PairDataset):
    """Every ordered pair of different pictures of each person, rendered when it is asked for.

    Pictures are kept as long as `cache_mib` has room. Tensors of a `Pair` may be shared with that
    cache, so they must not be written to. The training split lists person by person; the test split
    is shuffled once and for all, so that its first N pairs show various people.
    """

    skeleton = SKELETON.name

    def __init__(self, config: PeopleConfig, split: Split) -> None:
        super().__init__(config, split)
        self.image_size = config.image_size
        self._seed = config.seed
        self._look = config.look
        self._first = FIRST_IDENTITY[split]
        self._pictures = config.pictures
        identities = config.identities if split == "train" else config.test_identities
        self._length = identities * config.pictures * (config.pictures - 1)
        self._order: torch.Tensor | None = None
        if split == "test":
            random = torch.Generator().manual_seed(config.seed)
            self._order = torch.randperm(self._length, generator=random, dtype=torch.int32)
        height, width = config.image_size
        size = height * width * 4 + len(SKELETON) * 3 * 4  # image and mask; keypoints in float32
        self._room = (config.cache_mib << 20) // size
        self._cache: dict[int, render.Rendered] = {}

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Pair:
        """Return pair `index`; see `__getitems__` for many."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[Pair]:
        """Return several pairs; what is not in the cache is rendered in one batch."""
        pairs = [self._numbers(index) for index in indices]
        pictures = self._fetch({number for pair in pairs for number in pair})
        return [
            Pair(
                source=pictures[source].image,
                target=pictures[target].image,
                source_keypoints=pictures[source].keypoints,
                target_keypoints=pictures[target].keypoints,
                source_name=self._name(source),
                target_name=self._name(target),
                source_mask=pictures[source].mask,
                target_mask=pictures[target].mask,
            )
            for source, target in pairs
        ]

    def __getstate__(self) -> dict[str, Any]:
        """Leave the cache behind: it is cheaper rendered again than sent to another process."""
        return {**self.__dict__, "_cache": {}}

    def _numbers(self, index: int) -> tuple[int, int]:
        """Return the numbers of pair `index`'s pictures: `pictures` for each person in turn."""
        index = range(self._length)[index]  # an index from the end, or an IndexError
        if self._order is not None:
            index = int(self._order[index])
        identity, rest = divmod(index, self._pictures * (self._pictures - 1))
        source, target = divmod(rest, self._pictures - 1)
        target += target >= source  # skips the picture itself
        return identity * self._pictures + source, identity * self._pictures + target

    def _person(self, number: int) -> tuple[int, int]:
        """Return whose picture that is, and which of that person's."""
        identity, picture = divmod(number, self._pictures)
        return self._first + identity, picture

    def _name(self, number: int) -> str:
        identity, picture = self._person(number)
        return f"p{identity:06d}_{picture:02d}.png"

    def _fetch(self, numbers: set[int]) -> dict[int, render.Rendered]:
        pictures = {number: self._cache[number] for number in numbers if number in self._cache}
        missing = sorted(numbers - set(pictures))
        if missing:
            people, shots = zip(*map(self._person, missing), strict=True)
            batch = render.render_people(
                people, shots, self.image_size, seed=self._seed, look=self._look
            )
            for number, tensors in zip(missing, zip(*batch, strict=True), strict=True):
                pictures[number] = render.Rendered(*tensors)
                if len(self._cache) < self._room:
                    # Cloned, because a view would keep the whole batch it was rendered in.
                    self._cache[number] = render.Rendered(*(tensor.clone() for tensor in tensors))
        return pictures
