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

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from posegen.core.errors import DataError
from posegen.core.skeletons import MEDIAPIPE33
from posegen.core.texts import parse_rows
from posegen.poses.formats.common import Entry, Format, size_of

_HOLDERS = ("pose_landmarks", "poseLandmarks", "landmarks", "landmark")
_NAMES = ("name", "image", "file", "file_name", "filename", "frame", "frame_id", "frame_number")
_LANDMARKS = ("landmark", "landmark_id", "landmark_name", "id", "index")
_VISIBILITIES = ("visibility", "vis", "v")
_COUNT = len(MEDIAPIPE33)
#: MediaPipe's own names: its corners of the mouth are `mouth_left` and `mouth_right`.
_WORDS = [
    f"mouth_{joint.split('_')[0]}" if "mouth" in joint else joint for joint in MEDIAPIPE33.joints
]
_NUMBERS = {name: i for i, word in enumerate(_WORDS) for name in (word, str(i))}
#: What the columns of a table are called, landmark by landmark; in the last, each row is of one.
_COLUMNS = [
    [f"{{}}{i}" for i in range(_COUNT)],
    [f"{{}}{i + 1}" for i in range(_COUNT)],
    [f"{word}_{{}}" for word in _WORDS],
    ["{}"],
]
#: What is told of a picture beside its poses, and the poses.
_Picture = tuple[dict[str, Any], list[Any]]


def _is_landmark(value: Any) -> bool:
    if isinstance(value, dict):
        return "x" in value and "y" in value
    return (
        isinstance(value, list) and len(value) in (3, 4) and not isinstance(value[0], list | dict)
    )


def _is_pose(value: Any) -> bool:
    marks = list(value.values()) if isinstance(value, dict) else value
    return isinstance(marks, list) and len(marks) == _COUNT and all(map(_is_landmark, marks))


def _poses(value: Any) -> list[Any] | None:
    """Return the poses of a picture (none, one or several), or None where `value` is no picture."""
    if _is_pose(value):
        return [value]
    if isinstance(value, dict):
        held = [value[key] for key in _HOLDERS if key in value]
        if not held:
            return None
        return _poses(held[0]) if held[0] else []
    return value if isinstance(value, list) and value and all(map(_is_pose, value)) else None


def _pictures(content: Any) -> list[_Picture]:
    """Return the pictures of a JSON file's content; none where it is of another format."""
    items: list[tuple[dict[str, Any], Any]] = [({}, content)]
    if isinstance(content, list) and not _is_pose(content):
        items = [({}, item) for item in content]
    elif isinstance(content, dict) and _poses(content) is None:
        items = [({"name": key}, item) for key, item in content.items()]
    pictures = [
        ({**(item if isinstance(item, dict) else {}), **name}, poses)
        for name, item in items
        if (poses := _poses(item)) is not None
    ]
    return pictures if len(pictures) == len(items) else []


def _header(text: str) -> list[str]:
    first = text.partition("\n")[0]
    return ["_".join(cell.strip(' \r"').lower().split()) for cell in first.split(",")]


def _columns(header: list[str]) -> list[list[tuple[str, str]]]:
    """Return x, y and maybe visibility, each with its column, of every landmark or of a row's one.

    Empty where the table is of another format.
    """
    for form in _COLUMNS:
        seen = [axis for axis in _VISIBILITIES if form[0].format(axis) in header][:1]
        columns = [[(axis, mark.format(axis)) for axis in ("x", "y", *seen)] for mark in form]
        clear = len(form) > 1 or any(key in header for key in _LANDMARKS)
        if clear and all(column in header for some in columns for _, column in some):
            return columns
    return []


def _cells(line: str, file: Path, row: int) -> list[str]:
    try:
        return [cell for cells in parse_rows([line]) for cell in cells]
    except ValueError as error:
        raise DataError(f"{file}, row {row}: not readable as CSV ({error}).") from None


def _table(text: str, file: Path) -> list[_Picture]:
    header = _header(text)
    columns, pictures = _columns(header), dict[str, _Picture]()
    for number, line in enumerate(text.splitlines()):
        cells = zip(header, _cells(line, file, number + 1), strict=False)
        row = {key: cell.strip() for key, cell in cells if cell.strip()}
        if not row or number == 0:
            continue
        where = f"{file}, row {number + 1}"
        pose = [
            {axis: _number(row.get(column, ""), f"{where}: {column}") for axis, column in some}
            for some in columns
        ]
        if len(pose) > 1:
            pictures[str(number)] = {"frame_number": number - 1, **row}, [pose]
        else:
            landmark = next((row[key] for key in _LANDMARKS if key in row), "")
            _, poses = pictures.setdefault(_name(row, None, file), (row, [{}]))
            poses[0][landmark] = pose[0]
    return list(pictures.values())


def _number(cell: str, what: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise DataError(f"{what} is not a number ({cell!r}); mend it.") from None


def _read(content: Any, file: Path) -> Iterator[Entry]:
    pictures = _table(content, file) if isinstance(content, str) else _pictures(content)
    for number, (facts, poses) in enumerate(pictures):
        name = _name(facts, number if len(pictures) > 1 else None, file)
        where = f"{file}, {name}"
        people = [[v for m in _in_order(pose, where) for v in _landmark(m)] for pose in poses]
        yield Entry(name, people, where, size_of(facts.get("height"), facts.get("width")))


def _in_order(pose: Any, where: str) -> list[Any]:
    if isinstance(pose, list):
        return pose
    unknown = [name for name in pose if name.lower() not in _NUMBERS]
    if unknown:
        raise DataError(f"{where}: {unknown[0]!r} is not one of MediaPipe's landmarks; rename it.")
    marks = {_NUMBERS[name.lower()]: mark for name, mark in pose.items()}
    if len(marks) != _COUNT:
        raise DataError(f"{where}: has {len(marks)} landmarks, not {_COUNT}; add the others.")
    return [marks[number] for number in range(_COUNT)]


def _landmark(value: Any) -> list[Any]:
    if isinstance(value, dict):
        seen = next((value[key] for key in _VISIBILITIES if value.get(key) is not None), 1.0)
        return [value["x"], value["y"], seen]
    return [value[0], value[1], value[3] if len(value) == 4 else 1.0]


def _name(facts: dict[str, Any], number: int | None, file: Path) -> str:
    """Return the name of a picture: the one that is given, or the file's with a number."""
    given = next((facts[key] for key in _NAMES if facts.get(key) is not None), number)
    if given is None:
        return file.stem
    return f"{file.stem}_{int(given):06d}" if str(given).isdecimal() else str(given)


def _recognises(content: Any) -> bool:
    return bool(_columns(_header(content)) if isinstance(content, str) else _pictures(content))


MEDIAPIPE = Format(
    name="mediapipe",
    title="MediaPipe Pose's landmarks, as JSON or CSV",
    skeletons=(MEDIAPIPE33.name,),
    threshold=0.5,
    recognises=_recognises,
    read=_read,
    # No landmark lies ten pictures away from its picture, and no person is ten pixels large.
    fractions=10.0,
)
