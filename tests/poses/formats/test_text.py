from __future__ import annotations

import pytest
import torch

from posegen.core import DataError
from posegen.poses.formats import read_poses

SIZE = (100, 200)


def row(x: float, marks: list[float], *more: float) -> str:
    numbers = [v for mark in marks for v in (x, 0.25, mark)]
    return " ".join(map(str, (0, 0.5, 0.5, 0.4, 0.8, *numbers, *more)))


def test_yolo_labels(write) -> None:
    path = write("labels/a.txt", row(0.5, [2.0, 1.0, 0.0, *[2.0] * 14]) + "\n")
    write("labels/classes.txt", "person\n")
    (record,) = read_poses(path.parent, size_of=lambda name: SIZE if name == "a" else None)
    assert (record.name, record.skeleton, record.size) == ("a", "coco17", SIZE)
    assert record.keypoints[:3].tolist() == [[99.5, 24.5, 1.0], [99.5, 24.5, 0.5], [0, 0, 0]]


def test_yolo_labels_without_marks_have_a_missing_joint_at_0(write) -> None:
    line = "0 0.5 0.5 0.4 0.8 " + "0.5 0.25 " * 16 + "0 0"
    (record,) = read_poses(write("a.txt", line), size_of=lambda _: SIZE)
    assert record.keypoints[15:].tolist() == [[99.5, 24.5, 1.0], [0, 0, 0]]


@pytest.mark.parametrize("more", [(), (0.91,), (0.91, 3.0)])
def test_yolo_detections_have_confidences(write, more: tuple[float, ...]) -> None:
    line = row(0.5, [0.49, *[0.9] * 16], *more)
    (record,) = read_poses(write("a.txt", line), size_of=lambda _: SIZE)
    assert record.keypoints[:2].tolist() == [[0, 0, 0], [99.5, 24.5, 1]]


def test_yolo_needs_the_picture_s_size(write) -> None:
    with pytest.raises(DataError, match=r"a\.txt: the coordinates are fractions .* give the pictu"):
        list(read_poses(write("a.txt", row(0.5, [2.0] * 17))))


def test_an_empty_text_is_a_picture_of_nobody(write) -> None:
    (record,) = read_poses(write("a.txt", ""))
    assert (record.name, record.people) == ("a", 0)
    with pytest.raises(DataError, match=r"a\.csv: is empty"):
        list(read_poses(write("a.csv", " ")))


@pytest.mark.parametrize(
    ("joints", "skeleton"), [(18, "openpose18"), (17, "coco17"), (25, "openpose25")]
)
def test_a_line_per_joint(write, joints: int, skeleton: str) -> None:
    lines = ["128.000000 30.000000", "-1.000000 -1.000000", *["12, 34"] * (joints - 2)]
    (record,) = read_poses(write("01_1_front.txt", "\n".join(lines)))
    assert (record.name, record.skeleton) == ("01_1_front", skeleton)
    assert record.keypoints[:3].tolist() == [[128, 30, 1], [0, 0, 0], [12, 34, 1]]


def test_a_third_number_is_a_confidence(write) -> None:
    lines = ["1 2 0", *["3 4 0.5"] * 17]
    (record,) = read_poses(write("a.txt", "\n".join(lines)), size_of=lambda _: SIZE)
    assert record.keypoints[:2].tolist() == [[0, 0, 0], [3, 4, 1]]


def test_other_texts_are_of_no_format(write) -> None:
    for text in ("1 2\n" * 16, "a b\n" * 18, "0 0.5 " * 9, row(0.5, [2.0] * 17) + " nan"):
        with pytest.raises(DataError, match="is of no known pose format"):
            list(read_poses(write("a.txt", text)))


def test_the_second_person_where_there_is_one(write) -> None:
    rows = [row(0.5, [2.0] * 17), row(0.3, [2.0] * 17)]
    path = write("a.txt", "\n".join(rows))
    (record,) = read_poses(path, size_of=lambda _: SIZE, person=2)
    assert record.people == 2
    assert torch.equal(record.keypoints, record.everybody[1])
    (record,) = read_poses(path, size_of=lambda _: SIZE, person=3)
    assert not record.keypoints.any()
