"""Small exact vector algebra and lofted tubes, the one surface every body part is made of.

Everything is written as element-wise additions, products, quotients and square roots, which IEEE
arithmetic rounds the same way for every position of an element in a tensor. Matrix products,
reductions and transcendental functions are avoided on purpose: their last bit may depend on the
batch, and a picture must be the same bit for bit whatever batch it is rendered in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

#: Facets round every tube; a ring has SEGMENTS + 1 vertices, the last repeating the first.
SEGMENTS = 16


@cache
def constant(*values: float) -> Tensor:
    """A float32 vector of constants, made once."""
    return torch.tensor(values, dtype=torch.float32)


def rows(like: Tensor, *values: float) -> Tensor:
    """The same constants for everybody: (B, K), for like (B, ...)."""
    return constant(*values).expand(len(like), -1)


@cache
def _circle(power: float) -> tuple[Tensor, Tensor, Tensor]:
    """Side and front coordinates of a unit superellipse from back to back, and front >= 0."""
    side, front = [], []
    for step in range(SEGMENTS + 1):
        angle = 2 * math.pi * (step % SEGMENTS) / SEGMENTS - math.pi / 2
        c, s = math.cos(angle), math.sin(angle)
        side.append(math.copysign(abs(c) ** power, c))
        front.append(math.copysign(abs(s) ** power, s))
    x, z = constant(*side), constant(*front)
    return x, z, z >= 0


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Scalar product over the last dimension of size 3, kept as size 1."""
    p = a * b
    return p[..., 0:1] + p[..., 1:2] + p[..., 2:3]


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Vector product over the last dimension of size 3 (broadcasting)."""
    ax, ay, az = a.unbind(-1)
    bx, by, bz = b.unbind(-1)
    return torch.stack((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx), -1)


def normalise(a: Tensor) -> Tensor:
    """Unit vectors over the last dimension; the zero vector stays zero."""
    return a / (dot(a, a).sqrt() + 1e-12)


def rotate(frame: Tensor, vector: Tensor) -> Tensor:
    """frame (..., 3, 3) times vector (..., 3), or times the columns of a matrix (..., 3, 3)."""
    if vector.dim() == frame.dim():
        columns = [rotate(frame, vector[..., i]) for i in range(3)]
        return torch.stack(columns, -1)
    x, y, z = (vector[..., i : i + 1] for i in range(3))
    return frame[..., 0] * x + frame[..., 1] * y + frame[..., 2] * z


def smoothstep(x: Tensor, low: float | Tensor, high: float | Tensor) -> Tensor:
    """0 below low, 1 above high, cubic between (low > high gives the falling step)."""
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def wave(x: Tensor) -> Tensor:
    """A sine-like parabolic wave of period 1 and range [-1, 1], exactly rounded."""
    g = (x - x.floor()) * 2 - 1
    return 4 * g * (g.abs() - 1)


def interpolate(x: Tensor, knots: Sequence[float], values: Sequence[float]) -> Tensor:
    """Piecewise linear function through (knots, values), constant outside; knots increase."""
    result = torch.full_like(x, values[0])
    for low, high, a, b in zip(knots, knots[1:], values, values[1:], strict=False):
        if a != b:
            result = result + (x - low).clamp(0, high - low) * ((b - a) / (high - low))
    return result


def tube(
    centre: Tensor,
    side: Tensor,
    front: Tensor,
    half_width: Tensor,
    half_front: Tensor,
    half_back: Tensor | None = None,
    *,
    along: Tensor,
    power: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Loft a tube through K elliptic rings.

    centre (B, K, 3); side, front (B, K or 1, 3), unit, with side x front pointing the way the
    rings advance, so that normals point outwards; half_width, half_front, half_back (B, K) in
    metres; along (B, K): the ring's coordinate on the unposed part, in metres. power < 1 squares
    the ellipse. Returns vertices (B, K, S + 1, 3) and local coordinates (B, K, S + 1, 3): side,
    along, front, in metres.
    """
    half_back = half_front if half_back is None else half_back
    cx, cz, ahead = _circle(power)
    x = half_width[..., None] * cx
    z = torch.where(ahead, half_front[..., None], half_back[..., None]) * cz
    position = (
        centre[:, :, None] + side[:, :, None] * x[..., None] + front[:, :, None] * z[..., None]
    )
    return position, torch.stack((x, along[..., None].expand_as(x), z), -1)


def vertex_normals(grid: Tensor) -> Tensor:
    """Smooth outward unit normals of one tube's vertices (B, K, S + 1, 3)."""
    ring = grid[:, :, :-1]
    around = torch.roll(ring, -1, 2) - torch.roll(ring, 1, 2)
    around = torch.cat((around, around[:, :, :1]), 2)
    along = torch.cat((grid[:, 1:], grid[:, -1:]), 1) - torch.cat((grid[:, :1], grid[:, :-1]), 1)
    return normalise(cross(around, along))
