"""Head, ears, nose, hair and hats. Lengths are in half head heights unless said otherwise."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from posegen_people.body import Part
from posegen_people.bones import Bones, People
from posegen_people.geometry import constant, interpolate, rotate, rows, smoothstep, tube

# Head cross sections from crown to chin: height, half width, middle and half depth.
_SECTIONS = (
    (1.0, 0.01, -0.06, 0.01),
    (0.985, 0.16, -0.06, 0.20),
    (0.93, 0.33, -0.06, 0.44),
    (0.83, 0.48, -0.05, 0.65),
    (0.7, 0.58, -0.045, 0.78),
    (0.55, 0.64, -0.04, 0.86),
    (0.4, 0.665, -0.03, 0.89),
    (0.25, 0.67, -0.02, 0.89),
    (0.1, 0.665, 0.0, 0.875),
    (-0.05, 0.65, 0.01, 0.85),
    (-0.2, 0.63, 0.04, 0.81),
    (-0.35, 0.60, 0.08, 0.77),
    (-0.5, 0.555, 0.13, 0.71),
    (-0.65, 0.49, 0.20, 0.625),
    (-0.8, 0.40, 0.28, 0.52),
    (-0.92, 0.29, 0.36, 0.39),
    (-1.0, 0.15, 0.43, 0.20),
    (-1.02, 0.01, 0.44, 0.01),
)


class Hairstyle(Protocol):
    """Named numbers of people or of samples."""

    def __getitem__(self, name: str, /) -> Tensor: ...


def hairline(style: Hairstyle, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Height above the hairline (negative: skin) of points x, y, z of heads, half head heights.

    style's numbers are (B,) for points (B, ...).
    """
    front, temple, nape, parting = (
        style[key].reshape(-1, *(1,) * (x.dim() - 1))
        for key in ("front", "temple", "nape", "parting")
    )
    ahead = z / (x * x + z * z + 1e-6).sqrt()
    to_temple = smoothstep(ahead, 0.80, 0.30)
    to_nape = smoothstep(ahead, 0.10, -0.45)
    line = front + parting * x * (1 - to_temple)
    line = line + (temple - line) * to_temple
    return y - (line + (nape - line) * to_nape)


def _sphere(bones: Bones, name: str, centre: Tensor, radii: tuple[Tensor, Tensor, Tensor]) -> Part:
    """An ellipsoid turned like the head; centre (B, 3), radii side, up, front (B,), metres."""
    s = rows(centre, 1.0, 0.97, 0.8, 0.45, 0.0, -0.45, -0.8, -0.97, -1.0)
    frame = bones.frames["head"]
    around = (1 - s * s).clamp(min=0.0004).sqrt()
    middle = centre[:, None] + frame[:, None, :, 1] * (s * radii[1][:, None])[..., None]
    surface = tube(
        middle,
        frame[:, None, :, 0],
        frame[:, None, :, 2],
        around * radii[0][:, None],
        around * radii[2][:, None],
        along=s,
    )
    return Part(name, *surface)


def _at(person: People, bones: Bones, x: float, y: float, z: float) -> Tensor:
    offset = constant(x, y, z) * person["head"][:, None]
    return bones.joints["head"] + rotate(bones.frames["head"], offset)


def _skull(person: People, bones: Bones) -> Part:
    """The head, swollen by the hair above the hairline; local coordinates in half head heights."""
    half, frame = person["head"][:, None], bones.frames["head"]
    y, width, middle, depth = (rows(half, *column) for column in zip(*_SECTIONS, strict=True))
    width = width * (1 - 0.05 * person["female"][:, None])
    zero = torch.zeros_like(y)
    position, local = tube(
        torch.stack((zero, y, middle), -1),
        constant(1.0, 0.0, 0.0).expand(1, 1, 3),
        constant(0.0, 0.0, 1.0).expand(1, 1, 3),
        width,
        depth,
        along=y,
        power=0.94,
    )
    x, z = position[..., 0], position[..., 2]
    local = torch.stack((x, y[..., None].expand_as(x), z), -1)
    hair = smoothstep(hairline(person, x, local[..., 1], z), -0.02, 0.16)
    thick = (person["thick"] * (1 - 0.6 * (person["hat"] > 0)))[:, None, None] * hair
    swollen = local * (1 + 1.1 * thick[..., None])
    world = bones.joints["head"][:, None, None] + rotate(
        frame[:, None, None], swollen * half[..., None, None]
    )
    return Part("head", world, local)


