"""Tracks as a detector errs: swapped sides, gaps, jitter."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from posegen.core import skeleton
from posegen.poses.motions import motion, motion_names
from posegen.poses.smoothing import fill_gaps, jitter, mend, repair_swaps, smooth

LAYOUT = "openpose18"
BONES = skeleton(LAYOUT)
HEIGHT = 200.0


def clean(name: str = "walk", times: int = 3) -> Tensor:
    """A motion of the library as pixels, a few times over."""
    track = motion(name).track.repeat(times, 1, 1)
    track[..., 2] = 1.0
    track[..., :2] = track[..., :2] * HEIGHT + torch.tensor([150.0, 260.0])
    return track


def noisy(track: Tensor, sigma: float = 1.5, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    result = track.clone()
    result[..., :2] += sigma * torch.randn(track[..., :2].shape, generator=random)
    return result


def pck(track: Tensor, truth: Tensor) -> float:
    """Share of the joints within a fiftieth of the height."""
    away = (track - truth)[..., :2].norm(dim=-1)
    return float((away < 0.02 * HEIGHT).float().mean())


@pytest.mark.parametrize("name", ["walk", "wave", "sit", "dance-sway", "turn"])
@pytest.mark.parametrize("strength", ["light", "strong"])
def test_jitter_is_halved_and_joints_stay(name: str, strength: str) -> None:
    truth = clean(name)
    given = noisy(truth)
    mended = mend(given, LAYOUT, strength)  # type: ignore[arg-type]
    assert jitter(mended) < 0.5 * jitter(given)
    assert pck(mended, truth) > pck(given, truth) - 0.01


def test_strong_smooths_more_than_light_and_off_not_at_all() -> None:
    given = noisy(clean("wave"))
    assert jitter(mend(given, LAYOUT, "strong")) < jitter(mend(given, LAYOUT, "light"))
    assert torch.equal(mend(given, LAYOUT, "off"), given)


def test_clean_tracks_hardly_change() -> None:
    for name in motion_names():
        truth = clean(name)
        away = (mend(truth, LAYOUT, "light") - truth)[..., :2].norm(dim=-1)
        assert away.mean() < 0.01 * HEIGHT, name


def test_sides_that_were_mistaken_are_put_right() -> None:
    truth = clean("walk")
    given = truth.clone()
    legs = [
        (BONES.joints.index(f"left_{j}"), BONES.joints.index(f"right_{j}"))
        for j in ("hip", "knee", "ankle")
    ]
    for frame in (9, 10, 40):
        for a, b in legs:
            given[frame, [a, b]] = given[frame, [b, a]]
    assert torch.equal(repair_swaps(given, BONES), truth)
    assert torch.equal(repair_swaps(truth, BONES), truth)


def test_gaps_are_filled_on_the_way_between_and_long_ones_are_not() -> None:
    track = torch.zeros(30, 1, 3)
    track[0, 0] = torch.tensor([0.0, 10.0, 1.0])
    track[4, 0] = torch.tensor([8.0, 30.0, 1.0])
    track[29, 0] = torch.tensor([9.0, 9.0, 1.0])
    filled = fill_gaps(track)
    assert filled[1:4, 0, 0].tolist() == [2.0, 4.0, 6.0]
    assert filled[1:4, 0, 1].tolist() == [15.0, 20.0, 25.0]
    assert torch.equal(filled[5:29], torch.zeros(24, 1, 3))


def test_what_is_missing_stays_missing_when_smoothed() -> None:
    given = noisy(clean())
    given[:, 4] = 0
    mended = mend(given, LAYOUT, "strong")
    assert torch.equal(mended[:, 4], torch.zeros(len(given), 3))


def test_a_loop_is_smoothed_over_its_ends() -> None:
    given = noisy(clean(times=1))
    whole = smooth(given, "light", loop=True)
    twice = smooth(given.repeat(3, 1, 1), "light")[len(given) : 2 * len(given)]
    assert torch.allclose(whole, twice, atol=1e-3)


def test_jitter_is_zero_for_straight_ways_and_for_nobody() -> None:
    steps = torch.arange(10.0)[:, None, None].expand(10, 18, 1)
    straight = torch.cat([steps, steps + torch.arange(18.0)[:, None], torch.ones(10, 18, 1)], -1)
    assert jitter(straight) == 0.0
    assert jitter(torch.zeros(10, 18, 3)) == 0.0
