from __future__ import annotations

from typing import Any

import pytest
import torch

from posegen.core import DataError
from posegen.poses.formats import read_poses

SIZE = (200, 100)
#: MediaPipe's own names, in order.
_NAMES = """
    nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer
    left_ear right_ear mouth_left mouth_right left_shoulder right_shoulder left_elbow
    right_elbow left_wrist right_wrist left_pinky right_pinky left_index right_index
    left_thumb right_thumb left_hip right_hip left_knee right_knee left_ankle right_ankle
    left_heel right_heel left_foot_index right_foot_index
"""
NAMES = _NAMES.split()


@pytest.fixture
def points(person) -> torch.Tensor:
    return person("mediapipe33")


def fractions(points: torch.Tensor) -> list[dict[str, float]]:
    places = (points[:, :2] + 0.5) / torch.tensor([100.0, 200.0])
    return [
        {"x": x, "y": y, "z": -0.1, "visibility": v, "presence": 0.9}
        for (x, y), v in zip(places.tolist(), points[:, 2].tolist(), strict=True)
    ]


def read(path, **options: Any) -> Any:
    return list(read_poses(path, size_of=lambda name: SIZE, **options))


def same(record: Any, points: torch.Tensor) -> None:
    assert (record.skeleton, record.size) == ("mediapipe33", SIZE)
    torch.testing.assert_close(record.keypoints, points, atol=1e-3, rtol=0)


def test_forms_of_one_picture(write, points) -> None:
    marks = fractions(points)
    rows = [[m["x"], m["y"], m["z"], m["visibility"]] for m in marks]
    by_name = dict(zip((name.upper() for name in NAMES), marks, strict=True))
    forms = [
        marks,
        rows,
        by_name,
        {"me": by_name},
        [marks],
        {"landmark": marks},
        {"pose_landmarks": {"landmark": marks}},
        {"landmarks": [marks], "timestamp_ms": 3},
        {"poseLandmarks": marks, "name": "me"},
    ]
    for number, form in enumerate(forms):
        (record,) = read(write(f"{number}/me.json", form))
        assert (record.name, record.people) == ("me", 1), number
        same(record, points)


def test_several_pictures(write, points) -> None:
    marks = fractions(points)
    frames = [{"frame": 5, "landmarks": marks}, {"frame": 6, "landmarks": []}]
    first, second = read(write("walk.json", frames))
    assert (first.name, second.name, second.people) == ("walk_000005", "walk_000006", 0)
    same(first, points)
    names = [r.name for r in read(write("b.json", [marks, marks]))]
    assert names == ["b_000000", "b_000001"]
    names = [r.name for r in read(write("c.json", {"x.jpg": marks, "y.jpg": [marks, marks]}))]
    assert names == ["x.jpg", "y.jpg"]


def test_landmarks_that_are_not_seen_are_missing(write, points) -> None:
    marks = fractions(points)
    marks[2]["visibility"] = 0.49
    marks[3]["x"] = 1.2  # beside the picture
    (record,) = read(write("me.json", marks))
    assert not record.keypoints[[2, 3]].any()
    assert record.keypoints[:, 2].sum() == 31
    (record,) = read(write("me.json", marks), threshold=0.3)
    assert record.keypoints[:, 2].sum() == 32


def test_pixels_are_pixels(write, points) -> None:
    marks = [{"x": x, "y": y, "z": 0} for x, y, _ in points.tolist()]
    (record,) = read_poses(write("me.json", marks))
    assert record.size is None
    torch.testing.assert_close(record.keypoints, points)


def test_a_size_in_the_file(write, points) -> None:
    content = {"landmarks": fractions(points), "width": 100, "height": 200}
    (record,) = read_poses(write("me.json", content))
    same(record, points)


@pytest.mark.parametrize("start", [0, 1])
def test_a_table_with_numbered_columns(write, points, start: int) -> None:
    header = ["class", *(f"{axis}{i + start}" for i in range(33) for axis in "xyzv")]
    row = ["standing", *(str(v) for m in fractions(points) for v in list(m.values())[:4])]
    path = write("coords.csv", "\n".join([",".join(header), ",".join(row), ",".join(row), ""]))
    first, second = read(path)
    assert (first.name, second.name) == ("coords_000000", "coords_000001")
    same(first, points)


def test_a_table_with_named_columns(write, points) -> None:
    header = ["Image", *(f"{name}_{axis}" for name in NAMES for axis in ("x", "y", "visibility"))]
    values = (str(m[k]) for m in fractions(points) for k in ("x", "y", "visibility"))
    path = write("wide.csv", ",".join(header) + "\n" + ",".join(["me.jpg", *values]) + "\n")
    (record,) = read(path)
    assert record.name == "me.jpg"
    same(record, points)


@pytest.mark.parametrize("by", ["landmark_name", "landmark_id"])
def test_a_table_with_a_row_per_landmark(write, points, by: str) -> None:
    lines = [f"frame_id,{by},x,y,z,visibility"]
    for frame in (0, 7):
        for i, m in enumerate(fractions(points)):
            key = NAMES[i].upper() if by == "landmark_name" else i
            lines.append(f"{frame},{key},{m['x']},{m['y']},0,{m['visibility']}")
    first, second = read(write("long.csv", "\n".join(lines)))
    assert (first.name, second.name) == ("long_000000", "long_000007")
    same(second, points)
    with pytest.raises(DataError, match=r"long\.csv, long_000007: has 32 landmarks, not 33"):
        read(write("long.csv", "\n".join(lines[:-1])))
    lines[3] = "0,knee_cap,1,1,1,1"
    with pytest.raises(
        DataError, match=r"long\.csv, long_000000: 'knee_cap' is not one of MediaPipe's"
    ):
        read(write("long.csv", "\n".join(lines)))


def test_a_cell_that_is_no_number(write, points) -> None:
    header = ",".join(f"{axis}{i}" for i in range(33) for axis in "xyzv")
    path = write("bad.csv", header + "\n" + ",".join(["0.5"] * 131 + ["?"]) + "\n")
    with pytest.raises(DataError, match=r"bad\.csv, row 2: v32 is not a number \('\?'\)"):
        read(path)
