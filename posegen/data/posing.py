"""Poses for a user's own pictures: by a detector, or from files that another program wrote."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from posegen.core.contracts import PoseDetector
from posegen.core.errors import DataError
from posegen.core.skeletons import OPENPOSE18, SKELETONS
from posegen.core.specs import Kind
from posegen.data.footage import Footage, Picture
from posegen.data.naming import NameIndex, by_frame
from posegen.plugins import build, component_config, registry
from posegen.poses.conversions import convert
from posegen.poses.formats import PoseRecord, read_poses
from posegen.poses.people import by_prominence, chosen, detect_people, drop_outside


class Posed(NamedTuple):
    """A picture with the pose of its person.

    Attributes:
        name: the picture's name; see `posegen.data.footage.Picture`.
        image: (3, H, W) uint8 RGB.
        keypoints: (K, 3): x, y in pixels and visibility; all zeros where there is nobody.
        people: how many people were found; the pose is that of one of them.
        outside: how many joints lay outside the picture and are missing.
    """

    name: str
    image: Tensor
    keypoints: Tensor
    people: int
    outside: int = 0


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
    person: int = 1,
) -> Iterator[Posed]:
    """Find the pose of each picture but those named in `leave_out`.

    Of several people the most prominent is taken, or the `person`-th; see
    `posegen.poses.people.by_prominence`.

    Pictures of equal size that follow each other are given to the detector together, at most
    `batch_size`.

    Raises:
        DataError: naming a picture that cannot be decoded.
        PluginError: where the detector breaks its contract.
    """
    for pictures in _batches(footage.read(leave_out), batch_size):
        everybody = finder([picture.image for picture in pictures])
        for picture, people in zip(pictures, everybody, strict=True):
            yield Posed(*picture, chosen(by_prominence(people), person), len(people))


def pose_from_files(
    footage: Footage,
    path: Path,
    skeleton: str = OPENPOSE18.name,
    *,
    format: str | None = None,
    threshold: float | None = None,
    leave_out: Container[str] = (),
    person: int = 1,
) -> Iterator[Posed]:
    """Look up the pose of each picture in the files of another program.

    Pictures and poses belong together by name: the whole name, the name without folder, the name
    without ending, and that without zeros before its last number, in this order. Frames of a video
    belong to poses by number, see `posegen.data.naming.by_frame`.

    Pictures without a pose in the files count as ones without a person. See
    `posegen.poses.formats.read_poses` for `path`, `format`, `threshold` and `person`.

    Raises:
        DataError: naming the file and the entry that cannot be read, or that may belong to either
            of two pictures; or where no picture has a pose, or most joints lie outside.
    """
    names = None if footage.names is None else NameIndex((name, name) for name in footage.names)

    def size_of(name: str) -> tuple[int, int] | None:
        known = names.get(name) if names else name
        return None if known is None else footage.size_of(known)

    records = list(read_poses(path, format, threshold=threshold, size_of=size_of, person=person))
    record_of = _lookup(footage, path, records)
    _check_inside(path, records)
    for picture in footage.read(leave_out):
        record = record_of(picture.name)
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
        yield Posed(
            *picture,
            convert(keypoints, record.skeleton, skeleton),
            record.people,
            record.outside,
        )


def _lookup(
    footage: Footage, path: Path, records: Sequence[PoseRecord]
) -> Callable[[str], PoseRecord | None]:
    """Return what finds the pose of a picture by its name; DataError where no picture has one."""
    if footage.names is None:
        stem = footage.path.stem
        named = {record.name: record for record in records}
        try:
            frames = by_frame(named, stem, footage.count_frames())
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        return lambda name: frames.get(int(name.removeprefix(f"{stem}_")))
    index = NameIndex((record.name, record) for record in records)
    if not any(map(index.get, footage.names)):
        first = next((name for name, _ in index.items), None)
        raise DataError(
            f"{path}: none of its {len(index.items)} poses has the name of a picture of "
            f"{footage.path} (the first is called {first!r}); give them the same names."
        )
    return index.get


def _check_inside(path: Path, records: Sequence[PoseRecord]) -> None:
    """Refuse poses most of whose joints lie outside their pictures: they are of other pictures."""
    outside = sum(record.outside for record in records)
    seen = outside + sum(int((record.everybody[..., 2] > 0).sum()) for record in records)
    if 2 * outside > seen:
        raise DataError(
            f"{path}: {outside:,} of {seen:,} joints lie outside the pictures; give the pictures, "
            "at the size, that the poses were found in."
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
