"""The embedded people as pairs: any two pictures of the same person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from posegen.core.batches import Pair
from posegen.core.contracts import PairDataset
from posegen.data import people
from posegen.data.config import PeopleConfig, Split
from posegen.poses.layouts import OPENPOSE18

#: Number of the first person of each split; `PeopleConfig` allows fewer people than lie between.
FIRST_IDENTITY: dict[Split, int] = {"train": 0, "test": 1_000_000}


class _Picture(NamedTuple):
    image: Tensor
    mask: Tensor
    keypoints: Tensor


class PeopleDataset(PairDataset):
    """Every ordered pair of different pictures of each person, rendered when it is asked for.

    Pictures are kept as long as `cache_mib` has room. Tensors of a `Pair` may be shared with that
    cache, so they must not be written to. The training split lists person by person; the test split
    is shuffled once and for all, so that its first N pairs show various people.
    """

    layout = OPENPOSE18.name

    def __init__(self, config: PeopleConfig, split: Split) -> None:
        super().__init__(config, split)
        self.image_size = config.image_size
        self._seed = config.seed
        self._first = FIRST_IDENTITY[split]
        self._pictures = config.pictures
        identities = config.identities if split == "train" else config.test_identities
        self._length = identities * config.pictures * (config.pictures - 1)
        self._order = _shuffled(self._length, config.seed) if split == "test" else None
        height, width = config.image_size
        size = height * width * 4 + len(OPENPOSE18) * 3 * 4  # image and mask; keypoints in float32
        self._room = (config.cache_mib << 20) // size
        self._cache: dict[int, _Picture] = {}

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Pair:
        """Return pair `index`; see `__getitems__` for many."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[Pair]:
        """Return several pairs; what is not in the cache is rendered in one batch."""
        wanted = [self._numbers(index) for index in indices]
        pictures = self._fetch({number for pair in wanted for number in pair})
        return [self._pair(source, target, pictures) for source, target in wanted]

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

    def _fetch(self, numbers: Iterable[int]) -> dict[int, _Picture]:
        found = {number: self._cache[number] for number in numbers if number in self._cache}
        for number, picture in self._render(sorted(set(numbers) - set(found))).items():
            found[number] = picture
            if len(self._cache) < self._room:
                # Cloned, because a view would keep the whole batch it was rendered in.
                self._cache[number] = _Picture(*(tensor.clone() for tensor in picture))
        return found

    def _render(self, numbers: list[int]) -> dict[int, _Picture]:
        if not numbers:
            return {}
        identities = [self._first + number // self._pictures for number in numbers]
        pictures = [number % self._pictures for number in numbers]
        rendered = people.render_people(identities, pictures, self.image_size, seed=self._seed)
        parts = zip(rendered.images, rendered.masks, rendered.keypoints, strict=True)
        return {n: _Picture(*tensors) for n, tensors in zip(numbers, parts, strict=True)}

    def _pair(self, source: int, target: int, pictures: dict[int, _Picture]) -> Pair:
        return Pair(
            source=pictures[source].image,
            target=pictures[target].image,
            source_keypoints=pictures[source].keypoints,
            target_keypoints=pictures[target].keypoints,
            source_name=self._name(source),
            target_name=self._name(target),
            source_mask=pictures[source].mask,
            target_mask=pictures[target].mask,
        )

    def _name(self, number: int) -> str:
        identity, picture = divmod(number, self._pictures)
        return f"p{self._first + identity:06d}_{picture:02d}.png"


def _shuffled(length: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(length, generator=generator, dtype=torch.int32)
