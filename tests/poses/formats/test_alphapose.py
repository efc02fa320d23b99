from __future__ import annotations

import pytest
import torch

from posegen.core import DataError
from posegen.core.skeletons import HALPE26, HALPE136
from posegen.poses.conversions import convert
from posegen.poses.formats import read_poses


@pytest.mark.parametrize(
    ("people", "joints"), [("people", "pose_keypoints_2d"), ("bodies", "joints")]
)
def test_an_object_of_pictures(write, person, people: str, joints: str) -> None:
    small, points = person("openpose18", 0.4, seed=2), person("openpose18")
    points[3, 2] = 0.29
    content = {
        "1.jpg": {
            "version": "v",
            people: [{joints: p.flatten().tolist()} for p in (small, points)],
        },
        "2.jpg": {"version": "v", people: []},
    }
    first, second = read_poses(write("alphapose-results.json", content))
    points[3] = 0
    assert (first.name, first.skeleton, first.people) == ("1.jpg", "openpose18", 2)
    torch.testing.assert_close(first.keypoints, points)
    assert (second.name, second.people) == ("2.jpg", 0)


def test_what_is_no_list_is_said(write) -> None:
    with pytest.raises(DataError, match=r'open\.json, 1\.jpg: "people" is not a list'):
        list(read_poses(write("open.json", {"1.jpg": {"people": {}}})))


@pytest.mark.parametrize("name", ["halpe26", "halpe136"])
def test_its_own_skeletons(write, person, name: str) -> None:
    points = person(name)
    item = {"image_id": "1.jpg", "keypoints": points.flatten().tolist(), "score": 2.9}
    (record,) = read_poses(write("alphapose-results.json", [item]))
    assert record.skeleton == name
    torch.testing.assert_close(record.keypoints, points)
    openpose = convert(record.keypoints, name, "openpose18")
    assert openpose[:, 2].all()
    torch.testing.assert_close(openpose[1, :2], points[5:7, :2].mean(0))  # not Halpe's neck
    assert openpose[0].equal(points[0])


def test_halpe_s_orders() -> None:
    assert HALPE26.joints[17:22] == (
        *("head_top", "throat", "mid_hip"),
        *("left_big_toe", "right_big_toe"),
    )
    assert HALPE136.joints[26] == "face_0"
    assert HALPE136.joints[94] == "left_hand_root"
    assert HALPE136.joints[115] == "right_hand_root"
