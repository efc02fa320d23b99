"""One mesh of all parts of a batch of people; its triangles are the same for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from posegen.data.people.body import Part
from posegen.data.people.geometry import SEGMENTS, dot, vertex_normals
from posegen.data.people.paint import PARTS

__all__ = ["Mesh", "join_parts", "topology"]


@dataclass(frozen=True)
class Mesh:
    """vertices, normals, local coordinates (B, V, 3); around (V,): turn in [0, 1] round the part;
    triangles (T, 3); kinds (T,): the triangles' part numbers, into PARTS.
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
        *topology(names, rings, pelvis.device),
    )


@cache
def topology(
    names: tuple[str, ...], rings: tuple[int, ...], device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
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
    return around.to(device), torch.cat(triangles).to(device), torch.tensor(kinds, device=device)
