"""Skeletons and their conversions, against the orders that their publishers document."""

from __future__ import annotations

import itertools

import pytest
import torch

from posegen.core import ConfigError
from posegen.core.skeletons import (
    MEDIAPIPE33,
    OPENPOSE18,
    OPENPOSE25,
    SKELETONS,
    WHOLEBODY133,
    skeleton,
)
from posegen.poses.conversions import convert, origins

SIZES = {
    "openpose18": 18,
    "openpose25": 25,
    "coco17": 17,
    "mediapipe33": 33,
    "wholebody133": 133,
    "halpe26": 26,
    "halpe136": 136,
}
PAIRS = list(itertools.permutations(SKELETONS, 2))
COCO_TO_18 = [0, (6, 5), 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]


def random_keypoints(name: str, *shape: int, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    points = torch.rand(*shape, SIZES[name], 3, generator=random) * 100 + 1
    points[..., 2] = torch.tensor([0.5, 1.0])[torch.randint(2, points.shape[:-1], generator=random)]
    return points


@pytest.mark.parametrize("name", SKELETONS)
def test_a_skeleton_is_in_order(name: str) -> None:
    found = skeleton(name)
    assert len(found) == SIZES[name] == len(set(found.joints))
    for a, b in found.limbs:
        assert 0 <= a < len(found) > b >= 0
        assert a != b
    swapped = [joint for pair in found.mirrored for joint in pair]
    assert len(swapped) == len(set(swapped))
    assert {j for j in range(len(found)) if "right" in found.joints[j]} <= set(swapped)
    for a, b in found.mirrored:
        left = found.joints[b].replace("left", "right")
        assert found.joints[a] == left or found.joints[a].startswith("face_")


def test_names_of_single_joints() -> None:
    assert [OPENPOSE18.joints[i] for i in (1, 4, 14, 17)] == [
        "neck",
        "right_wrist",
        "right_eye",
        "left_ear",
    ]
    assert [OPENPOSE25.joints[i] for i in (8, 14, 19, 24)] == [
        "mid_hip",
        "left_ankle",
        "left_big_toe",
        "right_heel",
    ]
    assert [MEDIAPIPE33.joints[i] for i in (3, 10, 17, 32)] == [
        "left_eye_outer",
        "right_mouth_corner",
        "left_pinky",
        "right_foot_index",
    ]
    assert [WHOLEBODY133.joints[i] for i in (17, 23, 90, 91, 111, 112, 132)] == [
        "left_big_toe",
        "face_0",
        "face_67",
        "left_hand_root",
        "left_pinky_finger4",
        "right_hand_root",
        "right_pinky_finger4",
    ]


def test_mirrored_face_points_are_those_of_coco_wholebody() -> None:
    face = {(a - 23, b - 23) for a, b in WHOLEBODY133.mirrored if 23 <= a <= 90}
    assert len(face) == 29
    assert {(0, 16), (7, 9), (17, 26), (31, 35), (36, 45), (39, 42), (41, 46)} <= face
    assert {(48, 54), (58, 56), (59, 55), (60, 64), (61, 63), (67, 65)} <= face


def test_an_unknown_skeleton_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"no skeleton 'openpose17'.*'openpose18'"):
        skeleton("openpose17")
    with pytest.raises(ConfigError, match="no skeleton 'h36m'"):
        convert(torch.zeros(18, 3), "openpose18", "h36m")


def test_keypoints_of_another_skeleton_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 17, 3\) .*'openpose18'.*\(18, 3\)"):
        convert(torch.zeros(2, 17, 3), "openpose18", "coco17")


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("coco17", COCO_TO_18),
        ("wholebody133", COCO_TO_18),
        ("openpose25", [*range(8), *range(9, 19)]),
        (
            "mediapipe33",
            [0, (12, 11), 12, 14, 16, 11, 13, 15, 24, 26, 28, 23, 25, 27, 5, 2, 8, 7],
        ),
    ],
)
def test_what_the_18_keypoints_are_made_of(
    source: str, wanted: list[int | tuple[int, int]]
) -> None:
    as_tuples = tuple((j,) if isinstance(j, int) else j for j in wanted)
    assert origins(source, "openpose18") == as_tuples
    points = random_keypoints(source, 4)
    made = convert(points, source, "openpose18")
    for joint, given in enumerate(as_tuples):
        expected = points[:, list(given)]
        torch.testing.assert_close(made[:, joint, :2], expected[..., :2].mean(1))
        torch.testing.assert_close(made[:, joint, 2], expected[..., 2].amin(1))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_there_and_back_keeps_every_joint_that_both_have(source: str, target: str) -> None:
    points = random_keypoints(source, 2, 3)
    back = convert(convert(points, source, target), target, source)
    assert back.shape == points.shape
    shared = [
        j for j, name in enumerate(skeleton(source).joints) if name in skeleton(target).joints
    ]
    assert len(shared) >= 17  # COCO's joints are in all
    torch.testing.assert_close(back[..., shared, :], points[..., shared, :])
    computed = [
        skeleton(source).joints.index(n)
        for n in ("neck", "mid_hip")
        if n in skeleton(source).joints
    ]
    others = sorted(set(range(SIZES[source])) - set(shared) - set(computed))
    assert not back[..., others, :].any()


@pytest.mark.parametrize("name", SKELETONS)
def test_the_same_skeleton_changes_nothing(name: str) -> None:
    points = random_keypoints(name)
    assert torch.equal(convert(points, name, name), points)


@pytest.mark.parametrize(
    ("right", "left", "neck"), [(1, 1, 1), (0.5, 1, 0.5), (0, 1, 0), (1, 0, 0), (0, 0, 0)]
)
def test_a_neck_needs_both_shoulders(right: float, left: float, neck: float) -> None:
    points = random_keypoints("coco17")
    points[6, 2], points[5, 2] = right, left
    made = convert(points, "coco17", "openpose18")[1]
    assert made[2] == neck
    if neck:
        torch.testing.assert_close(made[:2], (points[5, :2] + points[6, :2]) / 2)
    else:
        assert made.tolist() == [0, 0, 0]


def test_conversion_commutes_with_mirroring() -> None:
    """Left and right stay the person's own, whatever the skeleton."""
    for source, target in PAIRS:
        points = random_keypoints(source, seed=3)
        one = mirrored(convert(points, source, target), target)
        other = convert(mirrored(points, source), source, target)
        torch.testing.assert_close(one, other)


def mirrored(points: torch.Tensor, name: str) -> torch.Tensor:
    order = list(range(SIZES[name]))
    for a, b in skeleton(name).mirrored:
        order[a], order[b] = b, a
    return points[order]


def test_conversion_keeps_type_device_and_source() -> None:
    points = random_keypoints("coco17", 2).double()
    before = points.clone()
    made = convert(points, "coco17", "openpose25")
    assert made.dtype == torch.float64
    made.zero_()
    assert torch.equal(points, before)
