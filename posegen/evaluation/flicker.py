"""How much a clip flickers: what changes from frame to frame beyond the pose's own change.

Frame n is moved as the skeleton moves, and compared with frame n + 1. A pixel near a limb is looked
up at the same place of that limb in the frame before; one that is far from all limbs in both
frames, where it is. What is between, such as a wide skirt, and what a limb uncovers, is left out.
So neither a person who moves nor one who stands still flickers, and texture that swims on them, or
a background that shimmers, does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from posegen.core.skeletons import Skeleton
from posegen.inference.grids import as_tensor

#: Up to which distance from a limb's line a pixel belongs to it, and from which on to the
#: background, as shares of the person's extent.
_NEAR, _FAR = 0.05, 0.15
#: Limbs that are shorter in pixels have no direction.
_SHORTEST = 1.0


@dataclass(frozen=True)
class Flicker:
    """Mean absolute differences, pixels in [0, 1]; None where there were no pixels to compare.

    Attributes:
        person: near the skeleton.
        background: everywhere else.
    """

    person: float | None
    background: float | None


class FlickerMeter:
    """Measures a clip while its frames pass.

    Args:
        track: (F, K, 3), each frame's pose in its pixels.
        skeleton: of the track.
    """

    def __init__(self, track: Tensor, skeleton: Skeleton) -> None:
        self.track, self.limbs = track.cpu().float(), skeleton.limbs
        self._sums = torch.zeros(2, 2, dtype=torch.float64)  # of the person, the background; counts

    def watch(self, frames: Iterator[Image.Image]) -> Iterator[Image.Image]:
        """Yield the frames of the clip, whose number is that of the track, as they are."""
        before: Tensor | None = None
        for number, frame in enumerate(frames):
            now = as_tensor(frame).float() / 255
            if before is not None:
                self._compare(before, now, self.track[number - 1], self.track[number])
            before = now
            yield frame

    @property
    def result(self) -> Flicker:
        """What was measured so far."""
        means = [float(total / count) if count else None for total, count in self._sums]
        return Flicker(*means)

    def _compare(self, before: Tensor, now: Tensor, old: Tensor, new: Tensor) -> None:
        """Add the differences of two frames (3, H, W) with their poses (K, 3)."""
        height, width = now.shape[1:]
        rows, columns = torch.meshgrid(
            torch.arange(height).float(), torch.arange(width).float(), indexing="ij"
        )
        here = torch.stack([columns, rows], dim=-1)  # (H, W, 2): x, y
        there, away = carried(here, old, new, self.limbs)
        was_away = carried(here, new, old, self.limbs)[1]
        near, clear = away <= _NEAR, (away > _FAR) & (was_away > _FAR)
        there = torch.where(near[..., None], there, here)
        grid = 2 * there / torch.tensor([max(width - 1, 1), max(height - 1, 1)]) - 1
        moved = functional.grid_sample(
            before[None], grid[None], align_corners=True, padding_mode="border"
        )[0]
        difference = (now - moved).abs().mean(dim=0)
        for place, mask in enumerate((near, clear)):
            self._sums[place] += torch.tensor(
                [float(difference[mask].double().sum()), float(mask.sum())], dtype=torch.float64
            )


def carried(
    here: Tensor, old: Tensor, new: Tensor, limbs: tuple[tuple[int, int], ...]
) -> tuple[Tensor, Tensor]:
    """Return where each place was before, by the limb that is nearest to it now.

    Args:
        here: (H, W, 2), x and y.
        old, new: (K, 3), the poses before and now.
        limbs: pairs of joints.

    Returns:
        (H, W, 2), and (H, W), how far away the limb is, as a share of the person's extent; infinite
        where no limb is known in both poses.
    """
    seen = new[new[:, 2] > 0, :2]
    extent = max(float((seen.amax(0) - seen.amin(0)).max()) if len(seen) else 0.0, _SHORTEST)
    nearest, there = torch.full(here.shape[:2], torch.inf), here
    for limb in limbs:
        (a, b), (c, d) = new[list(limb), :2], old[list(limb), :2]
        length, before = (b - a).norm(), (d - c).norm()
        known = bool((new[list(limb), 2] > 0).all() and (old[list(limb), 2] > 0).all())
        if not known or min(length, before) < _SHORTEST:
            continue
        along, was = (b - a) / length, (d - c) / before
        across, sideways = torch.stack([-along[1], along[0]]), torch.stack([-was[1], was[0]])
        u, v = (here - a) @ along, (here - a) @ across
        distance = torch.hypot(v, u - u.clamp(torch.zeros(()), length)) / extent
        place = c + (u * before / length)[..., None] * was + v[..., None] * sideways
        closer = distance < nearest
        nearest = torch.where(closer, distance, nearest)
        there = torch.where(closer[..., None], place, there)
    return there, nearest
