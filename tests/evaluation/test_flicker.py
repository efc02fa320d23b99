"""Flicker of clips whose right value is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from posegen.core.skeletons import Skeleton
from posegen.evaluation.flicker import Flicker, FlickerMeter

#: One limb, as long as it is drawn.
STICK = Skeleton("stick", "A stick", ("top", "bottom"), ((0, 1),), ())
SIZE = 65


def pose(angle: float, seen: float = 1.0) -> Tensor:
    dx, dy = 20 * math.sin(angle), 20 * math.cos(angle)
    return torch.tensor([[32 - dx, 32 - dy, seen], [32 + dx, 32 + dy, seen]])


def drawn(angle: float, ground: float = 60.0) -> Image.Image:
    """Draw the stick: brighter along it, and falling off softly at its sides."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(float) - 32
    along, across = (
        x * math.sin(angle) + y * math.cos(angle),
        x * math.cos(angle) - y * math.sin(angle),
    )
    inside = (np.abs(across) < 4) & (np.abs(along) < 24)
    grey = np.where(inside, 140 + 2 * along, ground)
    return Image.fromarray(np.repeat(grey[..., None], 3, axis=2).round().astype(np.uint8))


def outside(angle: float) -> float:
    """Return which share of the picture the ground is."""
    return float((np.asarray(drawn(angle, 0.0)) == 0).mean())


def measured(frames: list[Image.Image], track: list[Tensor]) -> Flicker:
    meter = FlickerMeter(torch.stack(track), STICK)
    assert list(meter.watch(iter(frames))) == frames
    return meter.result


def test_a_still_clip_does_not_flicker() -> None:
    found = measured([drawn(0.3)] * 3, [pose(0.3)] * 3)
    assert found.person == pytest.approx(0, abs=1e-6)
    assert found.background == 0


def test_a_moving_stick_does_not_flicker() -> None:
    """Against a difference of its pixels that is fifty times as large."""
    angles = [0.0, 0.2, 0.4, 0.6]
    frames = [drawn(angle) for angle in angles]
    found = measured(frames, [pose(angle) for angle in angles])
    still = measured(frames, [pose(0.3)] * 4)
    assert found.person
    assert still.person
    assert found.background == 0.0
    assert found.person < 0.01 < still.person / 5


def test_a_background_that_shimmers_is_told_from_the_person() -> None:
    frames = [drawn(0.0, ground) for ground in (60.0, 75.0, 60.0)]
    found = measured(frames, [pose(0.0)] * 3)
    assert found.background == pytest.approx(15 / 255, rel=1e-3)
    assert found.person == 0


def test_a_person_who_changes_colour_flickers() -> None:
    brighter = Image.fromarray(np.asarray(drawn(0.0)) + np.uint8(20))
    found = measured([drawn(0.0), brighter], [pose(0.0)] * 2)
    assert found.person == pytest.approx(20 / 255, rel=1e-3)


def test_without_a_pose_all_is_background() -> None:
    found = measured([drawn(0.0), drawn(0.0, 70.0)], [pose(0.0, seen=0.0)] * 2)
    assert found.person is None
    assert found.background == pytest.approx(10 / 255 * outside(0.0), rel=0.02)
    assert measured([drawn(0.0)], [pose(0.0)]) == Flicker(None, None)
