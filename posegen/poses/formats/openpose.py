"""OpenPose's JSON: a file per picture, `{"people": [{"pose_keypoints_2d": [x, y, c, …]}, …]}`.

18 joints are its COCO model, 25 its BODY_25 model. Face and hands are left out. Version 0.1 wrote
`pose_keypoints`. ControlNet's preprocessors (OpenPose and DWPose) write the same form and add
`canvas_height` and `canvas_width`; some of them write fractions of the picture, as OpenPose does
with `--keypoint_scale 3`, and some a list with one object per picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from posegen.core.errors import DataError
from posegen.poses.formats.common import Entry, Format, are_fractions, floats, size_of


def _recognises(content: Any) -> bool:
    frames = content if isinstance(content, list) else [content]
    return bool(frames) and all(isinstance(f, dict) and "people" in f for f in frames)


def _read(content: Any, file: Path) -> Iterator[Entry]:
    name = file.stem.removesuffix("_keypoints")  # as OpenPose itself names its files
    if isinstance(content, dict):
        yield _entry(content, name, str(file))
        return
    for number, frame in enumerate(content):
        yield _entry(frame, f"{name}_{number:06d}", f"{file}, entry {number}")


#: Share of negative numbers above which coordinates run from -1 to 1.
_CENTRED = 0.2


def _entry(frame: dict[str, Any], name: str, where: str) -> Entry:
    if not isinstance(frame["people"], list):
        raise DataError(f'{where}: "people" is not a list; write the file with OpenPose again.')
    if not all(isinstance(person, dict) for person in frame["people"]):
        raise DataError(f"{where}: a person is no object; write the file with OpenPose again.")
    bodies = [p.get("pose_keypoints_2d") or p.get("pose_keypoints") for p in frame["people"]]
    # Of some people only a hand was found.
    people = [floats(b, f"{where}, person {i}") for i, b in enumerate(filter(None, bodies))]
    marks = [body[start : start + 3] for body in people for start in range(0, len(body), 3)]
    places = [value for mark in marks if mark[-1] > 0 for value in mark[:2]]
    # Of fractions from 0 to 1 a joint or two may be below; of these, about half are.
    below = sum(value < 0 for value in places)
    if are_fractions(places, 1.0) and below > _CENTRED * len(places):
        raise DataError(
            f"{where}: the coordinates run from -1 to 1 (`--keypoint_scale 4`); write them in "
            "pixels (`--keypoint_scale 0`)."
        )
    return Entry(
        name, people, where, size_of(frame.get("canvas_height"), frame.get("canvas_width"))
    )


def openpose_content(
    keypoints: Tensor, size: tuple[int, int], *, fractions: bool = False
) -> dict[str, Any]:
    """Return what OpenPose and ControlNet's preprocessors write of one person, for `json.dumps`.

    Args:
        keypoints: (K, 3) of `openpose18` or `openpose25`; a missing joint is written as zeros.
        size: (H, W) of the picture in pixels.
        fractions: coordinates from 0 to 1, as ControlNet has them, in the place of pixels.
    """
    height, width = size
    numbers: list[float] = []
    for x, y, visibility in keypoints.tolist():
        if visibility <= 0:
            numbers += [0.0, 0.0, 0.0]
        elif fractions:
            numbers += [round((x + 0.5) / width, 6), round((y + 0.5) / height, 6), visibility]
        else:
            numbers += [round(x, 3), round(y, 3), visibility]
    person = {"pose_keypoints_2d": numbers}
    return {"canvas_width": width, "canvas_height": height, "people": [person]}


OPENPOSE = Format(
    name="openpose",
    title="OpenPose (`--write_json`), ControlNet's OpenPose and DWPose preprocessors",
    skeletons=("openpose18", "openpose25"),
    threshold=0.0,
    recognises=_recognises,
    read=_read,
    fractions=1.0,
)
