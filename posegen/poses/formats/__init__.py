"""Readers of pose files that other programs wrote, and the writer of the published CSV.

Which format a file is of is seen from its content. See `FORMATS`, and each format's module for what
exactly it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posegen.core.errors import ConfigError, DataError, suggest
from posegen.core.skeletons import skeleton
from posegen.core.texts import parse_json, read_text
from posegen.poses.formats.alphapose import ALPHAPOSE
from posegen.poses.formats.coco import COCO, DETECTIONS
from posegen.poses.formats.common import Entry, Format, Size, are_fractions, floats
from posegen.poses.formats.mediapipe import MEDIAPIPE
from posegen.poses.formats.mmpose import MMPOSE
from posegen.poses.formats.openpose import OPENPOSE
from posegen.poses.formats.published import PUBLISHED
from posegen.poses.formats.text import LINES, YOLO, YOLO_DETECTIONS
from posegen.poses.people import by_prominence, chosen, drop_outside

#: name -> format. A file is of the first that recognises it.
FORMATS = {
    format.name: format
    for format in (
        *(OPENPOSE, ALPHAPOSE, COCO, DETECTIONS, MMPOSE, MEDIAPIPE),
        *(YOLO, YOLO_DETECTIONS, LINES, PUBLISHED),
    )
}
#: What is read in a folder; texts beside JSON are notes.
_SUFFIXES = ((".json", ".csv"), (".txt",))
#: Lists that labelling tools put beside their files.
_NO_POSES = ("classes.txt",)


@dataclass(frozen=True)
class PoseRecord:
    """The pose of one picture, read from a file.

    Attributes:
        name: the picture's name as the file has it: with or without ending, or a video's name and
            the frame's number (`walk_000012`).
        keypoints: (K, 3): x, y in pixels and visibility: 1 seen, 0.5 hidden, 0 missing.
        skeleton: name of their skeleton.
        size: (H, W) of the picture in pixels, where the file or the caller knows it.
        everybody: (N, K, 3), all people whom the file has there, the most prominent first;
            `keypoints` are those of one of them, or all zeros.
        outside: how many joints of theirs were left out because they lie outside the picture.
    """

    name: str
    keypoints: Tensor
    skeleton: str
    size: Size | None
    everybody: Tensor
    outside: int = 0

    @property
    def people(self) -> int:
        """How many people there are."""
        return len(self.everybody)


def read_poses(
    path: Path,
    format: str | None = None,
    *,
    threshold: float | None = None,
    size_of: Callable[[str], Size | None] | None = None,
    person: int = 1,
) -> Iterator[PoseRecord]:
    """Read the poses of a file, or of all JSON and CSV files of a folder, or its texts (by name).

    Where a picture has several people, the most prominent one is taken, see
    `posegen.poses.people.by_prominence`. A picture without people has a record
    whose joints are all missing.

    Args:
        path: the file or folder.
        format: a name of `FORMATS`; by default it is seen from the content.
        threshold: joints whose confidence is below this are missing; by default the format's own.
        size_of: picture's name -> its (H, W) or None; asked where a file holds fractions of a
            picture's size that it does not tell.
        person: which of several people is taken: 1 is the most prominent, 2 the next; a picture
            with fewer counts as one without people.

    Raises:
        ConfigError: for an unknown format.
        DataError: naming the file and the entry that cannot be read.
    """
    if format is not None and format not in FORMATS:
        raise ConfigError(f"no pose format {format!r}; {suggest(format, FORMATS)}")
    for file in _files(path):
        content = _content(file)
        recognising = [one for one in FORMATS.values() if one.recognises(content)]
        if not recognising:
            titles = "; ".join(f"{one.name}: {one.title}" for one in FORMATS.values())
            raise DataError(f"{file}: is of no known pose format; known are {titles}.")
        known = FORMATS[format] if format else recognising[0]
        if known not in recognising:
            raise DataError(f"{file}: is not of the format {format!r}; leave the format out.")
        for entry in known.read(content, file):
            yield _record(entry, known, threshold, size_of, person)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder of poses.")
    inside = sorted(file for file in path.iterdir() if file.name not in _NO_POSES)
    for suffixes in _SUFFIXES:
        files = [file for file in inside if file.suffix.lower() in suffixes]
        if files:
            return files
    raise DataError(f"{path}: holds no .json, .csv or .txt file; give the folder that does.")


def _content(path: Path) -> Any:
    """Return parsed JSON, or the text of a file that is something else."""
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({error}); replace it.") from None
    if path.suffix.lower() != ".txt" and not text.strip():
        raise DataError(f"{path}: is empty; write it again.")
    if path.suffix.lower() != ".json" and text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return parse_json(text)
    except ValueError as error:
        raise DataError(f"{path}: is not valid JSON ({error}); write it again.") from None


def _record(
    entry: Entry,
    format: Format,
    threshold: float | None,
    size_of: Callable[[str], Size | None] | None,
    person: int,
) -> PoseRecord:
    people, joints = _people(entry, format)
    size = entry.size or (size_of(entry.name) if size_of else None)
    places = people[..., :2][people[..., 2] > 0]
    if are_fractions(places.flatten().tolist(), format.fractions):
        if size is None:
            raise DataError(
                f"{entry.where}: the coordinates are fractions of the picture's size, which the "
                f"file does not tell; give the pictures too ({entry.name!r} is not among them)."
            )
        # The picture's edges are half a pixel outside the centres of its outermost pixels.
        people[..., :2] = people[..., :2] * torch.tensor([size[1], size[0]]) - 0.5
    limit = format.threshold if threshold is None else threshold
    people[(people[..., 2] < limit) | (people[..., 2] == 0)] = 0
    seen = int((people[..., 2] > 0).sum())
    if size is not None:
        people = drop_outside(people, size)
    outside = seen - int((people[..., 2] > 0).sum())
    people = by_prominence(people[people[..., 2].gt(0).any(1)])
    if not format.labelled:
        people[..., 2] = people[..., 2].ceil()
    return PoseRecord(entry.name, chosen(people, person), joints, size, people, outside)


def _people(entry: Entry, format: Format) -> tuple[Tensor, str]:
    """Return the people of a picture, (N, K, 3) where N may be 0, and their skeleton."""
    sizes = {3 * len(skeleton(name)): name for name in format.skeletons}
    people = []
    for number, values in enumerate(entry.people):
        where = f"{entry.where}, person {number}"
        people.append(floats(values, where))
        if len(people[-1]) not in sizes:
            lengths = " or ".join(f"{size} ({name})" for size, name in sizes.items())
            raise DataError(
                f"{where}: a person has {len(people[-1])} numbers, and {lengths} are expected; "
                "write the file with one of these models."
            )
    names = sorted({sizes[len(person)] for person in people}) or [format.skeletons[0]]
    if len(names) > 1:
        raise DataError(f"{entry.where}: has people of {' and of '.join(names)}; keep one kind.")
    stacked = torch.tensor(people, dtype=torch.float32).view(-1, len(skeleton(names[0])), 3)
    if format.labelled:
        stacked[..., 2] /= 2  # COCO's 0, 1, 2 are our 0, 0.5, 1
    stacked[..., 2].clamp_(0, 1)
    return stacked, names[0]
