from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from skimage.draw import disk, polygon
from skimage.morphology import closing, footprint_rectangle

from posegen.evaluation.metrics.masks import LIMBS, body_mask


def drawn(keypoints, size):
    """The published drawing with scikit-image: (18, 3) x, y, visibility -> (H, W) bool."""
    mask = np.zeros(size, bool)
    points, seen = keypoints[:, 1::-1], keypoints[:, 2] > 0
    for one, other in LIMBS:
        along = points[one] - points[other]
        if seen[one] and seen[other] and along.any():
            across = 4 * np.array([-along[1], along[0]]) / np.linalg.norm(along)
            corners = (points[one] + across, points[one] - across)
            corners += (points[other] - across, points[other] + across)
            mask[polygon(*np.array(corners).T, shape=size)] = True
    for point in points[seen]:
        mask[disk(point, 4, shape=size)] = True
    return closing(mask, footprint_rectangle((5, 5)))


def people(size, count, seed=0):
    """Whole keypoints, some missing, some beside the picture, some in one place."""
    random = np.random.default_rng(seed)
    points = random.integers((-6, -6), (size[1] + 6, size[0] + 6), (count, 18, 2))
    points[::3] = points[::3] // 6 * 6  # upright, level and coinciding limbs
    seen = random.random((count, 18, 1)) < 0.8
    return np.concatenate([points * seen, seen], axis=2).astype(float)


@pytest.mark.parametrize("case", ["market_128x64", "fashion_256x176"])
def test_masks_equal_the_recorded_ones(golden, case):
    recorded = json.loads((golden / f"metrics_{case}.json").read_text())
    x, y = (torch.tensor([i[f"keypoints_{a}"] for i in recorded["items"]]) for a in "xy")
    keypoints = torch.stack([x, y, (x != -1) & (y != -1)], dim=-1).float()
    masks = body_mask(keypoints, (recorded["height"], recorded["width"]))
    assert masks.dtype == torch.bool
    with np.load(golden / f"metrics_{case}.npz") as arrays:
        for index, mask in enumerate(masks):
            np.testing.assert_array_equal(mask[0], arrays[f"{index}.mask"])


@pytest.mark.parametrize("size", [(128, 64), (96, 120)])
@pytest.mark.parametrize("shift", [0, 0.3])
def test_masks_equal_the_published_drawing(size, shift):
    keypoints = people(size, 90)
    keypoints[..., :2] += shift
    masks = body_mask(torch.from_numpy(keypoints), size)[:, 0].numpy()
    for mask, one in zip(masks, keypoints, strict=True):
        np.testing.assert_array_equal(mask, drawn(one, size))


def test_upright_and_level_limbs_include_their_edges():
    keypoints = torch.zeros(2, 18, 3)
    keypoints[0, 1:3] = torch.tensor([[20.0, 10, 1], [20, 40, 1]])
    keypoints[1, 1:3] = torch.tensor([[10.0, 20, 1], [40, 20, 1]])
    upright, level = body_mask(keypoints, (60, 60))[:, 0]
    assert upright[10:41, 16:25].all()
    assert not upright[:, :16].any()
    assert not upright[:, 25:].any()
    assert torch.equal(level, upright.T)


def test_a_joint_is_a_disc_and_two_in_one_place_have_no_limb():
    keypoints = torch.zeros(1, 18, 3)
    keypoints[0, 1] = torch.tensor([20.0, 12, 1])
    alone = body_mask(keypoints, (30, 30))
    assert alone.sum() == 45  # of radius 4 without the rim
    keypoints[0, 2] = keypoints[0, 1]
    assert torch.equal(body_mask(keypoints, (30, 30)), alone)


def test_nobody_has_an_empty_mask():
    keypoints = torch.rand(1, 18, 3) * 20
    keypoints[..., 2] = 0
    assert not body_mask(keypoints, (30, 30)).any()


def test_each_image_of_a_batch_has_its_own_mask():
    keypoints = torch.from_numpy(people((50, 40), 9))
    alone = [body_mask(one[None], (50, 40)) for one in keypoints]
    assert torch.equal(body_mask(keypoints, (50, 40)), torch.cat(alone))
