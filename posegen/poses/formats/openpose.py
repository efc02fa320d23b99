"""OpenPose's JSON: a file per picture, `{"people": [{"pose_keypoints_2d": [x, y, c, …]}, …]}`.

18 joints are its COCO model, 25 its BODY_25 model. Face and hands are left out. Version 0.1 wrote
`pose_keypoints`. ControlNet's preprocessors (OpenPose and DWPose) write the same form and add
`canvas_height` and `canvas_width`; some of them write fractions of the picture, as OpenPose does
with `--keypoint_scale 3`, and some a list with one object per picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from posegen.core.errors import DataError
from posegen.poses.formats.entry import Entry, Format, Source, size_of, together, triples

_LAYOUTS = ("openpose18", "openpose25")
_KEYS = ("pose_keypoints_2d", "pose_keypoints")


def _recognises(content: Any) -> bool:
    frames = content if isinstance(content, list) else [content]
    return bool(frames) and all(isinstance(f, dict) and "people" in f for f in frames)


def _read(content: Any, source: Source) -> Iterator[Entry]:
    several = isinstance(content, list)
    for number, frame in enumerate(content if several else [content]):
        where = f"{source.path}, entry {number}" if several else source.path
        # OpenPose itself names its files PICTURE_keypoints.json.
        name = Source(source.path, source.stem.removesuffix("_keypoints"))
        yield _entry(frame, name.numbered(number, several), where)


def _entry(frame: dict[str, Any], name: str, where: str) -> Entry:
    if not isinstance(frame["people"], list):
        raise DataError(f'{where}: "people" is not a list; write the file with OpenPose again.')
    people = []
    for number, person in enumerate(frame["people"]):
        values = next((person[k] for k in _KEYS if person.get(k)), None)
        if values:  # without a body: a person of whom only a hand was found
            people.append(triples(values, f"{where}, person {number}", _LAYOUTS))
    result, joints = together(people, _LAYOUTS[0], where)
    places = result[..., :2][result[..., 2] > 0]
    if len(places) and places.min() < 0 and places.abs().max() <= 1:
        raise DataError(
            f"{where}: the coordinates run from -1 to 1 (`--keypoint_scale 4`); write them in "
            "pixels (`--keypoint_scale 0`)."
        )
    fractions = bool(len(places)) and bool(torch.all(places <= 1))
    size = size_of(frame.get("canvas_height"), frame.get("canvas_width"))
    return Entry(name, result, joints, where, size, fractions)


OPENPOSE = Format(
    name="openpose",
    title="OpenPose (`--write_json`), ControlNet's OpenPose and DWPose preprocessors",
    layouts=_LAYOUTS,
    threshold=0.0,
    recognises=_recognises,
    read=_read,
)
