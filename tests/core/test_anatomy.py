"""The parts and their maps: exact where joints decide them, safe where they do not."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from posegen.core import (
    BODY_PARTS,
    SKELETONS,
    Anatomy,
    ConfigError,
    capsule_masks,
    fetch,
    part_positions,
    skeleton,
)
from posegen.core.motion import affine_maps
from posegen.plugins.testing import standing, turned

NAMES = list(BODY_PARTS)
SIZE = (128, 64)
OPENPOSE = skeleton("openpose18").joints


@pytest.mark.parametrize("name", SKELETONS)
@pytest.mark.parametrize(("angle", "scale"), [(0.0, 1.0), (0.4, 0.8), (-2.5, 1.7)])
def test_a_turned_and_scaled_person_is_found_by_every_part(
    name: str, angle: float, scale: float
) -> None:
    target = standing(name)
    motion = Anatomy(name)(turned(target, angle, scale, (5.0, -3.0)), target)
    assert motion.target.present.eq(1).all()
    rotation = torch.tensor(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    torch.testing.assert_close(
        motion.linear, (scale * rotation).expand(1, len(BODY_PARTS), 2, 2), atol=2e-3, rtol=1e-3
    )
    torch.testing.assert_close(
        motion.offset, torch.tensor([5.0, -3.0]).expand(1, len(BODY_PARTS), 2), atol=0.15, rtol=0.01
    )


def test_a_limb_follows_its_joints_and_keeps_its_width() -> None:
    """A forearm that is raised and twice as long in the source: turned and stretched along only."""
    target, source = standing(), standing()
    wrist, elbow = (OPENPOSE.index(f"right_{joint}") for joint in ("wrist", "elbow"))
    target[0, elbow, :2], target[0, wrist, :2] = torch.tensor([[20.0, 40], [20, 48]])
    source[0, elbow, :2], source[0, wrist, :2] = torch.tensor([[20.0, 40], [36, 40]])
    linear = Anatomy("openpose18")(source, target).linear[0, NAMES.index("right elbow-wrist")]
    along, across = linear[:, 1], linear[:, 0]
    assert along[0] > 1.5  # down in the target is right in the source, and longer
    assert abs(along[1]) < 1e-4
    torch.testing.assert_close(across, torch.tensor([0.0, -1.0]), atol=1e-4, rtol=0)


def test_a_torso_seen_from_behind_is_mirrored() -> None:
    source, target = standing(), standing()
    for a, b in skeleton("openpose18").mirrored:
        source[:, [a, b]] = source[:, [b, a]]
    linear = Anatomy("openpose18")(source, target).linear[0, NAMES.index("torso")]
    assert linear[0, 0] < -0.5
    assert linear[1, 1] > 0.9


def test_a_torso_without_hips_seen_from_behind_is_mirrored_and_not_turned() -> None:
    source, target = (standing("openpose18", "right_hip", "left_hip") for _ in range(2))
    for a, b in skeleton("openpose18").mirrored:
        source[:, [a, b]] = source[:, [b, a]]
    linear = Anatomy("openpose18")(source, target).linear[0, NAMES.index("torso")]
    assert linear[0, 0] < -0.5
    assert linear[1, 1] > 0.8


@pytest.mark.parametrize("spread", [0.0, 1e-4, 0.5])
def test_joints_that_fall_together_give_tame_maps(spread: float) -> None:
    random = torch.Generator().manual_seed(0)
    source, target = standing(), standing()
    target[..., :2] = 30 + spread * torch.randn(1, len(OPENPOSE), 2, generator=random)
    for one, other in ((source, target), (target, source), (target, target)):
        motion = Anatomy("openpose18")(one, other)
        assert all(
            value.isfinite().all() for value in (*motion[:2], *motion.source, *motion.target)
        )
        assert motion.linear.abs().max() <= 100
        assert capsule_masks(motion.target, SIZE, 2).isfinite().all()


def test_the_penalty_is_the_stated_one() -> None:
    """The map is where the stated sum is least: every other one near it costs more."""
    random = torch.Generator().manual_seed(3)
    source, target = torch.randn(2, 1, 1, 4, 2, dtype=torch.float64, generator=random) * 10
    weights = torch.tensor([[[1.0, 1, 0, 1]]], dtype=torch.float64)
    scale, stiff = torch.tensor([[1.3]]).double(), torch.tensor([[4.0]]).double()
    linear, offset = affine_maps(source, target, weights, scale, stiff)
    rigid, _ = affine_maps(source, target, weights, scale, stiff * 1e6)  # nothing but M is left
    assert torch.allclose(rigid[0, 0] @ rigid[0, 0].T, 1.69 * torch.eye(2).double(), atol=1e-4)

    def cost(a: Tensor, b: Tensor) -> Tensor:
        error = (a @ target[0, 0].T).T + b - source[0, 0]
        fit = (weights[0, 0] * error.square().sum(dim=1)).sum()
        return fit + stiff[0, 0] ** 2 * (a - rigid[0, 0]).square().sum()

    least = cost(linear[0, 0], offset[0, 0])
    for _ in range(20):
        a = linear[0, 0] + 0.05 * torch.randn(2, 2, generator=random).double()
        b = offset[0, 0] + 0.05 * torch.randn(2, generator=random).double()
        assert cost(a, b) > least


def test_missing_joints_leave_their_parts_out() -> None:
    for source, target in (
        (standing("openpose18", "right_wrist"), standing()),
        (standing(), standing("openpose18", "right_wrist")),
    ):
        motion = Anatomy("openpose18")(source, target)
        absent = {NAMES[i] for i in (motion.target.present[0] == 0).nonzero()[:, 0]}
        assert absent == {"right elbow-wrist"}
        mask = capsule_masks(motion.target, SIZE, 2)
        assert mask[0, NAMES.index("right elbow-wrist")].max() == 0
        assert mask[0, NAMES.index("left elbow-wrist")].max() > 0.9


def test_a_half_body_keeps_its_upper_parts() -> None:
    legs = [joint for joint in OPENPOSE if "knee" in joint or "ankle" in joint]
    source = standing("openpose18", *legs)
    motion = Anatomy("openpose18")(source, standing())
    assert motion.target.present[0].tolist() == [1.0] * 6 + [0.0] * 4


@pytest.mark.parametrize("angle", [0.0, 0.3, -0.3])
@pytest.mark.parametrize("behind", [False, True])
def test_a_torso_without_hips_hangs_from_the_shoulders(angle: float, behind: bool) -> None:
    """A photo that ends at the waist: the torso is moved, and its axis is nearly the true one."""
    legs = [joint for joint in OPENPOSE if joint.split("_")[-1] in ("hip", "knee", "ankle")]
    whole, half = (
        turned(standing("openpose18", *missing), angle, 1.0, (0.0, 0.0)) for missing in ((), legs)
    )
    if behind:
        for a, b in skeleton("openpose18").mirrored:
            whole[:, [a, b]], half[:, [a, b]] = whole[:, [b, a]], half[:, [b, a]]
    torso = NAMES.index("torso")
    for source, target in ((half, whole), (whole, half), (half, half)):
        motion = Anatomy("openpose18")(source, target)
        assert motion.target.present[0].tolist() == [1.0] * 6 + [0.0] * 4
        torch.testing.assert_close(
            motion.linear[0, torso], torch.eye(2), atol=0.25 if behind else 0.15, rtol=0
        )
    axes = [
        (capsules.end - capsules.start)[0, torso]
        for capsules in (Anatomy("openpose18")(one, one).target for one in (whole, half))
    ]
    turn = torch.atan2(*axes[0]) - torch.atan2(*axes[1])
    assert turn.abs() < 0.1
    assert 0.8 < axes[1].norm() / axes[0].norm() < 1.25


def test_a_torso_without_hips_from_the_side_is_upright() -> None:
    """Shoulders one above the other say nothing of where the hips are."""
    half = standing("openpose18", "right_hip", "left_hip")
    left = OPENPOSE.index("left_shoulder")
    half[0, left, :2] = torch.tensor([22.0, 27.0])
    capsules = Anatomy("openpose18")(half, half).target
    across, down = (capsules.end - capsules.start)[0, NAMES.index("torso")]
    assert down > 3 * across.abs()


def test_nobody_is_no_part() -> None:
    nobody = torch.zeros(2, 18, 3)
    motion = Anatomy("openpose18")(nobody, nobody)
    assert motion.target.present.sum() == 0
    assert all(value.isfinite().all() for value in (*motion[:2], *motion.source, *motion.target))


def test_a_skeleton_without_a_joint_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    hand = replace(SKELETONS["openpose18"], name="hand", joints=("wrist", "thumb"))
    monkeypatch.setitem(SKELETONS, "hand", hand)
    with pytest.raises(ConfigError, match=r"the skeleton 'hand' has no 'nose', which moves"):
        Anatomy("hand")


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_sampling_a_moved_picture_brings_it_back(stride: int) -> None:
    """A picture moved by whole pixels is fetched from there, on every level."""
    picture = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    picture = torch.nn.functional.avg_pool2d(picture, stride)
    source = turned(standing(), 0.0, 1.0, (8.0, -4.0))
    grid = part_positions(Anatomy("openpose18")(source, standing()), SIZE, stride)
    fetched = fetch(picture, grid)
    assert fetched.shape == (1, 3, len(BODY_PARTS), SIZE[0] // stride, SIZE[1] // stride)
    right, up = 8 // stride, 4 // stride
    torso = fetched[0, :, NAMES.index("torso")]
    torch.testing.assert_close(
        torso[:, up:, :-right], picture[0, :, :-up, right:], atol=2e-2, rtol=0
    )


def test_the_mask_is_a_capsule_around_the_limb() -> None:
    mask = capsule_masks(Anatomy("openpose18")(standing(), standing()).target, SIZE, 1)
    leg = mask[0, NAMES.index("right hip-knee")]
    assert leg[73, 26] > 0.99
    assert leg[73, 60] < 0.01
    assert leg[10, 26] < 0.01
