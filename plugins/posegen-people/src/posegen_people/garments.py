"""Garments, bags and the stool: tubes a little wider than the body they cover."""

from __future__ import annotations

import torch
from torch import Tensor

from posegen_people.body import (
    ARM,
    LEG,
    Part,
    arm_radius,
    leg_radius,
    limb,
    shoulder_slope,
    torso_section,
    torso_tube,
)
from posegen_people.bones import SIDES, Bones, People
from posegen_people.geometry import (
    constant,
    dot,
    interpolate,
    normalise,
    rotate,
    rows,
    smoothstep,
    tube,
)


def _top(person: People, bones: Bones) -> Part:
    """The garment on the trunk, from the neck down to its hem."""
    s = rows(
        person["hem"],
        *(0.0, 0.035, 0.07, 0.11, 0.15, 0.2, 0.26, 0.34, 0.42, 0.5, 0.58, 0.67, 0.76, 0.85, 0.93),
        *(0.99, 1.0),
    )
    y = 1.13 + (person["hem"][:, None] - 1.13) * s
    loose = smoothstep(y, 0.7, 0.35) * (person["hem"][:, None] < 0.1)
    ease = person["ease"][:, None] * (smoothstep(y, 1.12, 0.95) * 0.8 + 0.2 + 0.7 * loose)
    closing = 1 - 0.25 * (s > 0.995)
    ease = ease - (1 - closing) * 0.12
    return torso_tube(person, bones, y, ease, "top")


def _pelvis(person: People, bones: Bones) -> Part:
    """The seat of trousers, from the waist to the crotch; none under a skirt."""
    s = rows(person["hem"], 0.0, 0.02, 0.12, 0.25, 0.4, 0.55, 0.7, 0.82, 0.92, 1.0)
    y = 0.30 - 0.52 * s
    ease = 0.007 + 0.4 * person["leg_ease"][:, None] * smoothstep(s, 0.0, 0.3) - 0.05 * (s < 0.01)
    part = torso_tube(person, bones, y, ease, "pelvis")
    bare = (person["skirt"] > 0)[:, None, None, None]
    vertices = torch.where(bare, bones.joints["pelvis"][:, None, None], part.vertices)
    return Part(part.name, vertices, part.local)


def _sleeve(person: People, bones: Bones, side: str) -> Part:
    s = rows(
        person["sleeve"],
        *(0.0, 0.01, 0.04, 0.09, 0.17, 0.27, 0.37, 0.46, 0.54, 0.64, 0.75, 0.87, 0.985, 1.0),
    )
    end = person["sleeve"][:, None]
    worn = end > 0
    t = -0.14 + (end + 0.14) * s
    centre, x, z = limb(bones, side, ARM, t)
    centre = centre + shoulder_slope(bones, side, t)
    short = smoothstep(end, 1.4, 0.9)
    ease = person["ease"][:, None] * (0.75 + 0.9 * short * s)
    radius = arm_radius(person, t + 0.03) + ease * smoothstep(t, -0.15, 0.15)
    radius = torch.where(s > 0.99, radius * 0.5, radius) * worn
    return Part(
        "sleeve", *tube(centre, x, z, radius, radius, along=t * person["upper_arm"][:, None])
    )


def _trouser_leg(person: People, bones: Bones, side: str) -> Part:
    s = rows(
        person["leg"],
        *(0.0, 0.03, 0.08, 0.15, 0.23, 0.31, 0.39, 0.46, 0.53, 0.6, 0.68, 0.77, 0.87, 0.985, 1.0),
    )
    end = person["leg"][:, None]
    t = -0.15 + (end + 0.15) * s
    centre, x, z = limb(bones, side, LEG, t)
    width, ahead, behind = leg_radius(person, t)
    straight = smoothstep(t, 1.0, 1.9) * 0.012
    ease = person["leg_ease"][:, None] * (0.5 + 0.5 * smoothstep(t, 0.0, 0.5)) + straight
    ease = ease + person["flare"][:, None] * smoothstep(s, 0.5, 1.0)
    closing = torch.where(s > 0.99, 0.5, 1.0) * (person["skirt"][:, None] <= 0)
    radii = [(r + ease) * closing for r in (width, ahead, behind)]
    return Part("trousers", *tube(centre, x, z, *radii, along=t * person["thigh"][:, None]))


def _boot(person: People, bones: Bones, side: str) -> Part:
    """A boot's shaft, or nothing when boot is 2 (the ankle)."""
    s = rows(person["boot"], 0.0, 0.01, 0.2, 0.4, 0.6, 0.8, 1.0)
    t = person["boot"][:, None] + (2.05 - person["boot"][:, None]) * s
    centre, x, z = limb(bones, side, LEG, t)
    width, ahead, behind = leg_radius(person, t)
    worn = (person["boot"] < 2)[:, None]
    radii = [(r + 0.010) * torch.where(s < 0.005, 0.6, 1.0) * worn for r in (width, ahead, behind)]
    return Part("boot", *tube(centre, x, z, *radii, along=t))


