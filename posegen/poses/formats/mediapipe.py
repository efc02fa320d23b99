"""MediaPipe's 33 landmarks, as people write them to JSON or CSV: there is no official form.

x and y are fractions of the picture's width and height, or already pixels.

JSON: a pose is a list of 33 landmarks, each `{"x", "y", "z", "visibility"}` or `[x, y, z, v]`, or
an object of 33 such landmarks by name. A picture is a pose, or holds one or a list of them under
`landmarks`, `pose_landmarks`, `poseLandmarks` or `landmark`. A file holds one picture, a list of
them (a video's frames), or an object of them by name. Names are taken from `name`, `image`, `file`,
`file_name`, `filename` or `frame`, sizes from `width` and `height`.

CSV with a header: a row per picture with `x1, y1, z1, v1, …, x33, …` (or from 0) or `nose_x,
nose_y, nose_visibility, …`; or a row per landmark with `x`, `y`, `visibility` and the landmark's
number or name in `landmark`, `landmark_id`, `landmark_name`, `id` or `index`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from posegen.core.errors import DataError
from posegen.poses.formats.entry import Entry, Format, Source, floats, size_of
from posegen.poses.layouts import MEDIAPIPE33

_HOLDERS = ("pose_landmarks", "poseLandmarks", "landmarks", "landmark")
_NAMES = ("name", "image", "file", "file_name", "filename", "frame", "frame_id", "frame_number")
_LANDMARKS = ("landmark", "landmark_id", "landmark_name", "id", "index")
_VISIBILITIES = ("visibility", "vis", "v")
_COUNT = len(MEDIAPIPE33)
#: MediaPipe's own name of each landmark, and its number as text -> its number.
_NUMBER = {
    name.replace("left_mouth_corner", "mouth_left").replace("right_mouth_corner", "mouth_right"): i
    for i, name in enumerate(MEDIAPIPE33.joints)
} | {str(i): i for i in range(_COUNT)}
#: No landmark lies so many pictures away from its picture, and no person is so few pixels large.
_LARGEST_FRACTION = 10.0


def _is_landmark(value: Any) -> bool:
    if isinstance(value, dict):
        return "x" in value and "y" in value
    return (
        isinstance(value, list) and len(value) in (3, 4) and not isinstance(value[0], list | dict)
    )


def _is_pose(value: Any) -> bool:
    if isinstance(value, dict):
        return len(value) == _COUNT and all(map(_is_landmark, value.values()))
    return isinstance(value, list) and len(value) == _COUNT and all(map(_is_landmark, value))


def _poses(value: Any) -> list[Any] | None:
    """Return the poses of a picture (none, one or several), or None where `value` is no picture."""
    if isinstance(value, dict):
        held = [key for key in _HOLDERS if key in value]
        if held:
            inner = value[held[0]]
            return [] if inner in (None, []) else _poses(inner)
    if _is_pose(value):
        return [value]
    if isinstance(value, list) and value and all(map(_is_pose, value)):
        return value
    return None


def _pictures(content: Any) -> list[tuple[str | None, Any]] | None:
    """Return the (name, picture) of a file's content, or None where it is of another format."""
    a_list_of_poses = isinstance(content, list) and not _is_pose(content)
    if _poses(content) is not None and not a_list_of_poses:  # which are those of a video's frames
        return [(None, content)]
    items: list[tuple[str | None, Any]] = []
    if isinstance(content, dict):
        items = list(content.items())
    elif isinstance(content, list):
        items = [(None, item) for item in content]
    return items if items and all(_poses(item) is not None for _, item in items) else None


def _read_json(content: Any, source: Source) -> Iterator[Entry]:
    pictures = _pictures(content) or []
    for number, (key, picture) in enumerate(pictures):
        several = len(pictures) > 1
        facts = picture if isinstance(picture, dict) and not _is_pose(picture) else {}
        given = next((facts[k] for k in _NAMES if k in facts), key)
        name = _name(given, number, several, source)
        where = f"{source.path}, {name}" if several else source.path
        people = [_pose(pose, where) for pose in _poses(picture) or []]
        size = size_of(facts.get("height"), facts.get("width"))
        yield _entry(name, people, where, size)


def _name(given: Any, number: int, several: bool, source: Source) -> str:
    if isinstance(given, str) and given and not given.isdigit():
        return given
    return source.numbered(number if given is None else int(given), several)


def _pose(pose: Any, where: str) -> Tensor:
    rows = dict(enumerate(pose)) if isinstance(pose, list) else _by_number(pose, where)
    return torch.tensor([_landmark(rows[i], f"{where}, landmark {i}") for i in range(_COUNT)])


def _by_number(pose: dict[str, Any], where: str) -> dict[int, Any]:
    unknown = [name for name in pose if name.lower() not in _NUMBER]
    if unknown:
        raise DataError(f"{where}: {unknown[0]!r} is not one of MediaPipe's landmarks; rename it.")
    return {_NUMBER[name.lower()]: value for name, value in pose.items()}


