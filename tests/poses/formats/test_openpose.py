from __future__ import annotations

import pytest
import torch

from posegen.core import DataError
from posegen.poses.formats import read_poses


def openpose(*people: torch.Tensor, key: str = "pose_keypoints_2d", **more: object) -> dict:
    return {
        "version": 1.3,
        "people": [{"person_id": [-1], key: p.flatten().tolist()} for p in people],
        **more,
    }


@pytest.mark.parametrize("name", ["openpose18", "openpose25"])
def test_a_file_of_one_picture(write, person, name: str) -> None:
    points = person(name)
    points[4] = 0
    points[5, 2] = 0.2
    path = write("me_keypoints.json", openpose(points))
    (record,) = read_poses(path)
    assert (record.name, record.skeleton, record.people, record.size) == ("me", name, 1, None)
    points[5, 2] = 1  # OpenPose leaves out what it does not believe in
    torch.testing.assert_close(record.keypoints, points)


def test_the_largest_whole_person_is_taken(write, person) -> None:
    passer_by, subject, part = (
        person("openpose18", 0.3, seed=1),
        person("openpose18", 1.0, seed=2),
        person("openpose18", 1.1, seed=3),
    )
    part[:14] = 0  # a large face at the edge
    (record,) = read_poses(write("x.json", openpose(passer_by, subject, part)))
    assert record.people == 3
    torch.testing.assert_close(record.keypoints, subject)


def test_nobody(write) -> None:
    (record,) = read_poses(write("empty.json", openpose()))
    assert record.people == 0
    assert record.keypoints.shape == (18, 3)
    assert not record.keypoints.any()
    only_a_hand = {"people": [{"pose_keypoints_2d": [], "hand_left_keypoints_2d": [1, 2, 1]}]}
    (record,) = read_poses(write("hand.json", only_a_hand))
    assert record.people == 0


def test_the_first_version_and_a_threshold(write, person) -> None:
    points = person("openpose18")
    points[3, 2] = 0.3
    path = write("old.json", openpose(points, key="pose_keypoints"))
    (record,) = read_poses(path, threshold=0.4)
    assert record.keypoints[3].tolist() == [0, 0, 0]
    assert record.keypoints[:, 2].sum() == 17


def test_controlnets_fractions_of_a_canvas(write, person) -> None:
    points = person("openpose18")
    written = points.clone()
    written[:, :2] = (points[:, :2] + 0.5) / torch.tensor([100.0, 200.0])
    written[7] = 0
    points[7] = 0
    content = openpose(written, canvas_height=200, canvas_width=100)
    (record,) = read_poses(write("pose.json", content))
    assert record.size == (200, 100)
    torch.testing.assert_close(record.keypoints, points, atol=1e-3, rtol=0)
    # A list holds a picture each.
    names = [r.name for r in read_poses(write("clip.json", [content, content]))]
    assert names == ["clip_000000", "clip_000001"]


def test_fractions_need_a_size(write, person) -> None:
    written = person("openpose18")
    written[:, :2] /= 200
    path = write("me.json", openpose(written))
    with pytest.raises(DataError, match=r"me\.json: .*fractions .* \('me' is not among them\)"):
        list(read_poses(path))
    (record,) = read_poses(path, size_of=lambda name: {"me": (200, 100)}.get(name))
    assert record.size == (200, 100)
    assert record.keypoints[:, 0].max() < 60


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"people": 3}, r'"people" is not a list'),
        (
            {"people": [{"pose_keypoints_2d": [1, 2, 3]}]},
            "person 0: a person has 3 numbers, and 54",
        ),
        ({"people": [{"pose_keypoints_2d": [0] * 45}]}, r"has 45 numbers, and 54 \(openpose18\)"),
        ({"people": [{"pose_keypoints_2d": ["x"] * 54}]}, "person 0: .* is not a list of numbers"),
        ({"people": [{"pose_keypoints_2d": [-0.5, 0.5, 1] * 18}]}, "run from -1 to 1"),
        (
            {"people": [{"pose_keypoints_2d": [9] * 54}, {"pose_keypoints_2d": [9] * 75}]},
            "people of openpose18 and of openpose25",
        ),
    ],
)
def test_what_is_wrong_is_said(write, content: object, sentence: str) -> None:
    with pytest.raises(DataError, match=rf"wrong\.json.*{sentence}"):
        list(read_poses(write("wrong.json", content)))


def test_a_folder_is_read_by_name(write, person) -> None:
    for name in ("b", "a"):
        path = write(f"poses/{name}_keypoints.json", openpose(person("openpose25")))
    write("poses/notes.txt", "not a pose")
    assert [record.name for record in read_poses(path.parent)] == ["a", "b"]
