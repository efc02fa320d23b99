"""Editing poses, and the poses between key poses."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from posegen.core import ConfigError
from posegen.core.skeletons import SKELETONS, skeleton
from posegen.poses.conversions import convert
from posegen.poses.edit import hide, interpolate, key_frames, mirror, move, scale
from posegen.poses.grips import grips
from posegen.poses.motions import motion, motion_names

LAYOUT = "openpose18"
AT = {joint: number for number, joint in enumerate(skeleton(LAYOUT).joints)}


def standing() -> Tensor:
    """The first pose of a motion, in a picture of 128×64."""
    one = motion("wave")
    return convert(one.placed((128, 64)), one.skeleton, LAYOUT)[0]


def turned(pose: Tensor, joint: str, degrees: float) -> Tensor:
    """The pose with one forearm turned about its elbow."""
    a = math.radians(degrees)
    matrix = torch.tensor([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    elbow = pose[AT[joint.replace("wrist", "elbow")], :2]
    changed = pose.clone()
    changed[AT[joint], :2] = elbow + matrix @ (pose[AT[joint], :2] - elbow)
    return changed


def test_move_and_scale_leave_missing_joints_alone() -> None:
    pose = hide(standing(), LAYOUT, "left_elbow")
    gone = [AT["left_elbow"], AT["left_wrist"]]
    assert pose[gone].eq(0).all()
    assert (pose[:, 2] > 0).sum() == len(pose) - 2
    for changed in (move(pose, 3, -2), scale(pose, 2), mirror(pose, LAYOUT)):
        assert (changed[:, 2] > 0).sum() == len(pose) - 2
    moved = move(pose, 3, -2)
    assert moved[gone].eq(0).all()
    torch.testing.assert_close(moved[0], pose[0] + torch.tensor([3.0, -2.0, 0.0]))


def test_scale_keeps_the_middle_or_the_given_point() -> None:
    pose = standing()
    twice = scale(pose, 2)
    for reduce in (torch.amin, torch.amax):
        before, after = reduce(pose[:, :2], 0), reduce(twice[:, :2], 0)
        middle = (pose[:, :2].amin(0) + pose[:, :2].amax(0)) / 2
        torch.testing.assert_close(after - middle, 2 * (before - middle))
    torch.testing.assert_close(scale(pose, 0.5, (0, 0))[:, :2], pose[:, :2] / 2)
    with pytest.raises(ConfigError, match="above 0"):
        scale(pose, 0)


def test_mirroring_exchanges_sides_and_twice_is_nothing() -> None:
    pose = turned(standing(), "left_wrist", 40)
    other = mirror(pose, LAYOUT)
    torch.testing.assert_close(mirror(other, LAYOUT), pose)
    about = mirror(pose, LAYOUT, about=10.0)
    left, right = pose[AT["left_wrist"]], about[AT["right_wrist"]]
    assert right[0] == pytest.approx(20 - float(left[0]), abs=1e-4)
    assert right[1] == left[1]
    many = torch.stack([pose, other])
    torch.testing.assert_close(mirror(many, LAYOUT), torch.stack([other, pose]))


def test_hiding_an_unknown_joint_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'left_elbow'"):
        hide(standing(), LAYOUT, "left_elbo")


def test_limbs_swing_and_keep_their_length() -> None:
    start = standing()
    end = turned(start, "right_wrist", 90)
    track = interpolate(torch.stack([start, end]), [0, 10], LAYOUT)
    assert len(track) == 11
    torch.testing.assert_close(track[0], start)
    torch.testing.assert_close(track[-1], end)
    elbow, wrist = track[:, AT["right_elbow"], :2], track[:, AT["right_wrist"], :2]
    lengths = (wrist - elbow).norm(dim=1)
    torch.testing.assert_close(lengths, lengths[:1].expand(11))
    torch.testing.assert_close(track[5], turned(start, "right_wrist", 45))
    slow = interpolate(torch.stack([start, end]), [0, 10], LAYOUT, smooth=True)
    torch.testing.assert_close(slow[5], track[5])
    first = (slow[1] - start).norm()
    assert first < (track[1] - start).norm() / 2


def test_limbs_swing_the_shorter_way() -> None:
    start = turned(standing(), "right_wrist", 170)
    end = turned(standing(), "right_wrist", -170)
    half = interpolate(torch.stack([start, end]), [0, 2], LAYOUT)[1]
    torch.testing.assert_close(half, turned(standing(), "right_wrist", 180), atol=1e-3, rtol=0)


def test_a_joint_of_one_key_is_there_in_its_half() -> None:
    whole = standing()
    part = move(hide(whole, LAYOUT, "left_hip", "right_hip"), 4, 0)
    track = interpolate(torch.stack([whole, part]), [0, 10], LAYOUT)
    knee = AT["left_knee"]
    assert (track[:5, knee, 2] > 0).all()
    assert track[5:, knee].eq(0).all()
    torch.testing.assert_close(track[2, knee, :2], move(whole, 0.8, 0)[knee, :2])


def test_wrong_frames_are_told() -> None:
    pose = standing()
    with pytest.raises(ConfigError, match="each must be after"):
        interpolate(torch.stack([pose, pose]), [3, 3], LAYOUT)
    with pytest.raises(ConfigError, match="give each pose one"):
        interpolate(torch.stack([pose, pose]), [3], LAYOUT)
    assert torch.equal(interpolate(pose[None], [7], LAYOUT), pose[None])


@pytest.mark.parametrize("name", motion_names())
def test_key_frames_make_a_motion_again(name: str) -> None:
    one = motion(name)
    track = convert(one.placed((128, 64)), one.skeleton, LAYOUT)
    keys = key_frames(track, LAYOUT, 1.0)
    assert keys[0] == 0
    assert keys[-1] == len(track) - 1
    assert len(keys) < len(track)
    again = interpolate(track[keys], keys, LAYOUT)
    assert (again - track)[..., :2].norm(dim=-1).max() <= 1.0 + 1e-4


@pytest.mark.parametrize("layout", SKELETONS)
def test_every_joint_has_a_grip_that_takes_it_along(layout: str) -> None:
    bones = skeleton(layout)
    for number, (joint, grip) in enumerate(zip(bones.joints, grips(layout), strict=True)):
        assert number in grip.moves, joint
        assert number in grip.carries, joint
    index = bones.joints.index
    hip = grips(layout)[index("left_hip")]
    assert (hip.pivot, hip.moves) == ((), tuple(range(len(bones))))
    assert index("left_ankle") in hip.carries
    assert index("right_ankle") not in hip.carries
    arm = grips(layout)[index("left_elbow")]
    assert arm.pivot == (index("left_shoulder"),)
    assert index("left_wrist") in arm.moves
    hand = grips(layout)[index("left_wrist")]
    assert hand.bends == (index("left_shoulder"), index("left_elbow"))
