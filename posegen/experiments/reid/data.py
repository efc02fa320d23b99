"""Pictures with the person and the camera in their names, for re-identification."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from posegen.config import ComponentOptions
from posegen.config.parts import build_dataset
from posegen.core.contracts import PairDataset
from posegen.core.errors import ConfigError, DataError
from posegen.data.image_files import decode, in_threads
from posegen.data.pictures import is_picture, read_bytes
from posegen.evaluation.metrics.reid_network import resized

#: Market-1501's names (`0002_c1s1_000451_03.jpg`), and those of the embedded people, whose pictures
#: are each by a camera of its own (`p000012_03.png`).
MARKET_NAMES = r"(?P<person>-?\d+)_c(?P<camera>\d+)"
PEOPLE_NAMES = r"p(?P<person>\d+)_(?P<camera>\d+)"

#: The folders of Market-1501 as its authors pack it.
TRAIN, QUERY, GALLERY = "bounding_box_train", "query", "bounding_box_test"
#: Pictures that are read or brought to size at a time.
_CHUNK = 256

Size = tuple[int, int]
#: Tells person and camera from a picture's name.
Naming = Callable[[str], tuple[str, str]]


@dataclass(frozen=True)
class Pictures:
    """Pictures of people.

    Attributes:
        names, people, cameras: of each picture.
        images: (N, 3, H, W) uint8 RGB, all of one size.
    """

    names: list[str]
    people: list[str]
    cameras: list[str]
    images: Tensor

    def __len__(self) -> int:
        return len(self.names)

    def part(self, places: Sequence[int]) -> Pictures:
        """Return those at these places."""
        return Pictures(
            [self.names[i] for i in places],
            [self.people[i] for i in places],
            [self.cameras[i] for i in places],
            self.images[list(places)],
        )

    def joined(self, other: Pictures) -> Pictures:
        """Return these and others."""
        return Pictures(
            self.names + other.names,
            self.people + other.people,
            self.cameras + other.cameras,
            torch.cat([self.images, other.images]),
        )


@dataclass(frozen=True)
class Posed:
    """A picture with its keypoints, as a generator needs it.

    Attributes:
        name: of the picture.
        image: (3, H, W) uint8 RGB.
        keypoints: (K, 3), in its pixels.
    """

    name: str
    image: Tensor
    keypoints: Tensor


class Namer:
    """Reads person and camera from names of pictures.

    Args:
        pattern: a regular expression with the groups `person` and `camera`, for the beginning of a
            name; by default Market's and that of the embedded people.

    Raises:
        ConfigError: where it is none.
    """

    def __init__(self, pattern: str | None = None) -> None:
        try:
            chosen = [pattern] if pattern else [MARKET_NAMES, PEOPLE_NAMES]
            self._patterns = [re.compile(one) for one in chosen]
        except re.error as error:
            raise ConfigError(f"--names {pattern}: no regular expression ({error}).") from None
        for one in self._patterns:
            if not {"person", "camera"} <= set(one.groupindex):
                raise ConfigError(
                    f"--names {pattern}: it needs the groups (?P<person>…) and (?P<camera>…)."
                )

    def __call__(self, name: str) -> tuple[str, str]:
        """Return person and camera.

        Raises:
            DataError: where the name does not say.
        """
        for pattern in self._patterns:
            if match := pattern.match(Path(name).name):
                return match["person"], match["camera"]
        raise DataError(
            f"{name}: its name does not tell person and camera; give --names with a regular "
            "expression that finds (?P<person>…) and (?P<camera>…)."
        )


def official(root: Path) -> bool:
    """Whether a folder is Market-1501 as its authors pack it (or a data set in its layout)."""
    return (root / TRAIN).is_dir() and (root / QUERY).is_dir() and (root / GALLERY).is_dir()


def read_folder(folder: Path, namer: Naming, size: Size, names: Iterable[str] = ()) -> Pictures:
    """Read a folder's pictures, all or those named, at a size.

    Raises:
        DataError: for a picture that cannot be read, or whose name does not tell who it is; and
            where there is none.
    """
    listed = list(names) or sorted(filter(is_picture, os.listdir(folder)))
    if not listed:
        raise DataError(f"{folder}: there is no picture in it.")
    labels = [namer(name) for name in listed]

    def read(name: str) -> Tensor:
        try:
            return _small(decode(read_bytes(folder / name))[None], size)[0]
        except (OSError, ValueError) as error:
            raise DataError(f"{folder / name}: cannot be read ({error}).") from None

    images = torch.stack(list(in_threads(read, listed)))
    return Pictures(listed, [p for p, _ in labels], [c for _, c in labels], images)


def read_split(
    section: ComponentOptions, split: Literal["train", "test"], namer: Naming, size: Size
) -> Pictures:
    """Read every picture of a data set's split once, at a size."""
    found = list(build_dataset(section, split).images())
    labels = [namer(name) for name, _ in found]
    images = torch.cat(
        [
            _small(torch.stack([image for _, image in found[at : at + _CHUNK]]), size)
            for at in range(0, len(found), _CHUNK)
        ]
    )
    return Pictures([n for n, _ in found], [p for p, _ in labels], [c for _, c in labels], images)


def read_posed(dataset: PairDataset) -> list[Posed]:
    """Return each picture of a split once, with its keypoints, by name."""
    found: dict[str, Posed] = {}
    for start in range(0, len(dataset), _CHUNK):
        for pair in dataset.__getitems__(list(range(start, min(start + _CHUNK, len(dataset))))):
            for name, image, points in (
                (pair.source_name, pair.source, pair.source_keypoints),
                (pair.target_name, pair.target, pair.target_keypoints),
            ):
                if name not in found:
                    found[name] = Posed(name, image.clone(), points.clone())
    return [found[name] for name in sorted(found)]


def fraction_of(names: Sequence[str], people: Sequence[str], part: float, seed: int) -> list[int]:
    """Return the places of a part of each person's pictures, at least one, drawn by the seed.

    A smaller part is in a larger one.
    """
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, person in enumerate(people):
        places[person].append(place)
    kept: list[int] = []
    for own in places.values():
        own.sort(key=lambda place: hashlib.sha256(f"{seed} {names[place]}".encode()).digest())
        kept += own[: max(1, math.floor(part * len(own) + 0.5))]
    return sorted(kept)


def _small(images: Tensor, size: Size) -> Tensor:
    return resized(images, size).round().clamp(0, 255).byte()
