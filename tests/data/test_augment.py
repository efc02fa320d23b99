"""Pixels and joints move together: a drawn dot stays under its joint."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from posegen.config import AugmentConfig, experiment, preset
from posegen.core.batches import Batch, Pair
from posegen.core.fields import Field, FieldKind, standard_fields
from posegen.core.skeletons import OPENPOSE18
from posegen.data.augment import Augmentation, draw, flip, misplace, move, recolour
from posegen.data.loading import collate, to_batch
from posegen.poses.config import GaussianConfig
from posegen.poses.encoders import GaussianEncoder

SIZE = (48, 32)
JOINTS = 18
FIELDS = standard_fields(JOINTS, OPENPOSE18.mirrored)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch_of(images: Tensor, keypoints: Tensor, mask: Tensor | None = None) -> Batch:
    """Return sources alone."""
    tensors = {"source": images, "source_keypoints": keypoints}
    tensors |= {} if mask is None else {"source_mask": mask}
    return Batch(tensors, kinds={name: FIELDS[name].kind for name in tensors})


def moved(batch: Batch, frame: Tensor) -> Batch:
    return move(batch, frame, torch.full_like(frame, float("nan")))  # which no source takes


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


def one_dot_each(keypoints: Tensor) -> Batch:
    """A picture for each joint, which shows that joint alone; all have all joints."""
    return batch_of(dotted(keypoints[..., :2]), keypoints.repeat_interleave(JOINTS, dim=0))


def joint_of_each(batch: Batch, count: int, order: list[int] | None = None) -> Tensor:
    numbers = torch.tensor(order or range(JOINTS)).repeat(count)
    return batch.source_keypoints[torch.arange(count * JOINTS), numbers]


def test_a_moved_dot_stays_under_its_joint() -> None:
    frame = torch.tensor([[20.0, 0.1, 0.03, -0.04], [-20.0, -0.1, 0.0, 0.05], [7.0, 0.0, 0.0, 0.0]])
    before = one_dot_each(people(3))
    after = moved(before, frame.repeat_interleave(JOINTS, dim=0))
    joints = joint_of_each(after, 3)
    assert joints[:, 2].eq(1).all()
    assert torch.allclose(centres(after.source), joints[:, :2], atol=0.05)
    assert (joints[:, :2] - joint_of_each(before, 3)[:, :2]).abs().mean() > 0.5  # it did move


def test_a_turn_is_clockwise_and_a_larger_scale_enlarges() -> None:
    middle = torch.tensor([15.5, 23.5])
    point = torch.cat([middle + torch.tensor([6.0, 0.0]), torch.ones(1)]).repeat(1, JOINTS, 1)
    batch = batch_of(torch.zeros(1, 3, *SIZE), point)
    turned = moved(batch, torch.tensor([[90.0, 0.0, 0.0, 0.0]])).source_keypoints[0, 0]
    assert torch.allclose(turned[:2], middle + torch.tensor([0.0, 6.0]), atol=1e-3)
    larger = moved(batch, torch.tensor([[0.0, 0.5, 0.0, 0.0]])).source_keypoints[0, 0]
    assert larger[0] - middle[0] == pytest.approx(6 * 2.718281828**0.5, abs=1e-3)


def test_a_flip_swaps_left_and_right() -> None:
    before = one_dot_each(people(2))
    chosen = torch.tensor([True, False]).repeat_interleave(JOINTS)
    after = flip(before, chosen, FIELDS)
    mirror = list(range(JOINTS))
    for a, b in OPENPOSE18.mirrored:
        mirror[a], mirror[b] = b, a
    # The dot under the right shoulder is under what is now called the left one.
    assert mirror[2] == 5
    swapped = joint_of_each(after, 1, mirror)
    assert torch.allclose(centres(after.source)[:JOINTS], swapped[:, :2], atol=1e-3)
    assert torch.equal(after.source[JOINTS:], before.source[JOINTS:])
    assert torch.equal(after.source_keypoints[JOINTS:], before.source_keypoints[JOINTS:])
    twice = flip(after, chosen, FIELDS)
    assert torch.allclose(twice.source_keypoints, before.source_keypoints, atol=1e-4)
    assert torch.equal(twice.source, before.source)


def test_masks_move_with_the_pixels() -> None:
    mask = torch.zeros(1, 1, *SIZE)
    mask[..., 10:30, 8:20] = 1
    batch = batch_of(mask.mul(2).sub(1).expand(-1, 3, -1, -1), people(1), mask)
    after = moved(batch, torch.tensor([[15.0, 0.1, 0.1, 0.0]]))
    assert after.source_mask.unique().tolist() == [0, 1]
    assert torch.equal(after.source_mask, after.source[:, :1].ge(0).float())
    flipped = flip(batch, torch.tensor([True]), FIELDS)
    assert torch.equal(flipped.source_mask, mask.flip(-1))


def test_joints_that_leave_the_picture_become_missing() -> None:
    keypoints = torch.zeros(1, JOINTS, 3)
    keypoints[0, 0] = torch.tensor([2.0, 5.0, 1.0])  # leaves
    keypoints[0, 1] = torch.tensor([20.0, 5.0, 0.5])  # stays
    keypoints[0, 2] = torch.tensor([-3.0, 5.0, 1.0])  # was outside before (DeepFashion)
    batch = batch_of(torch.zeros(1, 3, *SIZE), keypoints)
    after = moved(batch, torch.tensor([[0.0, 0.0, -0.25, 0.0]])).source_keypoints[0]
    assert after[0].tolist() == [0, 0, 0]
    assert after[1].tolist() == pytest.approx([12, 5, 0.5])
    assert after[2].tolist() == pytest.approx([-11, 5, 1])
    assert after[3:].eq(0).all()
    flipped = flip(batch, torch.tensor([True]), FIELDS).source_keypoints[0]
    assert flipped[3].tolist() == [0, 0, 0]  # a missing joint is zeros, not at the far edge
    assert flipped[5].tolist() == [34, 5, 1]


def test_colours_change_alike_in_both_pictures() -> None:
    config = AugmentConfig(brightness=0.2, contrast=0.3, saturation=0.5, hue=0.3)
    drawn = draw(config, OPENPOSE18, 4, seeded())
    assert drawn is not None
    images = torch.rand(4, 3, *SIZE, generator=seeded(2)) * 2 - 1
    tensors = {"source": images, "target": images.flip(-2), "source_keypoints": people(4)}
    after = drawn(Batch(tensors, kinds={name: FIELDS[name].kind for name in tensors}))
    assert torch.allclose(after.source, after.target.flip(-2), atol=1e-6)
    assert (after.source - images).abs().mean((1, 2, 3)).min() > 0.01
    assert after.source.abs().max() <= 1
    assert torch.equal(after.source_keypoints, people(4))
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


def test_every_field_changes_by_its_kind(noise: Any) -> None:
    """The data set's own fields do what images, masks and keypoints of the same content do."""
    dataset = noise.NoiseDataset()
    raw = collate(dataset.__getitems__([0, 4, 7, 9, 13, 17]), dataset.fields)
    encoder = GaussianEncoder(GaussianConfig())
    config = AugmentConfig(flip=0.5, rotate=10, shift=0.1, brightness=0.2, hue=0.3)
    drawn = draw(config, OPENPOSE18, 6, seeded(1), dataset.fields)
    assert drawn is not None
    assert 0 < drawn.flip.sum() < 6
    plain = to_batch(raw, encoder, torch.device("cpu"))
    # Each of them once more, under the name of the picture's own image, mask or channel.
    twin = raw.having(
        source=raw.source_garment,
        target_mask=raw.target_garment_mask,
        source_mask=raw.source_parsing[:, 1:2] * 255,
    )
    after, twin = (to_batch(b, encoder, torch.device("cpu"), drawn) for b in (raw, twin))
    assert torch.equal(after.source_garment, twin.source)
    assert torch.equal(after.target_garment_mask, twin.target_mask)
    assert torch.equal(after.style, raw.style)
    # A channel of a map moves as a mask does, before that is made 0 or 1; a flip swaps channels.
    channel = torch.where(drawn.flip, 2, 1)
    parsing = after.source_parsing[torch.arange(6), channel][:, None]
    assert torch.equal(parsing.ge(0.5).float(), twin.source_mask)
    assert not torch.equal(after.source_parsing, plain.source_parsing)
    # Points: as keypoints at the same places do, rows swapped.
    rows = raw.target_hands.repeat(1, 6, 1)
    keypoints = to_batch(
        raw.having(target_keypoints=rows), encoder, torch.device("cpu"), replace_fields(drawn)
    ).target_keypoints[:, :3]
    order = torch.where(drawn.flip[:, None], torch.tensor([2, 1, 0]), torch.arange(3))
    assert torch.equal(after.target_hands, keypoints.gather(1, order[..., None].expand(-1, -1, 3)))


