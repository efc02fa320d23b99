"""The person's surface: bones and build to tubes for torso, limbs, hands, feet and head.

Lengths in the tables are metres of an adult of 1.75 m (scaled by the build), heights on the torso
are fractions of its length above the hips, and limb coordinates run from 0 at shoulder or hip over
1 at elbow or knee to 2 at wrist or ankle.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from posegen_people.bones import SIDES, Bones, People
from posegen_people.geometry import constant, interpolate, normalise, rows, smoothstep, tube

#: A limb's joints at 0, 1 and 2, and how far about the middle one the bend is rounded.
Limb = tuple[tuple[str, str, str], float]
ARM: Limb = (("shoulder", "elbow", "wrist"), 0.16)
LEG: Limb = (("hip", "knee", "ankle"), 0.13)

# Torso cross sections: height, half width and half depths front and back, man then woman.
_HEIGHT = (-0.22, -0.14, 0.0, 0.18, 0.40, 0.62, 0.80, 0.92, 1.0, 1.06, 1.10, 1.15)
_WIDTH_M = (0.085, 0.140, 0.165, 0.160, 0.148, 0.160, 0.178, 0.192, 0.200, 0.172, 0.110, 0.062)
_WIDTH_F = (0.085, 0.150, 0.176, 0.160, 0.124, 0.138, 0.154, 0.166, 0.172, 0.146, 0.092, 0.052)
_FRONT_M = (0.060, 0.092, 0.098, 0.098, 0.096, 0.108, 0.116, 0.098, 0.074, 0.058, 0.052, 0.050)
_FRONT_F = (0.060, 0.090, 0.094, 0.090, 0.080, 0.094, 0.098, 0.084, 0.064, 0.050, 0.045, 0.043)
_BACK_M = (0.070, 0.115, 0.120, 0.098, 0.086, 0.100, 0.110, 0.104, 0.088, 0.074, 0.064, 0.060)
_BACK_F = (0.070, 0.122, 0.130, 0.098, 0.078, 0.088, 0.096, 0.092, 0.080, 0.066, 0.056, 0.052)

_ARM_T = (-0.12, -0.108, -0.075, -0.01, 0.08, 0.3, 0.6, 0.9, 1.0, 1.15, 1.3, 1.7, 2.0)
_ARM_R = (0.004, 0.024, 0.040, 0.053, 0.056, 0.051, 0.047, 0.042, 0.041, 0.043, 0.042, 0.033, 0.028)
_LEG_T = (-0.15, -0.12, 0.0, 0.2, 0.5, 0.85, 1.0, 1.15, 1.3, 1.5, 1.75, 1.92, 2.1)
_LEG_R = (0.02, 0.060, 0.086, 0.088, 0.077, 0.061, 0.057, 0.056, 0.060, 0.056, 0.044, 0.039, 0.040)


@dataclass(frozen=True)
class Part:
    """One tube: what it is painted as, its vertices and its local coordinates, (B, K, S + 1, 3)."""

    name: str
    vertices: Tensor
    local: Tensor


def _between(low: Tensor, high: float, *steps: float) -> Tensor:
    """Ring coordinates (B, K) at fractions between low (B,) and high."""
    return low[:, None] + (high - low)[:, None] * constant(*steps)


def _rounded(tau: Tensor, bend: float) -> tuple[Tensor, Tensor, Tensor]:
    """How far before and after a joint, rounded within `bend` of it, and the share of what follows.

    All (B, K); tau is how far after the joint a straight line would be.
    """
    s = (tau / (2 * bend) + 0.5).clamp(0, 1)
    before = bend * (1 - s) * (1 - s) + (-tau - bend).clamp(min=0)
    after = bend * s * s + (tau - bend).clamp(min=0)
    return before[..., None], after[..., None], (s * s * (3 - 2 * s))[..., None]


def _turned(first: Tensor, second: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Side and front (B, K, 3) between two frames (B, 3, 3)."""
    first, second = first[:, None], second[:, None]
    side, front = (
        normalise(first[..., axis] * (1 - share) + second[..., axis] * share) for axis in (0, 2)
    )
    return side, front


