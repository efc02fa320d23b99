"""Poses for a user's own pictures: by a detector, or from files that another program wrote."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from posegen.core.contracts import PoseDetector
from posegen.core.errors import DataError
from posegen.core.specs import Kind
from posegen.data.footage import Footage, Picture
from posegen.plugins import build, component_config, registry
from posegen.poses.conversions import convert
from posegen.poses.detection import detect_people
from posegen.poses.formats import PoseRecord, read_poses
from posegen.poses.layouts import layout
from posegen.poses.people import drop_outside

T = TypeVar("T")


@dataclass(frozen=True)
class Posed:
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


def build_detector(name: str, options: Mapping[str, Any]) -> PoseDetector:
    """Build a pose detector from its name and options.

    Raises:
        PluginError: for an unknown detector.
        ConfigError: for a wrong option.
        WeightsError: where its weights cannot be had.
    """
    config = component_config(registry(), Kind.DETECTOR, name, options, "detector")
    detector: PoseDetector = build(registry(), Kind.DETECTOR, name, config)
    return detector


def pose_by_detector(
    footage: Footage,
    detector: PoseDetector,
    wanted: str = "openpose18",
    *,
    leave_out: Container[str] = (),
    batch_size: int = 8,
    device: torch.device | str = "cpu",
) -> Iterator[Posed]:
    """Find the pose of each picture.

    Args:
        footage: the pictures.
        detector: any detector; its keypoints are converted.
        wanted: name of the layout of the result.
        leave_out: names of pictures that are not looked at.
        batch_size: pictures of equal size that follow each other are given to the detector
            together, at most so many.
        device: where the pictures are moved first; a detector works there, or on the CPU.

    Raises:
        DataError: naming a picture that cannot be decoded.
        PluginError: where the detector breaks its contract.
    """
    joints = len(layout(wanted))
    for pictures in _batches(footage.read(leave_out), batch_size):
        images = torch.stack([picture.image for picture in pictures])
        found = detect_people(detector, images.to(device), wanted)
        for picture, people in zip(pictures, found, strict=True):
            keypoints = people[0] if len(people) else torch.zeros(joints, 3)
            yield Posed(picture.name, picture.image, keypoints, len(people))


def pose_from_files(
    footage: Footage,
    path: Path,
    wanted: str = "openpose18",
    *,
    format: str | None = None,
    threshold: float | None = None,
    leave_out: Container[str] = (),
) -> Iterator[Posed]:
    """Look up the pose of each picture in the files of another program.

    Pictures and poses belong together by name: the whole name, the name without folder, the name
    without ending, and that without zeros before its last number, in this order.

    Args:
        footage: the pictures. Those without a pose in the files count as ones without a person.
        path: a file or folder; see `posegen.poses.formats.read_poses`, also for `format` and
            `threshold`.
        wanted: name of the layout of the result.
        leave_out: names of pictures that are not looked at.

    Raises:
        DataError: naming the file and the entry that cannot be read, or that may belong to either
            of two pictures; or where no picture has a pose.
    """
    pictures = NameIndex((name, name) for name in footage.names or ())

    def size_of(name: str) -> tuple[int, int] | None:
        known = name if footage.names is None else pictures.get(name)
        return None if known is None else footage.size_of(known)

    records = read_poses(path, format, threshold=threshold, size_of=size_of)
    index = NameIndex((record.name, record) for record in records)
    if footage.names is not None and not any(map(index.get, footage.names)):
        raise DataError(
            f"{path}: none of its {len(index)} poses has the name of a picture of {footage.path} "
            f"(the first is called {index.first!r}); give them the same names."
        )
    for picture in footage.read(leave_out):
        yield _posed(picture, index.get(picture.name), wanted)


def _posed(picture: Picture, record: PoseRecord | None, wanted: str) -> Posed:
    if record is None:
        return Posed(picture.name, picture.image, torch.zeros(len(layout(wanted)), 3), 0)
    height, width = picture.image.shape[1:]
    if record.size not in (None, (height, width)):
        assert record.size is not None
        raise DataError(
            f"{picture.name}: the picture is {height}×{width} (height×width) and its pose is for "
            f"{record.size[0]}×{record.size[1]}; give the pictures that the poses were found in."
        )
    keypoints = drop_outside(record.keypoints, (height, width))
    return Posed(
        picture.name, picture.image, convert(keypoints, record.layout, wanted), record.people
    )


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
        self._found: dict[str, tuple[int, list[tuple[str, T]]]] = {}
        self._names: list[str] = []
        for name, item in items:
            self._names.append(name)
            for level, key in enumerate(_spellings(name)):
                best, others = self._found.get(key, (level, []))
                if level < best:
                    best, others = level, []
                if level == best:
                    self._found[key] = (best, [*others, (name, item)])

    def __len__(self) -> int:
        return len(self._names)

    @property
    def first(self) -> str | None:
        """The name of the first item."""
        return self._names[0] if self._names else None

    def get(self, name: str) -> T | None:
        """Return what `name` means, or None.

        Raises:
            DataError: where it may mean either of two.
        """
        for key in _spellings(name):
            if key in self._found:
                _, items = self._found[key]
                if len(items) > 1:
                    raise DataError(
                        f"{name!r} may be {items[0][0]!r} or {items[1][0]!r}; give each a name of "
                        "its own."
                    )
                return items[0][1]
        return None


def _spellings(name: str) -> list[str]:
    base = name.replace("\\", "/").rpartition("/")[2]
    stem = base.rpartition(".")[0] or base
    plain = re.sub(r"(?<!\d)0+(?=\d+$)", "", stem)
    return [name, base, stem, plain]
