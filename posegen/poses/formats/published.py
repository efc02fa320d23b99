"""The published annotation CSV: `name:keypoints_y:keypoints_x`, y first, -1 for a missing joint.

A line per image: its name, and two JSON lists of 18 whole numbers. `posegen.data.tables` reads the
same file for training, where it also checks each joint against its image's size.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from torch import Tensor

from posegen.core.errors import DataError
from posegen.core.skeletons import OPENPOSE18
from posegen.poses.formats.common import Entry, Format

ANNOTATION_HEADER = "name:keypoints_y:keypoints_x"
_JOINTS = len(OPENPOSE18)


def annotation_row(name: str, keypoints: Tensor, size: tuple[int, int] | None = None) -> str:
    """Return the line of an image with `openpose18` keypoints (18, 3), without the line break.

    A joint outside `size` (H, W), after rounding, is missing. Without a size it may be anywhere,
    but -1 means missing.

    Raises:
        DataError: for a name with a colon or a line break, which the form has no room for.
    """
    if any(sign in name for sign in ":\n\r"):
        raise DataError(
            f"{name!r}: a name with a colon or a line break has no place in the CSV "
            "file; rename the picture."
        )
    x, y, visibility = keypoints.unbind(-1)
    x, y = x.round(), y.round()
    present = visibility > 0
    if size is not None:
        present &= (x >= 0) & (y >= 0) & (y < size[0]) & (x < size[1])
    ys, xs = (axis.where(present, -1).int().tolist() for axis in (y, x))
    return f"{name}: {ys}: {xs}"


class AnnotationWriter:
    """Writes a published annotation CSV, line by line; use it in a `with` statement.

    The file is there from the first line on, and each line is in it before the next one is made, so
    a long job that was stopped can go on.

    Attributes:
        names: the images that have a line, in order.

    Args:
        path: the file.
        resume: go on with an existing file, whose unfinished last line, if any, is dropped; else an
            existing one is refused.

    Raises:
        DataError: where the file exists and `resume` is False, or is of another form.
    """

    def __init__(self, path: Path, resume: bool = False) -> None:
        self.names: dict[str, None] = {}
        self._path = path
        self._file: TextIO | None = None
        self._whole = 0  # bytes of complete lines
        if path.exists():
            if not resume:
                raise DataError(f"{path}: exists; go on with it (`--resume`), or give a new name.")
            content = path.read_bytes()
            self._whole = content.rfind(b"\n") + 1
            text = content[: self._whole].decode("utf-8-sig", "replace")
            if text and not _recognises(text):
                raise DataError(
                    f"{path}, row 1: the header is not {ANNOTATION_HEADER!r}; give a new name."
                )
            rows = text.split("\n")[1:]
            self.names.update((row.partition(":")[0].strip(), None) for row in rows if row.strip())

    def add(self, name: str, keypoints: Tensor, size: tuple[int, int] | None = None) -> None:
        """Write the line of an image; see `annotation_row`."""
        row = annotation_row(name, keypoints, size)
        if self._file is None:
            self._file = self._open()
        self._file.write(f"{row}\n")
        self._file.flush()
        self.names[name] = None

    def _open(self) -> TextIO:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a", encoding="utf-8", newline="\n")
        file.truncate(self._whole)
        if not self._whole:
            file.write(f"{ANNOTATION_HEADER}\n")
        return file

    def __enter__(self) -> AnnotationWriter:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()


def parse_row(line: str, where: str) -> tuple[str, array[float], array[float]]:
    """Return an image's name, and y and x of all its joints.

    Raises:
        DataError: saying what is wrong with the row.
    """
    fields = line.split(":")
    if len(fields) != 3:
        raise DataError(
            f"{where}: has {len(fields)} fields between colons, not 3; write {ANNOTATION_HEADER!r}."
        )
    y, x = _numbers(fields[1], "keypoints_y", where), _numbers(fields[2], "keypoints_x", where)
    return fields[0].strip(), y, x


def _numbers(text: str, field: str, where: str) -> array[float]:
    try:
        values = array("d", json.loads(text))
    except (ValueError, TypeError, OverflowError, RecursionError):
        values = array("d")
    if len(values) != _JOINTS:
        raise DataError(
            f"{where}: {field} is not a list of {_JOINTS} numbers ({text.strip()[:40]!r}); write "
            "them in square brackets, -1 for a missing joint."
        )
    if not all(map(math.isfinite, values)):
        raise DataError(
            f"{where}: {field} holds a value that is not a finite number; write -1 for a missing "
            "joint."
        )
    return values


def _recognises(content: Any) -> bool:
    return isinstance(content, str) and "".join(content.split("\n")[0].split()) == ANNOTATION_HEADER


def _read(content: Any, file: Path) -> Iterator[Entry]:
    for row, line in enumerate(content.split("\n")[1:], start=2):
        if line.strip():
            where = f"{file}, row {row}"
            name, ys, xs = parse_row(line, where)
            places = zip(xs, ys, strict=True)
            person = [v for x, y in places for v in (x, y, float(x != -1 and y != -1))]
            yield Entry(name, [person], where)


PUBLISHED = Format(
    name="published",
    title="the published annotation CSV",
    skeletons=(OPENPOSE18.name,),
    threshold=0.0,
    recognises=_recognises,
    read=_read,
)
