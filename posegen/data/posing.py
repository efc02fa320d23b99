"""Poses for a user's own pictures: by a detector, or from files that another program wrote."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from posegen.core.contracts import PoseDetector
from posegen.core.errors import DataError
from posegen.core.skeletons import OPENPOSE18, SKELETONS
from posegen.core.specs import Kind
from posegen.data.footage import Footage, Picture
from posegen.plugins import build, component_config, registry
from posegen.poses.conversions import convert
from posegen.poses.formats import read_poses
from posegen.poses.people import detect_people, drop_outside

T = TypeVar("T")


class Posed(NamedTuple):
    """A picture with the pose of its person.

    Attributes:
        name: the picture's name; see `posegen.data.footage.Picture`.
        image: (3, H, W) uint8 RGB.
        keypoints: (K, 3): x, y in pixels and visibility; all zeros where there is nobody.
        people: how many people were found; the pose is that of the best one.
    """

    name: str
    image: Tensor
    keypoints: Tensor
    people: int


@dataclass(frozen=True)
class PeopleFinder:
    """A detector in use: it finds the people in pictures.

    Attributes:
        detector: any detector; its keypoints are converted.
        device: where the pictures are moved first; a detector works there, or on the CPU.
        skeleton: name of the skeleton of the result.
        name, options: what the detector was built from.
    """

    detector: PoseDetector
    device: torch.device | str = "cpu"
    skeleton: str = OPENPOSE18.name
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, images: Sequence[Tensor]) -> list[Tensor]:
        """Find the people in pictures (3, H, W) uint8 of one size: for each (N, K, 3), best first.

        Raises:
            PluginError: where the detector breaks its contract; see `detect_people`.
        """
        batch = torch.stack(list(images)).to(self.device)
        return detect_people(self.detector, batch, self.skeleton)


def build_finder(
    name: str,
    options: Mapping[str, Any],
    device: torch.device | str = "cpu",
    skeleton: str = OPENPOSE18.name,
) -> PeopleFinder:
    """Build a pose detector from its name and options, and put it to use.

    Raises:
        PluginError, ConfigError, WeightsError: where it, an option or its weights are not there.
    """
    config = component_config(registry(), Kind.DETECTOR, name, options, "detector")
    detector: PoseDetector = build(registry(), Kind.DETECTOR, name, config)
    return PeopleFinder(detector, device, skeleton, name, dict(options))


def pose_by_detector(
    footage: Footage,
    finder: PeopleFinder,
    *,
    leave_out: Container[str] = (),
    batch_size: int = 8,
) -> Iterator[Posed]:
    """Find the pose of each picture but those named in `leave_out`; of several people the best.

    Pictures of equal size that follow each other are given to the detector together, at most
    `batch_size`.

    Raises:
        DataError: naming a picture that cannot be decoded.
        PluginError: where the detector breaks its contract.
    """
    for pictures in _batches(footage.read(leave_out), batch_size):
        everybody = finder([picture.image for picture in pictures])
        for picture, people in zip(pictures, everybody, strict=True):
            best = people[0] if len(people) else torch.zeros(people.shape[1:])
            yield Posed(*picture, best, len(people))


def pose_from_files(
    footage: Footage,
    path: Path,
    skeleton: str = OPENPOSE18.name,
    *,
    format: str | None = None,
    threshold: float | None = None,
    leave_out: Container[str] = (),
) -> Iterator[Posed]:
    """Look up the pose of each picture in the files of another program.

    Pictures and poses belong together by name: the whole name, the name without folder, the name
    without ending, and that without zeros before its last number, in this order.

    Pictures without a pose in the files count as ones without a person. See
    `posegen.poses.formats.read_poses` for `path`, `format` and `threshold`.

    Raises:
        DataError: naming the file and the entry that cannot be read, or that may belong to either
            of two pictures; or where no picture has a pose.
    """
    names = None if footage.names is None else NameIndex((name, name) for name in footage.names)

    def size_of(name: str) -> tuple[int, int] | None:
        known = names.get(name) if names else name
        return None if known is None else footage.size_of(known)

    records = read_poses(path, format, threshold=threshold, size_of=size_of)
    index = NameIndex((record.name, record) for record in records)
    if footage.names is not None and not any(map(index.get, footage.names)):
        first = next((name for name, _ in index.items), None)
        raise DataError(
            f"{path}: none of its {len(index.items)} poses has the name of a picture of "
            f"{footage.path} (the first is called {first!r}); give them the same names."
        )
    for picture in footage.read(leave_out):
        record = index.get(picture.name)
        if record is None:
            yield Posed(*picture, torch.zeros(len(SKELETONS[skeleton]), 3), 0)
            continue
        height, width = picture.image.shape[1:]
        if record.size and record.size != (height, width):
            raise DataError(
                f"{picture.name}: the picture is {height}×{width} (height×width) and its pose is "
                f"for {record.size[0]}×{record.size[1]}; give the pictures that the poses were "
                "found in."
            )
        keypoints = drop_outside(record.keypoints, (height, width))
        yield Posed(*picture, convert(keypoints, record.skeleton, skeleton), record.people)


def _batches(pictures: Iterable[Picture], most: int) -> Iterator[list[Picture]]:
    batch: list[Picture] = []
    for picture in pictures:
        if batch and (len(batch) == most or picture.image.shape != batch[0].image.shape):
            yield batch
            batch = []
        batch.append(picture)
    if batch:
        yield batch


class NameIndex(Generic[T]):
    """Things found by names that may be written with folder and ending, or without."""

    def __init__(self, items: Iterable[tuple[str, T]]) -> None:
        self.items = list(items)
        self._found: defaultdict[tuple[int, str], list[tuple[str, T]]] = defaultdict(list)
        for item in self.items:
            for level, spelling in enumerate(_spellings(item[0])):
                self._found[level, spelling].append(item)

    def get(self, name: str) -> T | None:
        """Return what `name` means, or None.

        Raises:
            DataError: where it may mean either of two.
        """
        # Whole names come first: what is one name as a whole may be a part of another.
        for spelling, level in product(_spellings(name), range(4)):
            items = self._found.get((level, spelling), [])
            if len(items) > 1:
                raise DataError(
                    f"{name!r} may be {items[0][0]!r} or {items[1][0]!r}; give each a name of its "
                    "own."
                )
            if items:
                return items[0][1]
        return None


def _spellings(name: str) -> tuple[str, str, str, str]:
    """Return a name: whole, without folder, without ending, without zeros before its number."""
    base = name.replace("\\", "/").rpartition("/")[2]
    stem = base.rpartition(".")[0] or base
    plain = re.sub(r"(?<!\d)0+(?=\d+$)", "", stem)
    return name, base, stem, plain
