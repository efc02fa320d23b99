"""What the kit feeds to components: seeded, smooth, and of any size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from posegen.core import Batch, ReferenceImages, ScoredBatch

Size = tuple[int, int]

#: A square, an upright and a lying size; odd where a component allows it.
SIZES: tuple[Size, ...] = ((64, 64), (96, 48), (57, 73))
#: Joints of the kit's own batches, and channels of their pose maps: those of `openpose18`.
JOINTS = 18


def randomness(seed: int) -> torch.Generator:
    """Return a generator of its own, so that the global one stays as it is."""
    return torch.Generator().manual_seed(seed)


def images(count: int, size: Size, seed: int = 0) -> Tensor:
    """Return smooth coloured images with a little noise: (count, 3, H, W) in [-1, 1]."""
    random = randomness(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=random)
    smooth = functional.interpolate(coarse, size, mode="bilinear", align_corners=True)
    noise = 0.1 * torch.rand(count, 3, *size, generator=random)
    return (1.8 * smooth + noise - 0.95).clamp(-1, 1)


def poses(count: int, channels: int, size: Size, seed: int = 0) -> Tensor:
    """Return maps with one spot per channel: (count, channels, H, W) in [0, 1]."""
    points = keypoints(count, channels, size, seed)
    x, y = points[..., 0, None, None], points[..., 1, None, None]
    rows = torch.arange(size[0])[:, None]
    columns = torch.arange(size[1])
    return torch.exp(((rows - y).square() + (columns - x).square()) / -18.0)


def keypoints(count: int, joints: int, size: Size, seed: int = 0) -> Tensor:
    """Return seen joints anywhere in the picture: (count, joints, 3)."""
    points = torch.rand(count, joints, 3, generator=randomness(seed))
    points[..., 0] *= size[1] - 1
    points[..., 1] *= size[0] - 1
    points[..., 2] = 1
    return points


def masks(count: int, size: Size) -> Tensor:
    """Return an upright ellipse in the middle: (count, 1, H, W) in {0, 1}."""
    rows = torch.linspace(-1, 1, size[0])[:, None]
    columns = torch.linspace(-1, 1, size[1])
    inside = (rows / 0.9).square() + (columns / 0.5).square() <= 1
    return inside.float().expand(count, 1, *size).clone()


def batch(count: int, size: Size, seed: int = 0, *, channels: int = JOINTS) -> Batch:
    """Return a batch as training has it, with masks."""
    return Batch(
        source=images(count, size, seed),
        target=images(count, size, seed + 1),
        source_keypoints=keypoints(count, JOINTS, size, seed),
        target_keypoints=keypoints(count, JOINTS, size, seed + 1),
        source_pose=poses(count, channels, size, seed),
        target_pose=poses(count, channels, size, seed + 1),
        source_mask=masks(count, size),
        target_mask=masks(count, size),
        source_names=[f"{seed}-{index}-a.png" for index in range(count)],
        target_names=[f"{seed}-{index}-b.png" for index in range(count)],
    )


def scored(count: int, size: Size, seed: int = 0, *, noise: float = 0.2) -> ScoredBatch:
    """Return finished pictures: targets, and the same with noise as generated ones."""
    target = images(count, size, seed)
    random = randomness(seed + 1)
    # Each image has a noise of its own strength, so that values differ, and are in no order.
    strength = noise * (0.5 + (torch.arange(count) * 3 % 7) / 7)[:, None, None, None]
    made = target + 2 * strength * torch.randn(target.shape, generator=random)
    return ScoredBatch(
        generated=eight_bits(made),
        target=eight_bits(target),
        source=eight_bits(images(count, size, seed + 2)),
        target_keypoints=keypoints(count, JOINTS, size, seed),
        target_mask=masks(count, size),
        source_names=[f"{seed}-{index}-a.png" for index in range(count)],
        target_names=[f"{seed}-{index}-b.png" for index in range(count)],
        total=count,
    )


def part(whole: ScoredBatch, start: int, stop: int) -> ScoredBatch:
    """Return the pairs from `start` to `stop` of a batch, as an evaluation gives them."""
    fields: dict[str, Any] = {
        key: value[start:stop] if isinstance(value, Tensor | list) else value
        for key, value in vars(whole).items()
        if not key.startswith("_")
    }
    return ScoredBatch(**{**fields, "first": whole.first + start})


def perfect(whole: ScoredBatch) -> ScoredBatch:
    """Return the batch with the targets themselves as generated pictures."""
    return replace(whole, generated=whole.target.clone())


def eight_bits(image: Tensor) -> Tensor:
    """Return images in [-1, 1] as uint8."""
    return ((image.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


class Reference(ReferenceImages):
    """The real images that scores of distributions are against: sixteen smooth ones."""

    def __init__(self, size: Size) -> None:
        self.digest = f"{size[0]:032x}{size[1]:032x}"
        self._images = eight_bits(images(16, size, seed=3))

    def __iter__(self) -> Iterator[Tensor]:
        """Yield two batches."""
        yield from (self._images[:8], self._images[8:])


def joints_of(layout: str) -> int:
    """Return how many joints a layout has: the number at the end of its name.

    Raises:
        ValueError: where there is none.
    """
    found = re.search(r"\d+$", layout)
    if not found:
        raise ValueError(f"the layout {layout!r} does not end with its number of joints")
    return int(found[0])


def differs(one: Tensor, other: Tensor, tolerance: float = 1e-3) -> bool:
    """Whether two results differ by more than rounding does."""
    scale = max(float(one.abs().max()), 1e-6)
    return float((one.float() - other.float()).abs().max()) > tolerance * scale
