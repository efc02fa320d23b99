"""Retargeting: angles of the driver, limbs of the source, feet on the ground."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from posegen.core import DataError, skeleton
from posegen.core.skeletons import SKELETONS
from posegen.poses.conversions import convert
from posegen.poses.motions import motion, motion_names
from posegen.poses.retarget import limbs_of, retarget

LAYOUT = "openpose18"
JOINTS = skeleton(LAYOUT).joints
AT = {name: number for number, name in enumerate(JOINTS)}
LIMBS = [
    (f"{side}_{a}", f"{side}_{b}")
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
]


def person(*, height: float = 100.0, arm: float = 1.0, leg: float = 1.0) -> Tensor:
    """Somebody who stands upright in the picture's plane, at (40, 120): (18, 3)."""
    at = {
        "neck": (0, -0.82),
        "nose": (0, -0.92),
        "left_eye": (0.02, -0.94),
        "right_eye": (-0.02, -0.94),
        "left_ear": (0.045, -0.93),
        "right_ear": (-0.045, -0.93),
    }
    for side, sign in (("left", 1), ("right", -1)):
        at |= {
            f"{side}_shoulder": (0.11 * sign, -0.82),
            f"{side}_elbow": (0.11 * sign, -0.82 + 0.17 * arm),
            f"{side}_wrist": (0.11 * sign, -0.82 + 0.32 * arm),
            f"{side}_hip": (0.055 * sign, -0.49),
            f"{side}_knee": (0.055 * sign, -0.49 + 0.22 * leg),
            f"{side}_ankle": (0.055 * sign, -0.49 + 0.44 * leg),
        }
    return torch.tensor([[40 + height * at[j][0], 120 + height * at[j][1], 1.0] for j in JOINTS])


def planar(frames: int = 24, seed: int = 0) -> Tensor:
    """A driver who moves in the plane: limbs turn, none is foreshortened: (F, 18, 3)."""
    random = torch.Generator().manual_seed(seed)
    rest = person(height=300.0, arm=1.1, leg=0.9)
    rest[:, 0] += 200
    track = rest.expand(frames, -1, -1).clone()
    for chain in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")):
        for side in ("left", "right"):
            for start, end in itertools.pairwise(chain):
                a, b = AT[f"{side}_{start}"], AT[f"{side}_{end}"]
                swing = torch.rand(1, generator=random) * 0.8
                phase = torch.rand(1, generator=random) * 6.28
                angle = swing * torch.sin(torch.arange(frames) / frames * 2 * math.pi + phase)
                length = (rest[b, :2] - rest[a, :2]).norm()
                track[:, b, 0] = track[:, a, 0] + length * torch.sin(angle)
                track[:, b, 1] = track[:, a, 1] + length * torch.cos(angle)
    return track


def vectors(track: Tensor, limb: tuple[str, str]) -> Tensor:
    return track[:, AT[limb[1]], :2] - track[:, AT[limb[0]], :2]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("build", [{}, {"arm": 0.9}, {"leg": 1.15}, {"height": 60.0}])
def test_limbs_are_the_source_s_and_angles_the_driver_s(seed: int, build: dict[str, float]) -> None:
    source, driver = person(**build), planar(seed=seed)
    result = retarget(driver, source, LAYOUT)
    for limb in LIMBS:
        wanted = vectors(source[None], limb).norm()
        got = vectors(result, limb)
        assert (got.norm(dim=1) - wanted).abs().max() < 0.01 * 100
        given = vectors(driver, limb)
        turned = torch.atan2(got[:, 0], got[:, 1]) - torch.atan2(given[:, 0], given[:, 1])
        assert turned.abs().max() < math.radians(1)


@pytest.mark.parametrize("how", ["source", "height"])
def test_standing_feet_stand_where_the_source_s_do(how: str) -> None:
    source = person()
    floor = source[[AT["left_ankle"], AT["right_ankle"]], 1].max()
    for name in motion_names():
        one = motion(name)
        result = retarget(one.track, source, LAYOUT, how=how, depth=one.depth)  # type: ignore[arg-type]
        lowest = result[:, [AT["left_ankle"], AT["right_ankle"]], 1].amax(1)
        clear = -one.track[:, [AT["left_ankle"], AT["right_ankle"]], 1].amax(1)
        standing = clear < clear.min() + 0.005
        assert (lowest[standing] - floor).abs().max() < 1
        assert lowest.max() < floor + 1


