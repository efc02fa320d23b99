"""MMPose's JSON: lists of people with `keypoints` [[x, y], …] and `keypoint_scores` [c, …].

Its inferencer writes `[person, …]` per picture and `[{"frame_id", "instances": [person, …]}, …]`
per video; its demo scripts put the same under `instance_info`, count frames from 1, and put
`results_` before the name. 17 joints are COCO's, 133 are
COCO-WholeBody's (RTMW, DWPose), 26 are Halpe's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from posegen.core.errors import DataError
from posegen.poses.formats.common import Entry, Format, floats


def _items(content: Any) -> Any:
    return content.get("instance_info") if isinstance(content, dict) else content


def _recognises(content: Any) -> bool:
    items = _items(content)
    return isinstance(items, list) and all(
        isinstance(item, dict) and ("keypoint_scores" in item or "instances" in item)
        for item in items
    )


def _read(content: Any, file: Path) -> Iterator[Entry]:
    items, demo = _items(content), isinstance(content, dict)
    name = file.stem.removeprefix("results_") if demo else file.stem
    frames = [item for item in items if "instances" in item]
    if not frames:
        yield _entry(items, name, str(file))
        return
    numbers = [frame.get("frame_id", place) for place, frame in enumerate(frames)]
    first = int(demo and 0 not in numbers)
    for number, frame in zip(numbers, frames, strict=True):
        where = f"{file}, frame {number}"
        if type(number) is not int or not isinstance(frame["instances"], list):
            raise DataError(f'{where}: needs a number "frame_id" and a list "instances".')
        yield _entry(frame["instances"], f"{name}_{number - first:06d}", where)


def _entry(people: list[Any], name: str, where: str) -> Entry:
    read = [_person(person, f"{where}, person {i}") for i, person in enumerate(people)]
    return Entry(name, read, where)


def _person(person: Any, where: str) -> list[float]:
    places = person.get("keypoints") if isinstance(person, dict) else None
    scores = floats(person.get("keypoint_scores") if places else None, f"{where}, keypoint_scores")
    if not isinstance(places, list) or len(places) != len(scores):
        raise DataError(f"{where}: has not as many keypoints as keypoint_scores; mend the entry.")
    pairs = [floats(place, f"{where}, keypoints")[:2] for place in places]
    if any(len(pair) != 2 for pair in pairs):
        raise DataError(f"{where}: a keypoint is not [x, y]; mend the entry.")
    return [value for pair, score in zip(pairs, scores, strict=True) for value in (*pair, score)]


MMPOSE = Format(
    name="mmpose",
    title="MMPose's inferencer and demos (RTMPose, RTMW, DWPose)",
    skeletons=("coco17", "wholebody133", "halpe26"),
    threshold=0.3,
    recognises=_recognises,
    read=_read,
)