def limb(bones: Bones, side: str, kind: Limb, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Centre, side and front (B, K, 3) at coordinates t (B, K) of a limb, its joint rounded."""
    joints, bend = kind
    a, b, c = (bones.joints[side + joint][:, None] for joint in joints)
    upper, lower = (bones.frames[side + joint] for joint in joints[:2])
    before, after, share = _rounded(t - 1, bend)
    side_axis, front = _turned(upper, lower, share)
    return b + (a - b) * before + (c - b) * after, side_axis, front


def shoulder_slope(bones: Bones, side: str, t: Tensor) -> Tensor:
    """Shift (B, K, 3) of the arm's upper end towards the neck, which rounds the shoulder."""
    inward = (bones.joints["neck"] - bones.joints[side + "shoulder"])[:, None]
    return inward * (0.22 * smoothstep(t, 0.3, -0.12))[..., None]


def arm_radius(person: People, t: Tensor) -> Tensor:
    """Radius of the bare arm at t (B, K), metres."""
    return interpolate(t, _ARM_T, _ARM_R) * person["limb"][:, None]


def leg_radius(person: People, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Half width, front and back of the bare leg at t (B, K), metres; the calf swells backwards."""
    radius = interpolate(t, _LEG_T, _LEG_R) * person["limb"][:, None]
    calf = smoothstep(t, 1.0, 1.3) * smoothstep(t, 1.85, 1.4)
    return radius, radius * (1 + 0.08 * smoothstep(t, 0.9, 0.3)), radius * (1 + 0.22 * calf)


def torso_section(person: People, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Half width, front and back of the bare torso at heights y (B, K), metres."""
    female, trunk = person["female"][:, None], person["trunk"][:, None]
    sections = []
    for man, woman in ((_WIDTH_M, _WIDTH_F), (_FRONT_M, _FRONT_F), (_BACK_M, _BACK_F)):
        mixed = (
            interpolate(y, _HEIGHT, man) * (1 - female) + interpolate(y, _HEIGHT, woman) * female
        )
        sections.append(mixed * trunk)
    width, front, back = sections
    belly = smoothstep(y, -0.15, 0.25) * smoothstep(y, 0.75, 0.35)
    bust = smoothstep(y, 0.5, 0.72) * smoothstep(y, 0.95, 0.76)
    swell = person["belly"][:, None] * belly
    return width + 0.5 * swell, front + swell + person["bust"][:, None] * bust, back


def torso_tube(person: People, bones: Bones, y: Tensor, ease: Tensor, name: str) -> Part:
    """The trunk with extra radius ease at heights y (both (B, K)), bent between pelvis and chest.

    The upper corners follow the collar bones.
    """
    pelvis, spine = bones.frames["pelvis"], bones.frames["spine"]
    length = person["torso"][:, None]
    waist = bones.joints["waist"][:, None]
    before, after, share = _rounded(y - 0.3, 0.25)
    low, high = (frame[:, None, :, 1] for frame in (pelvis, spine))
    centre = waist + (high * after - low * before) * length[..., None]
    side, front = _turned(pelvis, spine, share)
    width, ahead, behind = torso_section(person, y)
    vertices, local = tube(
        centre, side, front, width + ease, ahead + ease, behind + ease, along=y * length, power=0.86
    )
    lifted = smoothstep(y, 0.74, 1.0)[..., None, None]
    shoulder = person["shoulder"][:, None]
    for prefix, sign in SIDES.items():
        rest = bones.joints["neck"] + spine[..., 0] * (sign * shoulder)
        shift = (bones.joints[prefix + "shoulder"] - rest)[:, None, None]
        outward = (sign * local[..., :1] / shoulder[..., None, None]).clamp(0, 1)
        vertices = vertices + shift * outward * lifted
    return Part(name, vertices, local)


def _arm(person: People, bones: Bones, side: str) -> Part:
    start = torch.where(person["sleeve"] > 0, person["sleeve"] - 0.25, -0.12)
    steps = (0.0, 0.012, 0.04, 0.08, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.87, 1.0)
    t = _between(start, 2.04, *steps)
    centre, x, z = limb(bones, side, ARM, t)
    centre = centre + shoulder_slope(bones, side, t)
    radius = arm_radius(person, t)
    flat = smoothstep(t, 1.6, 2.0)
    along = t * person["upper_arm"][:, None]
    return Part(
        "arm",
        *tube(centre, x, z, radius * (1 - 0.22 * flat), radius * (1 + 0.1 * flat), along=along),
    )


def _hand(person: People, bones: Bones, side: str, sign: float) -> list[Part]:
    """Palm and fingers as one flat tube curling towards the palm, and a thumb."""
    frame, wrist = bones.frames[side + "wrist"], bones.joints[side + "wrist"][:, None]
    size = person["hand"][:, None]
    s = rows(size, -0.05, 0.0, 0.15, 0.35, 0.55, 0.75, 0.9, 0.98, 1.0)
    curl = (s * s * 0.22 * size)[..., None] * -sign
    x, y, z = (frame[:, None, :, i] for i in range(3))
    centre = wrist - y * ((s - 0.1 * s * s) * size)[..., None] + x * curl
    knots = (-0.05, 0.0, 0.3, 0.55, 0.8, 0.95, 1.0)
    wide = interpolate(s, knots, (0.14, 0.155, 0.235, 0.235, 0.20, 0.13, 0.01)) * size
    thick = interpolate(s, knots, (0.12, 0.13, 0.12, 0.10, 0.075, 0.05, 0.01)) * size
    parts = [Part("hand", *tube(centre, x, z, thick, wide, along=s * size, power=0.9))]
    s = rows(size, 0.0, 0.05, 0.3, 0.6, 0.85, 1.0)
    root = wrist - y * (0.12 * size)[..., None] + z * (0.12 * size)[..., None]
    reach = (-0.42 * y + 0.24 * z - 0.14 * sign * x) * size[..., None]
    radius = interpolate(s, (0.0, 0.05, 0.4, 0.85, 1.0), (0.01, 0.09, 0.075, 0.06, 0.01)) * size
    tip = root + reach * s[..., None]
    parts.append(Part("thumb", *tube(tip, x, z, radius, radius, along=s * size)))
    return parts


def _leg(person: People, bones: Bones, side: str) -> Part:
    hem = torch.where(person["skirt"] > 0, person["skirt"], person["leg"])
    start = hem - torch.where(person["skirt"] > 0, 0.2, 0.35)
    steps = (0.0, 0.06, 0.14, 0.22, 0.3, 0.38, 0.46, 0.54, 0.62, 0.7, 0.78, 0.86, 0.93, 1.0)
    t = _between(start, 2.08, *steps)
    centre, x, z = limb(bones, side, LEG, t)
    width, ahead, behind = leg_radius(person, t)
    return Part("leg", *tube(centre, x, z, width, ahead, behind, along=t))


def _shoe(person: People, bones: Bones, side: str) -> Part:
    """A shoe from heel to toe, its sole flat."""
    frame, size = bones.frames[side + "foot"], person["foot"][:, None]
    s = rows(size, 0.0, 0.02, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.95, 1.0)
    x, y, z = (frame[:, None, :, i] for i in range(3))
    sole = 0.10 * size
    toe_spring = smoothstep(s, 0.75, 1.0) * 0.04 * size
    level = sole - person["ankle"][:, None] + toe_spring
    ankle = bones.joints[side + "ankle"][:, None]
    centre = ankle + y * level[..., None] + z * ((s - 0.24) * 1.02 * size)[..., None]
    knots = (0.0, 0.02, 0.1, 0.3, 0.5, 0.75, 0.92, 1.0)
    wide = interpolate(s, knots, (0.02, 0.10, 0.14, 0.15, 0.165, 0.185, 0.14, 0.02)) * size
    high = interpolate(s, knots, (0.02, 0.20, 0.29, 0.30, 0.20, 0.10, 0.06, 0.01)) * size
    low = interpolate(s, knots, (0.02, 0.085, 0.10, 0.10, 0.10, 0.10, 0.08, 0.01)) * size
    return Part("shoe", *tube(centre, x, y, wide, high, low, along=s * size, power=0.75))


def _neck(person: People, bones: Bones) -> Part:
    t = rows(person["neck"], 0.0, 0.3, 0.6, 0.85, 1.0)
    head, spine = bones.frames["head"], bones.frames["spine"]
    half = person["head"][:, None]
    top = bones.joints["head"] - head[..., 1] * (0.35 * half) - head[..., 2] * (0.12 * half)
    base = bones.joints["neck"] - spine[..., 1] * 0.02 - spine[..., 2] * 0.012
    centre = top[:, None] + (base - top)[:, None] * t[..., None]
    radius = interpolate(t, (0.0, 0.6, 1.0), (0.052, 0.054, 0.064))
    radius = radius * (person["trunk"] * (1 - 0.16 * person["female"]))[:, None]
    return Part(
        "neck", *tube(centre, spine[:, None, :, 0], spine[:, None, :, 2], radius, radius, along=t)
    )


def body_parts(person: People, bones: Bones) -> list[Part]:
    """Neck, arms, hands, legs and shoes (the trunk is always dressed: see garments)."""
    parts = [_neck(person, bones)]
    for side, sign in SIDES.items():
        parts += [_arm(person, bones, side), *_hand(person, bones, side, sign)]
        parts += [_leg(person, bones, side), _shoe(person, bones, side)]
    return parts