def _landmark(value: Any, where: str) -> list[float]:
    if isinstance(value, dict):
        seen = next((value[k] for k in _VISIBILITIES if value.get(k) is not None), 1.0)
        return floats([value["x"], value["y"], seen], where)
    numbers = floats(value, where)
    return [numbers[0], numbers[1], numbers[3] if len(numbers) == 4 else 1.0]


def _entry(name: str, people: list[Tensor], where: str, size: Any = None) -> Entry:
    joints = torch.stack(people) if people else torch.zeros(0, _COUNT, 3)
    joints[..., 2].clamp_(0, 1)
    fractions = bool(joints[..., :2].abs().max() <= _LARGEST_FRACTION) if len(joints) else False
    return Entry(name, joints, MEDIAPIPE33.name, where, size, fractions)


def _columns(header: list[str]) -> list[tuple[str, str, str | None]] | None:
    """Return the columns of x, y and visibility of each landmark of a wide table, or None."""
    names = set(header)
    for start in (0, 1):  # numbered from 0 or from 1
        if f"x{_COUNT - 1 + start}" in names and f"x{start}" in names:
            return [
                (f"x{i}", f"y{i}", f"v{i}" if f"v{i}" in names else None)
                for i in range(start, _COUNT + start)
            ]
    words = [name for name in _NUMBER if not name.isdigit()]
    if all(f"{word}_x" in names and f"{word}_y" in names for word in words):
        ends = [end for end in _VISIBILITIES if f"{words[0]}_{end}" in names]
        return [(f"{w}_x", f"{w}_y", f"{w}_{ends[0]}" if ends else None) for w in words]
    return None


def _header(content: Any) -> list[str]:
    line = content.partition("\n")[0] if isinstance(content, str) else ""
    return [re.sub(r"\s+", "_", cell.strip().lower()) for cell in next(csv.reader([line]), [])]


def _is_long(header: list[str]) -> bool:
    return {"x", "y"} <= set(header) and any(key in header for key in _LANDMARKS)


def _recognises(content: Any) -> bool:
    if isinstance(content, str):
        header = _header(content)
        return _columns(header) is not None or _is_long(header)
    return _pictures(content) is not None


def _read(content: Any, source: Source) -> Iterator[Entry]:
    if not isinstance(content, str):
        return _read_json(content, source)
    header = _header(content)
    lines = list(csv.reader(content.splitlines()))[1:]
    rows = [
        (number, dict(zip(header, line, strict=False)))
        for number, line in enumerate(lines, start=2)
        if any(line)
    ]
    columns = _columns(header)
    return _read_long(rows, source) if columns is None else _read_wide(rows, columns, source)


_Rows = list[tuple[int, dict[str, str]]]


def _read_wide(
    rows: _Rows, columns: list[tuple[str, str, str | None]], source: Source
) -> Iterator[Entry]:
    for number, row in rows:
        where = f"{source.path}, row {number}"
        given = next((row[key] for key in _NAMES if row.get(key)), None)
        name = _name(given, number - 2, True, source)
        pose = [
            [_cell(row, x, where), _cell(row, y, where), _cell(row, v, where) if v else 1.0]
            for x, y, v in columns
        ]
        yield _entry(name, [torch.tensor(pose)], where)


def _read_long(rows: _Rows, source: Source) -> Iterator[Entry]:
    pictures: dict[str, dict[int, list[float]]] = {}
    for number, row in rows:
        where = f"{source.path}, row {number}"
        given = next((row[key] for key in _NAMES if row.get(key)), None)
        landmark = next(row[key] for key in _LANDMARKS if key in row).strip().lower()
        if landmark not in _NUMBER:
            raise DataError(f"{where}: {landmark!r} is not one of MediaPipe's landmarks; mend it.")
        seen = next((key for key in _VISIBILITIES if key in row), None)
        values = [_cell(row, key, where) if key else 1.0 for key in ("x", "y", seen)]
        name = _name(given, 0, given is not None, source)
        pictures.setdefault(name, {})[_NUMBER[landmark]] = values
    for name, pose in pictures.items():
        where = f"{source.path}, {name}"
        if len(pose) != _COUNT:
            raise DataError(f"{where}: has {len(pose)} landmarks, not {_COUNT}; add the others.")
        yield _entry(name, [torch.tensor([pose[i] for i in range(_COUNT)])], where)


def _cell(row: dict[str, str], key: str, where: str) -> float:
    try:
        return floats([float(row[key])], where)[0]
    except (KeyError, ValueError):
        raise DataError(f"{where}: {key} is not a number ({row.get(key)!r}); mend it.") from None


MEDIAPIPE = Format(
    name="mediapipe",
    title="MediaPipe Pose's landmarks, as JSON or CSV",
    layouts=(MEDIAPIPE33.name,),
    threshold=0.5,
    recognises=_recognises,
    read=_read,
)