def _hanging_hair(person: People, bones: Bones) -> Part:
    """Hair falling from the back of the head over the neck and down the back."""
    spine, half = bones.frames["spine"], person["head"]
    fall = person["fall"]
    start = _at(person, bones, 0.0, 0.25, -0.42)
    middle = _at(person, bones, 0.0, -0.9, -0.52)
    back = person["trunk"] * 0.122 + 1.6 * person["ease"]
    drop = (0.10 + 0.28 * fall - 0.12) * person["torso"] / 0.5
    low = bones.joints["neck"] - spine[..., 1] * drop[:, None] - spine[..., 2] * back[:, None]
    share = smoothstep(fall, 0.1, 0.6)[:, None]
    end = middle + (low - middle) * share
    s = rows(half, 0.0, 0.04, 0.15, 0.3, 0.45, 0.6, 0.75, 0.88, 0.97, 1.0)
    a, b = (1 - s) * (1 - s), s * s
    control = middle[:, None] * 2 - (start + end)[:, None] * 0.5
    centre = start[:, None] * a[..., None] + end[:, None] * b[..., None]
    centre = centre + control * (2 * s * (1 - s))[..., None]
    present = (fall > 0).to(half.dtype)[:, None]
    wide = interpolate(s, (0.0, 0.05, 0.25, 0.8, 0.97, 1.0), (0.05, 0.45, 0.72, 0.80, 0.62, 0.02))
    deep = interpolate(s, (0.0, 0.05, 0.25, 0.8, 0.97, 1.0), (0.02, 0.36, 0.50, 0.28, 0.16, 0.01))
    scale = half[:, None] * present
    head = bones.frames["head"][:, None]
    return Part(
        "lock",
        *tube(
            centre, head[..., 0], head[..., 2], wide * scale, deep * scale, along=s * half[:, None]
        ),
    )


def _tail(person: People, bones: Bones) -> Part:
    """A ponytail: out from the back of the head, then down."""
    half, spine = person["head"], bones.frames["spine"]
    start = _at(person, bones, 0.0, 0.42, -0.85)
    out = _at(person, bones, 0.0, 0.45, -1.75)
    end = bones.joints["neck"] - spine[..., 1] * (0.10 * person["scale"])[:, None]
    end = end - spine[..., 2] * (0.15 * person["trunk"])[:, None]
    s = rows(half, 0.0, 0.06, 0.2, 0.35, 0.5, 0.65, 0.8, 0.93, 1.0)
    centre = start[:, None] * ((1 - s) * (1 - s))[..., None] + end[:, None] * (s * s)[..., None]
    centre = centre + out[:, None] * (2 * s * (1 - s))[..., None]
    knots = (0.0, 0.06, 0.15, 0.35, 0.7, 0.93, 1.0)
    radius = interpolate(s, knots, (0.02, 0.20, 0.15, 0.30, 0.26, 0.13, 0.01))
    radius = radius * (half * person["tail"])[:, None]
    head = bones.frames["head"][:, None]
    return Part(
        "lock", *tube(centre, head[..., 0], head[..., 2], radius, radius, along=s * half[:, None])
    )


def _hat(person: People, bones: Bones) -> list[Part]:
    """A cap (hat 1, with a peak) or a knitted hat (hat 2)."""
    half = person["head"][:, None]
    worn = (person["hat"] > 0).to(half.dtype)[:, None]
    knitted = (person["hat"] > 1.5).to(half.dtype)[:, None]
    low = 0.40 - 0.14 * knitted
    s = rows(half, 0.0, 0.03, 0.12, 0.28, 0.48, 0.7, 0.9, 0.99, 1.0)
    top = 1.12 + 0.10 * knitted
    y = top + (low - top) * s
    round_off = (1 - (1 - s) * (1 - s) * (1 - s) * (1 - s)).clamp(min=0).sqrt()
    swell = (1.10 + 0.05 * knitted) * worn * round_off * (1 - smoothstep(s, 0.985, 1.0) * 0.12)
    head = bones.frames["head"][:, None]
    centre = bones.joints["head"][:, None] + head[..., 1] * (y * half)[..., None]
    centre = centre - head[..., 2] * (0.03 * half)[..., None]
    sides = (head[..., 0], head[..., 2])
    crown = tube(
        centre, *sides, 0.70 * swell * half, 0.93 * swell * half, along=(y - low) * half, power=0.94
    )
    s = rows(half, 0.0, 0.02, 0.3, 0.6, 0.85, 0.97, 1.0)
    peak = worn * (1 - knitted)
    centre = bones.joints["head"][:, None] + head[..., 2] * ((0.55 + 0.95 * s) * half)[..., None]
    centre = centre + head[..., 1] * ((0.46 - 0.16 * s * s) * half)[..., None]
    wide = interpolate(s, (0.0, 0.3, 0.6, 0.85, 1.0), (0.70, 0.68, 0.58, 0.40, 0.02)) * half * peak
    thin = interpolate(s, (0.0, 0.02, 0.97, 1.0), (0.01, 0.04, 0.03, 0.01)) * half * peak
    brim = tube(centre, head[..., 0], head[..., 1], wide, thin, along=s * half, power=0.8)
    return [Part("hat", *crown), Part("brim", *brim)]


def head_parts(person: People, bones: Bones) -> list[Part]:
    """Head with hair, nose, ears, hanging hair, ponytail, bun, hat; what is absent has no size."""
    half = person["head"]
    parts = [_skull(person, bones)]
    nose = _at(person, bones, 0.0, -0.20, 0.84)
    parts.append(_sphere(bones, "nose", nose, (half * 0.105, half * 0.21, half * 0.17)))
    for x in (-0.66, 0.66):
        ear = _at(person, bones, x, -0.06, -0.06)
        size = half * (person["temple"] > -0.5)
        parts.append(_sphere(bones, "ear", ear, (size * 0.07, size * 0.21, size * 0.13)))
    parts += [_hanging_hair(person, bones), _tail(person, bones)]
    bun, size = _at(person, bones, 0.0, 0.72, -0.78), half * person["bun"]
    parts.append(_sphere(bones, "lock", bun, (size * 0.36, size * 0.33, size * 0.33)))
    return parts + _hat(person, bones)
