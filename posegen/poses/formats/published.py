"""The published annotation CSV: `name:keypoints_y:keypoints_x`, y first, -1 for a missing joint.

A line per image: its name, and two JSON lists of 18 whole numbers. `posegen.data.tables` reads the
same file for training, where it also checks each joint against its image's size.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor

from posegen.core.errors import DataError
from posegen.poses.formats.entry import Entry, Format, Source, floats
from posegen.poses.layouts import OPENPOSE18

HEADER = "name:keypoints_y:keypoints_x"


def annotation_row(name: str, keypoints: Tensor, size: tuple[int, int] | None = None) -> str:
    """Return the line of an image, without the line break.

    Args:
        name: the image's file name.
        keypoints: (18, 3) `openpose18`: x, y in pixels and visibility.
        size: (H, W) of the image; a joint outside it, after rounding, is missing. Without a size it
            may be anywhere, but -1 means missing.

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
            self._look_into(_text(path))

    def _look_into(self, text: str) -> None:
        whole = text[: text.rfind("\n") + 1]
        if whole and not _recognises(whole):
            raise DataError(f"{self._path}, row 1: the header is not {HEADER!r}; give a new name.")
        rows = whole.split("\n")[1:]
        self.names.update((row.partition(":")[0].strip(), None) for row in rows if row.strip())
        self._whole = self._path.stat().st_size - len(text[len(whole) :].encode())

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
            file.write(f"{HEADER}\n")
        return file

    def __enter__(self) -> AnnotationWriter:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({error}); replace it.") from None


def _squeezed(line: str) -> str:
    return "".join(line.split())


def _recognises(content: Any) -> bool:
    return isinstance(content, str) and _squeezed(content.partition("\n")[0]) == HEADER


def _read(content: Any, source: Source) -> Iterator[Entry]:
    for row, line in enumerate(content.split("\n")[1:], start=2):
        if not line.strip():
            continue
        where = f"{source.path}, row {row}"
        fields = line.split(":")
        if len(fields) != 3:
            raise DataError(
                f"{where}: has {len(fields)} fields between colons, not 3; write {HEADER!r}."
            )
        y, x = (_axis(text, where) for text in fields[1:])
        seen = ((x != -1) & (y != -1)).float()
        people = torch.stack([x, y, seen], dim=-1)[None]
        yield Entry(fields[0].strip(), people, OPENPOSE18.name, where)


def _axis(text: str, where: str) -> Tensor:
    try:
        values = json.loads(text)
    except ValueError:
        values = text.strip()
    numbers = floats(values, where)
    if len(numbers) != len(OPENPOSE18):
        raise DataError(
            f"{where}: a list has {len(numbers)} numbers, not {len(OPENPOSE18)}; write one for "
            "each joint, -1 for a missing one."
        )
    return torch.tensor(numbers)


PUBLISHED = Format(
    name="published",
    title="the published annotation CSV",
    layouts=(OPENPOSE18.name,),
    threshold=0.0,
    recognises=_recognises,
    read=_read,
)
