"""AlphaPose's JSON in the forms of other programs: one object, picture -> its people.

    --format open   {"a.jpg": {"version", "people": [{"pose_keypoints_2d": [x, y, c, …]}, …]}, …}
    --format cmu    {"a.jpg": {"version", "bodies": [{"joints": [x, y, c, …]}, …]}, …}

Both have OpenPose's 18 joints. Its own form (`--format coco`, a list) is `coco-detections`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from posegen.core.errors import DataError
from posegen.core.skeletons import OPENPOSE18
from posegen.poses.formats.common import Entry, Format

#: Under which key the people are, and under which a person's numbers.
_FORMS = (("people", "pose_keypoints_2d"), ("bodies", "joints"))


def _form(picture: Any) -> tuple[str, str] | None:
    if not isinstance(picture, dict):
        return None
    return next((form for form in _FORMS if form[0] in picture), None)


def _recognises(content: Any) -> bool:
    return isinstance(content, dict) and bool(content) and all(map(_form, content.values()))


def _read(content: Any, file: Path) -> Iterator[Entry]:
    for name, picture in content.items():
        where = f"{file}, {name}"
        people, joints = next(form for form in _FORMS if form[0] in picture)
        if not isinstance(picture[people], list):
            raise DataError(f'{where}: "{people}" is not a list; write the file again.')
        given = [p.get(joints) if isinstance(p, dict) else p for p in picture[people]]
        yield Entry(name, given, where)


ALPHAPOSE = Format(
    name="alphapose",
    title="AlphaPose with `--format open` or `cmu`",
    skeletons=(OPENPOSE18.name,),
    threshold=0.3,
    recognises=_recognises,
    read=_read,
)
