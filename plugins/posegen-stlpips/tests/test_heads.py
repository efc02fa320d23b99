from __future__ import annotations

import pytest
import torch
from posegen_stlpips.config import STLPIPSLossConfig
from posegen_stlpips.heads import HEAD, Heads
from posegen_stlpips.losses import STLPIPSLoss
from torch import Tensor

from posegen.core import Batch, GeneratorOutput, TaskInfo, skeleton

JOINTS = skeleton("openpose18").joints


def keypoints(count: int = 2) -> Tensor:
    """Heads with the face's middle at (20, 30) and the neck 10 pixels below."""
    points = torch.zeros(count, 18, 3)
    places = {"nose": (20, 34), "left_eye": (22, 28), "right_eye": (18, 28)}
    places |= {"left_shoulder": (28, 40), "right_shoulder": (12, 40)}
    for joint, place in places.items():
        points[:, JOINTS.index(joint)] = torch.tensor([*place, 1.0])
    return points


def test_a_head_is_a_square_around_the_face() -> None:
    ramp = torch.stack(
        [x.float() for x in torch.meshgrid(torch.arange(128), torch.arange(64), indexing="ij")]
    )
    (heads,) = Heads("openpose18")(keypoints(), ramp.expand(2, -1, -1, -1))
    assert heads.shape == (2, 2, HEAD, HEAD)
    down, right = heads[0]
    assert float(down.mean()) == pytest.approx(30, abs=0.05)
    assert float(right.mean()) == pytest.approx(20, abs=0.05)
    assert float(right[0, -1] - right[0, 0]) == pytest.approx(22 * 63 / 64, abs=0.1)


def test_who_has_no_face_or_no_shoulders_is_left_out() -> None:
    points = keypoints(3)
    points[1, JOINTS.index("left_shoulder")] = 0
    points[2, [JOINTS.index(j) for j in ("nose", "left_eye", "right_eye")]] = 0
    image = torch.rand(3, 3, 128, 64)
    assert len(Heads("openpose18")(points, image)[0]) == 1
    loss = STLPIPSLoss(STLPIPSLossConfig(region="head"), TaskInfo((128, 64), 18))
    made = torch.rand(3, 3, 128, 64, requires_grad=True)
    loss(GeneratorOutput(made), Batch({"target": image, "target_keypoints": points})).backward()
    assert made.grad is not None
    changed = made.grad.abs().amax((1, 2, 3)) > 0
    assert changed.tolist() == [True, False, False]
    rows = made.grad[0].abs().amax((0, 2)).nonzero()[:, 0]
    assert 17 <= int(rows.min()) <= int(rows.max()) <= 43
    nobody = Batch({"target": image[1:], "target_keypoints": points[1:]})
    assert float(loss(GeneratorOutput(image[1:]), nobody)) == 0.0


def test_the_same_heads_are_at_no_distance_whatever_the_rest() -> None:
    image, other = torch.rand(2, 3, 128, 64), torch.rand(2, 3, 128, 64)
    other[:, :, :50] = image[:, :, :50]
    loss = STLPIPSLoss(STLPIPSLossConfig(region="head"), TaskInfo((128, 64), 18))
    batch = Batch({"target": image, "target_keypoints": keypoints()})
    assert float(loss(GeneratorOutput(other), batch)) == pytest.approx(0, abs=1e-6)
    assert float(loss(GeneratorOutput(other.flip(2)), batch)) > 0.05
