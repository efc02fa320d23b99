"""The library of motions: whole people, loops that close."""

from __future__ import annotations

import pytest
import torch

from posegen.core import ConfigError, skeleton
from posegen.poses.motions import motion, motion_names

JOINTS = skeleton("openpose18").joints


def test_there_are_a_dozen_and_more_with_a_line_each() -> None:
    assert len(motion_names()) >= 12
    assert {"walk", "run", "turn", "wave", "sit", "squat", "reach"} <= set(motion_names())
    assert all(motion(name).summary for name in motion_names())


@pytest.mark.parametrize("name", motion_names())
def test_a_motion_is_a_loop_of_a_whole_person_on_the_floor(name: str) -> None:
    one = motion(name)
    assert 24 <= len(one) <= 60
    assert one.points.shape == (len(one), len(JOINTS), 3)
    steps = (one.points.roll(-1, 0) - one.points).norm(dim=-1).amax(1)
    assert steps[-1] <= 1.2 * steps[:-1].max()
    height = one.points[..., 1]
    ankles = height[:, [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]]
    assert (ankles.amin(1) > 0.01).all()
    assert (ankles.amin(1) < 0.13).all()  # on the toes at most
    assert 0.85 < height.max() < 1.4


def test_limbs_keep_their_length() -> None:
    for name in motion_names():
        points = motion(name).points
        for a, b in (("left_hip", "left_knee"), ("right_elbow", "right_wrist"), ("neck", "nose")):
            length = (points[:, JOINTS.index(a)] - points[:, JOINTS.index(b)]).norm(dim=-1)
            if a != "neck":
                assert (length.max() - length.min()) < 0.005


def test_a_turned_face_is_hidden() -> None:
    turning = motion("turn")
    nose = turning.track[:, JOINTS.index("nose"), 2]
    assert nose[0] == 1.0
    assert nose[len(turning) // 2] == 0.5
    assert set(nose.tolist()) == {0.5, 1.0}


def test_an_unknown_motion_names_its_neighbours() -> None:
    with pytest.raises(ConfigError, match=r"wakl: no such motion; .*'?walk"):
        motion("wakl")


def test_the_track_is_upside_down_for_pictures() -> None:
    one = motion("walk")
    assert torch.equal(one.track[..., 1], -one.points[..., 1])
    assert torch.equal(one.track[..., 0], one.points[..., 0])


def test_a_motion_has_room_in_a_picture() -> None:
    for name in motion_names():
        placed = motion(name).placed((256, 192))
        x, y = placed[..., 0], placed[..., 1]
        assert x.min() > 0
        assert x.max() < 191
        assert y.min() > 0
        assert y.max() < 255
        assert (y.max() - y.min()) > 0.85 * 256 or (x.max() - x.min()) > 0.85 * 192
