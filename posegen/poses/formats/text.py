"""Plain text, a file per picture: YOLO-pose's, and a line per joint.

- YOLO-pose: a line per person, `class cx cy w h` and the 17 joints of COCO as `x y v`, fractions of
  the picture. Labels have v = 0, 1 (hidden) or 2, or no v at all and 0 0 for a missing joint;
  detections (`save_txt`) have a confidence, and maybe the box's confidence and a track at the end.
  A picture without people has an empty file.
- A line per joint, `x y` in pixels, -1 for a missing one; a third number is a confidence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from posegen.poses.formats.common import Entry, Format

_BOX, _JOINTS = 5, 17
#: Numbers in a line: x, y; x, y, v; then with the box's confidence, then with a track.
_FLAT, _FULL = _BOX + 2 * _JOINTS, _BOX + 3 * _JOINTS
_LENGTHS = (_FLAT, _FULL, _FULL + 1, _FULL + 2)
_SKELETONS = {18: "openpose18", 17: "coco17", 25: "openpose25"}


def _rows(content: Any) -> Iterator[list[str]]:
    for line in content.splitlines() if isinstance(content, str) else ():
        if line.strip():
            yield line.replace(",", " ").split()


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def _numbers(content: Any) -> list[list[float]]:
    return [[float(word) for word in row] for row in _rows(content)]


def _is_yolo(content: Any) -> bool:
    if not isinstance(content, str):
        return False
    return all(
        len(row) in _LENGTHS and row[0].isdecimal() and all(map(_is_number, row))
        for row in _rows(content)
    )


def _is_labelled(content: Any) -> bool:
    return _is_yolo(content) and all(
        len(row) == _FLAT or (len(row) == _FULL and {float(v) for v in row[7::3]} <= {0, 1, 2})
        for row in _rows(content)
    )


def _is_detected(content: Any) -> bool:
    return _is_yolo(content) and not _is_labelled(content)


def _read_yolo(content: Any, file: Path) -> Iterator[Entry]:
    people = []
    for row in _numbers(content):
        joints = row[_BOX:_FULL]
        if len(row) == _FLAT:
            pairs = zip(joints[::2], joints[1::2], strict=True)
            joints = [value for x, y in pairs for value in (x, y, 2.0 * bool(x or y))]
        people.append(joints)
    yield Entry(file.stem, people, str(file))


def _has_lines(content: Any) -> bool:
    rows = list(islice(_rows(content), max(_SKELETONS) + 1))
    return (
        len(rows) in _SKELETONS
        and {len(row) for row in rows} in ({2}, {3})
        and all(_is_number(word) for row in rows for word in row)
    )


def _read_lines(content: Any, file: Path) -> Iterator[Entry]:
    person = []
    for x, y, *confidence in _numbers(content):
        there = -1 not in (x, y)
        person += [x, y, (confidence or [1.0])[0] if there else 0.0]
    yield Entry(file.stem, [person], str(file))


YOLO = Format(
    name="yolo",
    title="YOLO-pose labels, a text file per picture",
    skeletons=("coco17",),
    threshold=0.0,
    recognises=_is_labelled,
    read=_read_yolo,
    fractions=1.0,
    labelled=True,
)

YOLO_DETECTIONS = replace(
    YOLO,
    name="yolo-detections",
    title="what YOLO-pose finds (`save_txt`)",
    threshold=0.5,
    recognises=_is_detected,
    labelled=False,
)

LINES = Format(
    name="lines",
    title="text with a line `x y` per joint, -1 for a missing one",
    skeletons=tuple(_SKELETONS.values()),
    threshold=0.0,
    recognises=_has_lines,
    read=_read_lines,
    fractions=1.0,
)
