"""Pixels and joints move together: a drawn dot stays under its joint."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from posegen.config import AugmentConfig, experiment, preset
from posegen.core.batches import Pair
from posegen.data.augment import Augmentation, Pictures, draw, flip, move, recolour
from posegen.data.loading import collate, to_batch
from posegen.poses.config import GaussianConfig
from posegen.poses.encoders import GaussianEncoder
from posegen.poses.layouts import OPENPOSE18

SIZE = (48, 32)
JOINTS = 18


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dotted(places: Tensor) -> Tensor:
    """Draw a soft dot under each joint in a picture of its own: (B, K, 2) -> (B·K, 3, H, W)."""
    rows, columns = torch.arange(SIZE[0]).float(), torch.arange(SIZE[1]).float()
    x, y = places.flatten(0, 1).unbind(-1)
    away = (rows - y[:, None]).square()[:, :, None] + (columns - x[:, None]).square()[:, None]
    return torch.exp(-away / 8)[:, None].expand(-1, 3, -1, -1) * 2 - 1


def centres(images: Tensor) -> Tensor:
    """Return the centre of the dot of each picture: (N, 2)."""
    weights = images[:, 0].add(1).clamp_min(0)
    rows, columns = torch.arange(SIZE[0]).float(), torch.arange(SIZE[1]).float()
    total = weights.sum((1, 2))
    return torch.stack(
        [(weights.sum(1) * columns).sum(1), (weights.sum(2) * rows).sum(1)], dim=-1
    ).div(total[:, None])


def people(count: int) -> Tensor:
    """Joints in the middle of the picture, so that no change moves one out of it."""
    points = torch.rand(count, JOINTS, 3, generator=seeded(1))
    places = points[..., :2] * torch.tensor([8.0, 16.0]) + torch.tensor([12.0, 16.0])
    return torch.cat([places, torch.ones(count, JOINTS, 1)], dim=-1)


def one_dot_each(keypoints: Tensor) -> Pictures:
    """A picture for each joint, which shows that joint alone; all have all joints."""
    return Pictures(dotted(keypoints[..., :2]), keypoints.repeat_interleave(JOINTS, dim=0), None)


def joint_of_each(pictures: Pictures, count: int, order: list[int] | None = None) -> Tensor:
    numbers = torch.tensor(order or range(JOINTS)).repeat(count)
    return pictures.keypoints[torch.arange(count * JOINTS), numbers]


def test_a_moved_dot_stays_under_its_joint() -> None:
    frame = torch.tensor([[20.0, 0.1, 0.03, -0.04], [-20.0, -0.1, 0.0, 0.05], [7.0, 0.0, 0.0, 0.0]])
    before = one_dot_each(people(3))
    after = move(before, frame.repeat_interleave(JOINTS, dim=0))
    joints = joint_of_each(after, 3)
    assert joints[:, 2].eq(1).all()
    assert torch.allclose(centres(after.images), joints[:, :2], atol=0.05)
    assert (joints[:, :2] - joint_of_each(before, 3)[:, :2]).abs().mean() > 0.5  # it did move


def test_a_turn_is_clockwise_and_a_larger_scale_enlarges() -> None:
    middle = torch.tensor([15.5, 23.5])
    point = torch.cat([middle + torch.tensor([6.0, 0.0]), torch.ones(1)]).repeat(1, JOINTS, 1)
    pictures = Pictures(torch.zeros(1, 3, *SIZE), point, None)
    turned = move(pictures, torch.tensor([[90.0, 0.0, 0.0, 0.0]])).keypoints[0, 0]
    assert torch.allclose(turned[:2], middle + torch.tensor([0.0, 6.0]), atol=1e-3)
    larger = move(pictures, torch.tensor([[0.0, 0.5, 0.0, 0.0]])).keypoints[0, 0]
    assert larger[0] - middle[0] == pytest.approx(6 * 2.718281828**0.5, abs=1e-3)


def test_a_flip_swaps_left_and_right() -> None:
    before = one_dot_each(people(2))
    chosen = torch.tensor([True, False]).repeat_interleave(JOINTS)
    after = flip(before, chosen, OPENPOSE18)
    mirror = list(range(JOINTS))
    for a, b in OPENPOSE18.mirrored:
        mirror[a], mirror[b] = b, a
    # The dot under the right shoulder is under what is now called the left one.
    assert mirror[2] == 5
    swapped = joint_of_each(after, 1, mirror)
    assert torch.allclose(centres(after.images)[:JOINTS], swapped[:, :2], atol=1e-3)
    assert torch.equal(after.images[JOINTS:], before.images[JOINTS:])
    assert torch.equal(after.keypoints[JOINTS:], before.keypoints[JOINTS:])
    twice = flip(after, chosen, OPENPOSE18)
    assert torch.allclose(twice.keypoints, before.keypoints, atol=1e-4)
    assert torch.equal(twice.images, before.images)


def test_masks_move_with_the_pixels() -> None:
    mask = torch.zeros(1, 1, *SIZE)
    mask[..., 10:30, 8:20] = 1
    pictures = Pictures(mask.mul(2).sub(1).expand(-1, 3, -1, -1), people(1), mask)
    moved = move(pictures, torch.tensor([[15.0, 0.1, 0.1, 0.0]]))
    assert moved.masks is not None
    assert moved.masks.unique().tolist() == [0, 1]
    assert torch.equal(moved.masks, moved.images[:, :1].ge(0).float())
    flipped = flip(pictures, torch.tensor([True]), OPENPOSE18)
    assert flipped.masks is not None
    assert torch.equal(flipped.masks, mask.flip(-1))


def test_joints_that_leave_the_picture_become_missing() -> None:
    keypoints = torch.zeros(1, JOINTS, 3)
    keypoints[0, 0] = torch.tensor([2.0, 5.0, 1.0])  # leaves
    keypoints[0, 1] = torch.tensor([20.0, 5.0, 0.5])  # stays
    keypoints[0, 2] = torch.tensor([-3.0, 5.0, 1.0])  # was outside before (DeepFashion)
    pictures = Pictures(torch.zeros(1, 3, *SIZE), keypoints, None)
    moved = move(pictures, torch.tensor([[0.0, 0.0, -0.25, 0.0]])).keypoints[0]
    assert moved[0].tolist() == [0, 0, 0]
    assert moved[1].tolist() == pytest.approx([12, 5, 0.5])
    assert moved[2].tolist() == pytest.approx([-11, 5, 1])
    assert moved[3:].eq(0).all()
    flipped = flip(pictures, torch.tensor([True]), OPENPOSE18).keypoints[0]
    assert flipped[3].tolist() == [0, 0, 0]  # a missing joint is zeros, not at the far edge
    assert flipped[5].tolist() == [34, 5, 1]


def test_colours_change_alike_in_both_pictures() -> None:
    config = AugmentConfig(brightness=0.2, contrast=0.3, saturation=0.5, hue=0.3)
    drawn = draw(config, OPENPOSE18, 4, seeded())
    assert drawn is not None
    images = torch.rand(4, 3, *SIZE, generator=seeded(2)) * 2 - 1
    source, target = drawn(
        Pictures(images, people(4), None), Pictures(images.flip(-2), people(4), None)
    )
    assert torch.allclose(source.images, target.images.flip(-2), atol=1e-6)
    assert (source.images - images).abs().mean((1, 2, 3)).min() > 0.01
    assert source.images.abs().max() <= 1
    assert torch.equal(source.keypoints, people(4))
    nothing = recolour(images, torch.zeros(4, 4))
    assert torch.allclose(nothing, images, atol=1e-5)


def test_nothing_is_drawn_by_default() -> None:
    assert draw(AugmentConfig(), OPENPOSE18, 4, seeded()) is None
    config = experiment(preset("patn", "market1501"), overrides=["data.root=x"])
    assert config.augment == AugmentConfig()


def test_what_is_drawn_depends_on_the_seed_and_the_limits_only() -> None:
    config = AugmentConfig(flip=0.5, rotate=10, scale=0.2, shift=0.1, brightness=0.1)

    def numbers(drawn: Augmentation | None) -> list[Tensor]:
        assert drawn is not None
        return [drawn.flip, *drawn.frames, drawn.colours]

    first, again, other = (
        numbers(draw(config, OPENPOSE18, 64, seeded(seed))) for seed in (3, 3, 4)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[1], other[1])
    assert 16 < first[0].sum() < 48
    assert not torch.equal(first[1], first[2])  # the frames of source and target differ
    frames = torch.cat(first[1:3]).abs()
    reach = torch.tensor([10, 0.1823, 0.1, 0.1])
    assert (frames <= reach).all()
    assert (frames.amax(0) > 0.9 * reach).all()
    # An option changes its own numbers and no other's.
    without = numbers(draw(config.model_copy(update={"rotate": 0.0}), OPENPOSE18, 64, seeded(3)))
    assert torch.equal(without[0], first[0])
    assert torch.equal(without[1][:, 1:], first[1][:, 1:])


def test_processes_take_their_part_of_one_drawing() -> None:
    config = AugmentConfig(flip=0.5, rotate=10)
    whole = draw(config, OPENPOSE18, 6, seeded())
    assert whole is not None
    parts = [whole.part(0, 2), whole.part(2, 6)]
    assert torch.equal(torch.cat([p.flip for p in parts]), whole.flip)
    assert torch.equal(torch.cat([p.frames[1] for p in parts]), whole.frames[1])


def test_maps_are_made_of_the_moved_joints() -> None:
    keypoints = people(2)
    pictures = dotted(keypoints[:, :1, :2]).add(1).mul(127.5).to(torch.uint8)
    pairs = [
        Pair(image, image, points, points, "a", "b")
        for image, points in zip(pictures, keypoints, strict=True)
    ]
    encoder = GaussianEncoder(GaussianConfig(sigma=2))
    drawn = draw(AugmentConfig(flip=1, rotate=20, shift=0.05), OPENPOSE18, 2, seeded(5))
    batch = to_batch(collate(pairs), encoder, torch.device("cpu"), drawn)
    plain = to_batch(collate(pairs), encoder, torch.device("cpu"))
    assert torch.equal(batch.source_pose, encoder(batch.source_keypoints, SIZE))
    assert not torch.equal(batch.source_keypoints, plain.source_keypoints)
    assert torch.allclose(centres(batch.target), batch.target_keypoints[:, 0, :2], atol=0.1)
    # The nose's map has its peak where the nose's dot is.
    peak = batch.source_pose[:, 0].flatten(1).argmax(1)
    dot = batch.source[:, 0].flatten(1).argmax(1)
    assert torch.equal(peak, dot)


@pytest.mark.parametrize(("key", "value"), [("flip", 2), ("rotate", -1), ("hue", 4)])
def test_limits_are_checked(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=key):
        AugmentConfig.model_validate({key: value})
