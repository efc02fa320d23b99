"""A batched triangle rasteriser: every covered sample finds its nearest triangle.

Triangles are small, so each one visits the samples of its bounding box; all visits of all
triangles and images form one flat list. The nearest wins by an integer minimum over (depth,
triangle), which does not depend on the order of the visits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Hits", "rasterise"]

_EMPTY = torch.iinfo(torch.int64).max
_TRIANGLE_BITS = 20
_DEPTH_STEPS = float(2**30)
_SLACK = 1e-3


@dataclass(frozen=True)
class Hits:
    """N covered samples: flat sample index (N,) into (B, H, W), triangle (N,), weights (N, 3) of
    the triangle's corners, and the depth buffer (B, H, W), 0 nearest to 1 farthest, 2 if empty.
    """

    sample: Tensor
    triangle: Tensor
    weights: Tensor
    depth: Tensor


def _nearest(points: Tensor, triangles: Tensor, height: int, width: int) -> Tensor:
    """Keys (B * height * width,) of the nearest front-facing triangles: depth, then triangle."""
    planes = points.permute(2, 0, 1).contiguous()
    first, second, third = (
        planes.index_select(2, corner).flatten(1) for corner in triangles.T.contiguous()
    )  # (3, B T) each
    (x0, y0, _), (x1, y1, _), (x2, y2, _) = first, second, third
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    x_low = torch.minimum(torch.minimum(x0, x1), x2).ceil().clamp(min=0)
    x_high = torch.maximum(torch.maximum(x0, x1), x2).floor().clamp(max=width - 1)
    y_low = torch.minimum(torch.minimum(y0, y1), y2).ceil().clamp(min=0)
    y_high = torch.maximum(torch.maximum(y0, y1), y2).floor().clamp(max=height - 1)
    columns, rows = x_high - x_low + 1, y_high - y_low + 1
    kept = ((area < -1e-9) & (columns > 0) & (rows > 0)).nonzero()[:, 0]
    (x0, y0, z), (x1, y1, z1), (x2, y2, z2) = (
        corner.index_select(1, kept) for corner in (first, second, third)
    )
    area, x_low, y_low, columns, rows = (
        v.index_select(0, kept) for v in (area, x_low, y_low, columns, rows)
    )

    # Weights of corners 1 and 2 and the depth are linear in the position inside the box.
    w1_x, w1_y = (y2 - y0) / area, (x0 - x2) / area
    w2_x, w2_y = (y0 - y1) / area, (x1 - x0) / area
    x0, y0 = x0 - x_low, y0 - y_low
    w1, w2 = -(w1_x * x0 + w1_y * y0), -(w2_x * x0 + w2_y * y0)
    z1, z2 = z1 - z, z2 - z
    image = kept // len(triangles)
    base = (image * height + y_low.long()) * width + x_low.long()
    linear = torch.stack((w1, w1_x, w1_y, w2, w2_x, w2_y, z, z1, z2, columns, 1 / columns))
    count = (columns * rows).long()
    visit = torch.repeat_interleave(torch.arange(len(kept), device=kept.device), count)
    step = torch.arange(len(visit), device=visit.device) - (count.cumsum(0) - count)[visit]
    w1, w1_x, w1_y, w2, w2_x, w2_y, z, z1, z2, columns, inverse = linear.index_select(1, visit)
    down = ((step.float() + 0.5) * inverse).floor()
    right = step.float() - down * columns
    w1 = w1 + w1_x * right + w1_y * down
    w2 = w2 + w2_x * right + w2_y * down
    inside = ((w1 >= -_SLACK) & (w2 >= -_SLACK) & (w1 + w2 <= 1 + _SLACK)).nonzero()[:, 0]
    z = (z + z1 * w1 + z2 * w2)[inside]
    visit, down, right = visit[inside], down[inside], right[inside]
    depth = (z.clamp(0, 1) * _DEPTH_STEPS).long()
    key = (depth << _TRIANGLE_BITS) | (kept % len(triangles))[visit]
    keys = torch.full((points.shape[0] * height * width,), _EMPTY, device=points.device)
    index = base[visit] + down.long() * width + right.long()
    return keys.scatter_reduce_(0, index, key, "amin")


def rasterise(points: Tensor, triangles: Tensor, height: int, width: int) -> Hits:
    """Rasterise batches of one mesh.

    points (B, V, 3): x right and y down in samples (centres at integers) and a depth in [0, 1]
    that is linear on the screen, smaller nearer; triangles (T, 3) vertex indices, T < 2**20,
    counter-clockwise as seen from outside (y up); back faces are dropped.
    """
    keys = _nearest(points, triangles, height, width)
    sample = (keys != _EMPTY).nonzero()[:, 0]
    key = keys[sample]
    triangle = key & ((1 << _TRIANGLE_BITS) - 1)
    depth = (keys >> _TRIANGLE_BITS).to(torch.float32) / _DEPTH_STEPS
    depth = torch.where(keys == _EMPTY, 2.0, depth).reshape(-1, height, width)
    image = sample // (height * width)
    place = sample % (height * width)
    corner = points.flatten(0, 1)[triangles[triangle] + (image * points.shape[1])[:, None]]
    x = corner[..., 0] - (place % width)[:, None]
    y = corner[..., 1] - (place // width)[:, None]
    weights = x.roll(-1, 1) * y.roll(-2, 1) - x.roll(-2, 1) * y.roll(-1, 1)
    weights = weights / (weights[:, :1] + weights[:, 1:2] + weights[:, 2:])
    return Hits(sample, triangle, weights.clamp(0, 1), depth)