def test_height_keeps_the_driver_s_proportions() -> None:
    driver, source = planar(), person(arm=0.7)
    result = retarget(driver, source, LAYOUT, how="height")
    ratios = [
        vectors(result, limb).norm(dim=1) / vectors(driver, limb).norm(dim=1) for limb in LIMBS
    ]
    assert torch.stack(ratios).std() < 1e-4


def test_a_limb_towards_the_camera_stays_short() -> None:
    reach = motion("reach")
    result = retarget(reach.track, person(), LAYOUT, depth=reach.depth)
    driver = vectors(reach.track, ("right_shoulder", "right_elbow")).norm(dim=1)
    got = vectors(result, ("right_shoulder", "right_elbow")).norm(dim=1)
    assert torch.corrcoef(torch.stack([driver, got]))[0, 1] > 0.999
    assert got.min() < 0.8 * got.max()


def test_a_side_view_of_the_source_does_not_make_narrow_people() -> None:
    source = person()
    for side, sign in (("left", 1), ("right", -1)):
        source[AT[f"{side}_shoulder"], 0] = 40 + sign
        source[AT[f"{side}_hip"], 0] = 40 + sign
    wave = motion("wave")
    result = retarget(wave.track, source, LAYOUT, depth=wave.depth)
    width = (result[:, AT["left_shoulder"], 0] - result[:, AT["right_shoulder"], 0]).abs()
    assert width.min() > 15


def test_half_a_body_takes_the_driver_s_legs() -> None:
    source = person()
    for joint in ("knee", "ankle", "hip"):
        source[[AT[f"left_{joint}"], AT[f"right_{joint}"]]] = 0
    walk = motion("walk")
    result = retarget(walk.track, source, LAYOUT, depth=walk.depth)
    shin = vectors(result, ("left_knee", "left_ankle")).norm(dim=1)
    assert 18 < shin.max() < 30
    assert (result[:, AT["neck"], :2] - source[AT["neck"], :2]).norm(dim=1).max() < 12


def test_what_is_missing_in_a_frame_is_missing_and_spoils_nothing() -> None:
    driver, source = planar(), person()
    whole = retarget(driver, source, LAYOUT)
    driver[5, AT["left_knee"]] = 0
    result = retarget(driver, source, LAYOUT)
    assert torch.equal(result[5, AT["left_knee"]], torch.zeros(3))
    rest = [joint for name, joint in AT.items() if name not in ("left_knee", "left_ankle")]
    assert (result[:, rest] - whole[:, rest]).abs().max() < 0.5
    assert (result[5, AT["left_ankle"]] - whole[5, AT["left_ankle"]]).abs().max() < 25


@pytest.mark.parametrize("layout", sorted(SKELETONS))
def test_every_skeleton_has_a_tree_with_all_its_joints(layout: str) -> None:
    bones = skeleton(layout)
    limbs = limbs_of(bones)
    ends = [limb.end for limb in limbs]
    assert {*ends} == {*bones.joints, "NECK"}
    known = {"ROOT"}
    for limb in limbs:
        assert limb.start in known, limb
        known.add(limb.end)


def test_other_skeletons_move_alike() -> None:
    driver, source = planar(), person()
    ours = retarget(driver, source, LAYOUT)
    theirs = retarget(
        convert(driver, LAYOUT, "coco17"), convert(source, LAYOUT, "coco17"), "coco17"
    )
    names = skeleton("coco17").joints
    for joint in ("left_wrist", "right_ankle", "nose"):
        gap = ours[:, AT[joint], :2] - theirs[:, names.index(joint), :2]
        assert gap.abs().max() < 0.5


def test_nobody_to_measure_is_said() -> None:
    with pytest.raises(DataError, match="too little is seen"):
        retarget(planar(), torch.zeros(18, 3), LAYOUT)


def test_none_leaves_the_track_as_it_is() -> None:
    assert torch.equal(retarget(planar(), person(), LAYOUT, how="none"), planar())
