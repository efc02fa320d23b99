"""All parts of a batch of people as one mesh, and which of its triangles each sample sees.

Triangles are small, so each one visits the samples of its bounding box; all visits of all
triangles and images form one flat list. The nearest wins by an integer minimum over (depth,
triangle), which does not depend on the order of the visits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from posegen_people.body import Part
from posegen_people.geometry import SEGMENTS, dot, vertex_normals
from posegen_people.paint import PARTS

_EMPTY = torch.iinfo(torch.int64).max
_TRIANGLE_BITS = 20
_DEPTH_STEPS = float(2**30)
_SLACK = 1e-3


@dataclass(frozen=True)
class Mesh:
    """The surface of B people.

    Attributes:
        vertices, normals, local: (B, V, 3); local as the parts define it.
        around: (V,), turn in [0, 1] round the part.
        triangles: (T, 3), the same for everybody.
        kinds: (T,), part numbers, into `PARTS`.
    """

    vertices: Tensor
    normals: Tensor
    local: Tensor
    around: Tensor
    triangles: Tensor
    kinds: Tensor


def join_parts(parts: Sequence[Part], pelvis: Tensor) -> Mesh:
    """Join the parts; a part of no size hides inside the pelvis."""
    vertices = []
    for part in parts:
        grid, middle = part.vertices, part.vertices.shape[1] // 2
        gap = grid[:, middle, 0] - grid[:, middle, SEGMENTS // 2]
        worn = (dot(gap, gap) > 1e-6)[:, None, None]
        vertices.append(torch.where(worn, grid, pelvis[:, None, None]))
    names = tuple(part.name for part in parts)
    rings = tuple(part.local.shape[1] for part in parts)
    return Mesh(
        torch.cat([v.flatten(1, 2) for v in vertices], 1),
        torch.cat([vertex_normals(v).flatten(1, 2) for v in vertices], 1),
        torch.cat([part.local.flatten(1, 2) for part in parts], 1),
        *_topology(names, rings),
    )


@cache
def _topology(names: tuple[str, ...], rings: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Turn (V,), triangles (T, 3) and kinds (T,) of a Mesh."""
    triangles, kinds, start = [], [], 0
    row = SEGMENTS + 1
    for name, count in zip(names, rings, strict=True):
        ring, step = torch.meshgrid(torch.arange(count - 1), torch.arange(SEGMENTS), indexing="ij")
        a = (start + ring * row + step).flatten()
        triangles.append(torch.stack((a, a + 1, a + row), 1))
        triangles.append(torch.stack((a + 1, a + row + 1, a + row), 1))
        kinds += [PARTS.index(name)] * (2 * len(a))
        start += count * row
    around = torch.arange(row).repeat(sum(rings)) / SEGMENTS
    return around, torch.cat(triangles), torch.tensor(kinds)


@dataclass(frozen=True)
class Hits:
    """What N covered samples see.

    Attributes:
        sample: (N,), flat index into (B, H, W).
        triangle: (N,), and weights (N, 3) of its corners.
        depth: (B, H, W), 0 nearest to 1 farthest, 2 where nothing is.
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
    visit = torch.repeat_interleave(torch.arange(len(kept)), count)
    step = torch.arange(len(visit)) - (count.cumsum(0) - count)[visit]
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
    keys = torch.full((points.shape[0] * height * width,), _EMPTY)
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