def replace_fields(drawn: Augmentation) -> Augmentation:
    """Let a flip swap no keypoints."""
    plain = Field(FieldKind.POINTS, JOINTS)
    return replace(drawn, fields={**drawn.fields, "target_keypoints": plain})


def test_a_map_of_which_nothing_is_known_is_not_flipped(noise: Any) -> None:
    dataset = noise.NoiseDataset()
    raw = collate(dataset.__getitems__([0, 1]), dataset.fields)
    drawn = draw(AugmentConfig(flip=1), OPENPOSE18, 2, seeded())
    with pytest.raises(KeyError, match="source_parsing"):
        to_batch(raw, GaussianEncoder(GaussianConfig()), torch.device("cpu"), drawn)


@pytest.mark.parametrize(("key", "value"), [("flip", 2), ("rotate", -1), ("hue", 4)])
def test_limits_are_checked(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=key):
        AugmentConfig.model_validate({key: value})


def test_joints_err_by_the_standard_deviation_and_go_missing_by_the_share() -> None:
    config = AugmentConfig(joint_noise=0.01, joint_dropout=0.1)
    places = torch.tensor([20.0, 40.0]).expand(2000, JOINTS, 2)
    seen = torch.tensor([1.0, 0.5]).repeat(JOINTS // 2)[:, None].expand(2000, JOINTS, 1)
    points = torch.cat([places, seen], dim=-1)
    images = torch.zeros(2000, 1, 100, 60)
    tensors = {"source": images, "source_keypoints": points, "target_keypoints": points}
    batch = Batch(tensors, kinds={name: FIELDS[name].kind for name in tensors})
    drawn = draw(config, OPENPOSE18, 2000, seeded(3))
    assert drawn is not None
    changed = drawn(batch)
    for name in ("source_keypoints", "target_keypoints"):
        joints = changed[name]
        lost = joints[..., 2] == 0
        assert torch.equal(joints[lost], torch.zeros_like(joints[lost]))
        assert abs(float(lost[:, ::2].float().mean()) - 0.1) < 0.015
        assert abs(float(lost[:, 1::2].float().mean()) - 0.2) < 0.02
        assert abs(float((joints - points)[~lost][:, :2].std()) - 1.0) < 0.03
    assert not torch.equal(changed["source_keypoints"], changed["target_keypoints"])
    assert changed.source is images


def test_a_joint_does_not_err_out_of_the_picture_and_a_missing_one_stays_missing() -> None:
    points = torch.tensor([[[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]])
    tensors = {"source": torch.zeros(1, 3, 10, 10), "source_keypoints": points}
    batch = Batch(tensors, kinds={name: FIELDS[name].kind for name in tensors})
    joints = torch.tensor([[[[-0.5, 0.0, 9.0], [0.1, 0.1, 9.0]]] * 2])
    assert torch.equal(misplace(batch, joints)["source_keypoints"], points)
