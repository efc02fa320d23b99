"""Mending of detected tracks: swapped sides, gaps, jitter.

A track is (F, K, 3): x, y in pixels and visibility by frame; a missing joint is all zeros.
"""

from __future__ import annotations

import itertools
from typing import Literal

import torch
from torch import Tensor

from posegen.core.skeletons import Skeleton, skeleton

Strength = Literal["off", "light", "strong"]

#: Frames of the window and order of the polynomial (Savitzky and Golay, *Smoothing and
#: Differentiation of Data by Simplified Least Squares Procedures*, 1964).
_WINDOWS: dict[Strength, tuple[int, int]] = {"light": (7, 2), "strong": (13, 2)}
#: Joints that change sides together when a detector mistakes the sides.
_GROUPS = (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"), ("eye", "ear"))
#: Sides are swapped back where that makes the step from the frame before so much smaller.
_SWAPPED = 0.5
#: The longest gap that is filled, in frames.
LONGEST_GAP = 12


def mend(track: Tensor, layout: str, strength: Strength = "light", *, loop: bool = False) -> Tensor:
    """Put swapped sides right, fill gaps and smooth; `off` leaves the track as it is.

    Args:
        track: (F, K, 3).
        layout: name of its skeleton.
        strength: how much is smoothed.
        loop: whether the first frame follows the last.
    """
    if strength == "off":
        return track
    track = fill_gaps(repair_swaps(track, skeleton(layout)))
    return smooth(track, strength, loop=loop)


def repair_swaps(track: Tensor, bones: Skeleton) -> Tensor:
    """Return the track with arms, legs and faces whose sides were mistaken put right.

    The first frame in which both sides of a limb are seen is believed.
    """
    track = track.clone()
    for group in _GROUPS:
        pairs = [(a, b) for a, b in bones.mirrored if bones.joints[a].partition("_")[2] in group]
        if not pairs:
            continue
        one, other = (torch.tensor(side) for side in zip(*pairs, strict=True))
        last: Tensor | None = None
        for frame in track:
            seen = (frame[one, 2] > 0) & (frame[other, 2] > 0)
            if not seen.any():
                continue
            if last is not None:
                kept = (frame[one] - last[one])[seen, :2].norm(dim=-1).sum()
                kept = kept + (frame[other] - last[other])[seen, :2].norm(dim=-1).sum()
                crossed = (frame[one] - last[other])[seen, :2].norm(dim=-1).sum()
                crossed = crossed + (frame[other] - last[one])[seen, :2].norm(dim=-1).sum()
                if crossed < _SWAPPED * kept:
                    frame[torch.cat([one, other])] = frame[torch.cat([other, one])]
            known = frame[:, 2:] > 0
            last = frame.clone() if last is None else torch.where(known, frame, last)
    return track


def fill_gaps(track: Tensor, longest: int = LONGEST_GAP) -> Tensor:
    """Return the track with joints that are missing for a while put on the way between.

    Gaps of more than `longest` frames stay, and so do those at the beginning and the end.
    """
    track = track.clone()
    for joint in range(track.shape[1]):
        seen = (track[:, joint, 2] > 0).nonzero()[:, 0].tolist()
        for before, after in itertools.pairwise(seen):
            if 1 < after - before <= longest + 1:
                share = torch.linspace(0, 1, after - before + 1)[1:-1, None]
                ends = track[before, joint], track[after, joint]
                track[before + 1 : after, joint] = torch.lerp(*ends, share)
    return track


def smooth(track: Tensor, strength: Strength, *, loop: bool = False) -> Tensor:
    """Return the track with each joint's way smoothed, wherever it is seen long enough."""
    if strength == "off":
        return track
    # Here, because it takes a second, and every model that is loaded imports this module.
    from scipy.signal import savgol_filter

    window, order = _WINDOWS[strength]
    track = track.clone()
    for joint in range(track.shape[1]):
        for start, stop in _runs(track[:, joint, 2] > 0):
            if stop - start >= window:
                way = track[start:stop, joint, :2].double().numpy()
                whole = loop and stop - start == len(track)
                mode = "wrap" if whole else "interp"
                smoothed = savgol_filter(way, window, order, axis=0, mode=mode)
                track[start:stop, joint, :2] = torch.from_numpy(smoothed).to(track.dtype)
    return track


def _runs(seen: Tensor) -> list[tuple[int, int]]:
    """Return where it is true without a break: first, and one past the last."""
    edges = (
        torch.diff(
            seen.int(),
            prepend=torch.zeros(1, dtype=torch.int32),
            append=torch.zeros(1, dtype=torch.int32),
        )
        .nonzero()[:, 0]
        .tolist()
    )
    return list(zip(edges[::2], edges[1::2], strict=True))


def jitter(track: Tensor) -> float:
    """Return how much a track trembles: the mean size of the joints' second differences.

    As a share of the height of the people (the median over the frames of the joints' extent);
    over all joints that are seen in three frames running. 0 where there are none.
    """
    seen = track[..., 2] > 0
    whole = seen[2:] & seen[1:-1] & seen[:-2]
    if not whole.any():
        return 0.0
    bend = track[2:, :, :2] - 2 * track[1:-1, :, :2] + track[:-2, :, :2]
    y = track[..., 1]
    low = y.masked_fill(~seen, -torch.inf).amax(1)
    high = y.masked_fill(~seen, torch.inf).amin(1)
    height = (low - high)[seen.any(1)].median().clamp(min=1e-6)
    return float(bend.norm(dim=-1)[whole].mean() / height)