def _skirt(person: People, bones: Bones) -> Part:
    """A skirt from the waist over the hips and round both legs."""
    worn = person["skirt"] > 0
    length = person["skirt"][:, None]
    s = rows(person["skirt"], *(0.0, 0.1, 0.2, 0.3, 0.42, 0.54, 0.66, 0.78, 0.9, 0.99, 1.0))
    t = 0.12 + (length - 0.12) * ((s - 0.2) / 0.8).clamp(min=0)
    left, right = (limb(bones, side, LEG, t) for side in ("left_", "right_"))
    middle, apart = (left[0] + right[0]) * 0.5, (left[0] - right[0]) * 0.5
    frame = bones.frames["pelvis"][:, None]
    y = 0.26 - 1.6 * s.clamp(max=0.2)
    hips = (
        bones.joints["pelvis"][:, None] + frame[..., 1] * (y * person["torso"][:, None])[..., None]
    )
    join = smoothstep(s, 0.08, 0.3)[..., None]
    centre = hips + (middle - hips) * join
    front = left[2] + right[2]
    front = normalise(frame[..., 2] * (1 - join) + normalise(front) * join)
    x = frame[..., 0].expand_as(front)
    x = normalise(x - front * dot(x, front))
    width, ahead, behind = torso_section(person, y)
    thigh, leg_front, leg_back = leg_radius(person, t)
    flare = person["flare"][:, None] * smoothstep(s, 0.15, 1.0) * (0.5 + length)
    blend = join[..., 0]
    slack = 0.12 * dot(apart, apart).sqrt()[..., 0]
    radii = [
        body * (1 - blend) + (leg + slack) * blend + 0.012 + flare
        for body, leg in ((width, thigh), (ahead, leg_front), (behind, leg_back + 0.01))
    ]
    closing = torch.where(s > 0.995, 0.6, 1.0) * worn[:, None]
    radii = [radius * closing for radius in radii]
    along = (person["torso"] * 0.3)[:, None] - s * (length + 0.3) * person["thigh"][:, None]
    vertices, local = tube(centre, x, front, *radii, along=along, power=0.9)
    # Sweeping the ring from leg to leg gives the hull of both.
    outward = vertices - centre[:, :, None]
    apart = (apart * join)[:, :, None]
    lean = dot(outward, apart)
    reach = (dot(outward, outward) * dot(apart, apart)).sqrt()
    swept = vertices + apart * (lean / (lean.abs() + 0.2 * reach + 1e-6))
    return Part("skirt", swept, local)


def _bags(person: People, bones: Bones) -> Part:
    """A backpack (bag 1), a bag at the hip (bag 2) or a bag in the hand (bag 3)."""
    kind, scale = person["bag"], person["scale"]
    spine, pelvis = bones.frames["spine"], bones.frames["pelvis"]
    torso, trunk = person["torso"][:, None], person["trunk"][:, None]
    back = bones.joints["neck"] - spine[..., 1] * (0.38 * torso) - spine[..., 2] * (0.185 * trunk)
    hip = bones.joints["pelvis"] + pelvis[..., 0] * (0.215 * trunk) - pelvis[..., 1] * 0.06
    wrist = (
        bones.joints["right_wrist"] - bones.frames["right_wrist"][..., 1] * (0.1 * scale)[:, None]
    )
    down = constant(0.0, 0.20, 0.0) * scale[:, None]
    at_hip, in_hand = (kind > 1.5)[:, None], (kind > 2.5)[:, None]
    centre = torch.where(in_hand, wrist - down, torch.where(at_hip, hip, back))
    frame = torch.where(
        in_hand[..., None],
        bones.frames["root"],
        torch.where(at_hip[..., None], pelvis, spine),
    )[:, None]
    worn = scale * (kind > 0)
    sizes = []
    for values in ((0.135, 0.05, 0.055), (0.20, 0.11, 0.14), (0.085, 0.12, 0.13)):
        size = torch.where(kind > 2.5, values[2], torch.where(kind > 1.5, values[1], values[0]))
        sizes.append((size * worn)[:, None])
    s = rows(kind, 0.0, 0.02, 0.12, 0.35, 0.6, 0.85, 0.97, 1.0)
    around = interpolate(s, (0.0, 0.02, 0.12, 0.35, 0.97, 1.0), (0.01, 0.62, 0.88, 1.0, 0.94, 0.01))
    centre = centre[:, None] + frame[..., 1] * ((1 - 2 * s) * sizes[1])[..., None]
    axes = (frame[..., 0], frame[..., 2])
    wide, deep = around * sizes[0], around * sizes[2]
    return Part("bag", *tube(centre, *axes, wide, deep, along=s * sizes[1], power=0.55))


def _stool(person: People, bones: Bones, seated: Tensor) -> Part:
    """A round stool from the floor to the seat of those who sit."""
    seat = bones.joints["pelvis"] - rotate(bones.frames["root"], rows(seated, 0.0, 0.0, 0.03))
    height = (seat[:, 1:2] - 0.105 * person["trunk"][:, None]).clamp(min=0.1)
    s = rows(seated, 0.0, 0.005, 0.02, 0.10, 0.14, 0.17, 0.5, 0.9, 0.99, 1.0)
    knots = (0.0, 0.005, 0.02, 0.10, 0.14, 0.17, 0.5, 0.99, 1.0)
    radius = interpolate(s, knots, (0.01, 0.16, 0.175, 0.175, 0.16, 0.13, 0.115, 0.15, 0.01))
    radius = radius * (person["scale"] * seated)[:, None]
    y = height * (1 - s)
    centre = torch.stack((seat[:, :1].expand_as(y), y, seat[:, 2:].expand_as(y)), -1)
    frame = bones.frames["root"][:, None]
    return Part("stool", *tube(centre, frame[..., 0], frame[..., 2], radius, radius, along=y))


def garment_parts(person: People, bones: Bones, seated: Tensor) -> list[Part]:
    """All garments, bag and stool; what is not worn has no size. seated (B,) is 1 or 0."""
    parts = [_top(person, bones), _pelvis(person, bones), _skirt(person, bones)]
    for side in SIDES:
        parts += [_sleeve(person, bones, side), _trouser_leg(person, bones, side)]
        parts.append(_boot(person, bones, side))
    return [*parts, _bags(person, bones), _stool(person, bones, seated)]
