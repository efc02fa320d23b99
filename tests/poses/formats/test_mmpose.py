from __future__ import annotations

import pytest
import torch

from posegen.core import DataError
from posegen.poses.formats import read_poses


def instance(points: torch.Tensor) -> dict:
    return {
        "keypoints": points[:, :2].tolist(),
        "keypoint_scores": points[:, 2].tolist(),
        "bbox": [[0, 0, 1, 1]],
        "bbox_score": 0.9,
    }


@pytest.mark.parametrize("name", ["coco17", "wholebody133"])
def test_a_picture(write, person, name: str) -> None:
    small, points = person(name, 0.4, seed=2), person(name)
    points[3, 2], points[5, 2] = 0.29, 1.2
    path = write("me.json", [instance(small), instance(points)])
    (record,) = read_poses(path)
    assert (record.name, record.skeleton, record.people) == ("me", name, 2)
    points[3], points[5, 2] = 0, 1
    torch.testing.assert_close(record.keypoints, points)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_video(write, person, wrapped: bool) -> None:
    points = person("coco17")
    frames = [
        {"frame_id": 3, "instances": [instance(points)]},
        {"frame_id": 4, "instances": []},
    ]
    content = {"meta_info": {}, "instance_info": frames} if wrapped else frames
    first, second = read_poses(write("walk.json", content))
    names = ("walk_000002", "walk_000003") if wrapped else ("walk_000003", "walk_000004")
    assert [(first.name, first.people), (second.name, second.people)] == [
        (names[0], 1),  # its demo counts from 1
        (names[1], 0),
    ]
    torch.testing.assert_close(first.keypoints, points)


def test_the_demos_file_of_a_picture(write, person) -> None:
    points = person("coco17")
    content = {"meta_info": {"dataset_name": "coco"}, "instance_info": [instance(points)]}
    (record,) = read_poses(write("me.json", content))
    torch.testing.assert_close(record.keypoints, points)


def test_nobody(write) -> None:
    (record,) = read_poses(write("empty.json", []))
    assert (record.name, record.people) == ("empty", 0)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ([{"keypoint_scores": [1]}], "person 0, keypoint_scores: 'None' is not a list of numbers"),
        ([{"keypoints": [[1, 2]], "keypoint_scores": [1, 1]}], "has not as many keypoints as"),
        ([{"keypoints": [[1]], "keypoint_scores": [1]}], r"a keypoint is not \[x, y\]"),
        ([{"keypoints": [[1, 2]], "keypoint_scores": [1]}], "has 3 numbers, and 51"),
        ([{"frame_id": "x", "instances": []}], 'frame x: needs a number "frame_id"'),
    ],
)
def test_what_is_wrong_is_said(write, content: object, sentence: str) -> None:
    with pytest.raises(DataError, match=rf"wrong\.json.*{sentence}"):
        list(read_poses(write("wrong.json", content)))


def test_a_demo_s_file_that_counts_from_0_is_believed(write, person) -> None:
    frames = [{"frame_id": n, "instances": [instance(person("coco17"))]} for n in (0, 1)]
    records = read_poses(write("results_walk.json", {"instance_info": frames}))
    assert [record.name for record in records] == ["walk_000000", "walk_000001"]
