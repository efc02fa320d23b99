"""Windows that slide over pictures, for SSIM: plain tensor operations in float64.

Each window is separable, so one axis is filtered at a time, and only where the window lies within
the tensor. A convolution would do the same, but in float64 it costs a CPU several times as much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def gaussian(sigma: float, radius: int) -> list[float]:
    """Return the 2·radius + 1 weights exp(-x²/(2σ²)) at whole x, scaled to a sum of 1."""
    weights = [math.exp(-0.5 * (x / sigma) ** 2) for x in range(-radius, radius + 1)]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def weighted_sums(maps: Tensor, weights: Sequence[float], dim: int, out: Tensor) -> Tensor:
    """Write the weighted sums of each len(weights) neighbours along `dim` to `out`, and return it.

    Args:
        maps: float64.
        weights: an odd number of them.
        dim: the axis.
        out: as `maps`, and len(weights) - 1 shorter along `dim`.
    """
    centre, size = len(weights) // 2, out.shape[dim]
    torch.mul(maps.narrow(dim, centre, size), weights[centre], out=out)
    for start, weight in enumerate(weights):
        if start != centre:
            out.add_(maps.narrow(dim, start, size), alpha=weight)
    return out


def running_sums(maps: Tensor, taps: int, dim: int, out: Tensor) -> Tensor:
    """Write the sums of each `taps` neighbours along `dim` to `out`, and return it.

    The cost does not grow with `taps`. Exact where `maps` holds whole numbers.

    Args:
        maps: float64; overwritten.
        taps: how many neighbours.
        dim: the axis.
        out: as `maps`, and taps - 1 shorter along `dim`.
    """
    totals, size = maps.cumsum_(dim), out.shape[dim]
    out.copy_(totals.narrow(dim, taps - 1, size))
    out.narrow(dim, 1, size - 1).sub_(totals.narrow(dim, 0, size - 1))
    return out


def widened(images: Tensor, margin: int) -> Tensor:
    """Return images with `margin` more pixels at each edge, or with -margin fewer.

    What is added is the mirror image (d c b a | a b c d | d c b a), scipy's mode "reflect".

    Args:
        images: (…, H, W).
        margin: at most H and W, and more than half of -H and of -W.
    """
    for dim in (-2, -1):
        size = images.shape[dim]
        places = torch.arange(-margin, size + margin, device=images.device)
        places = torch.where(places < 0, -1 - places, places)
        places = torch.where(places >= size, 2 * size - 1 - places, places)
        images = images.index_select(dim, places)
    return images
