"""Poses: families of joint angles and the natural limits of the joints.

Angles are (bend, spread, twist) in degrees with the same meaning on both sides of the body: bend
forward (elbow and knee: flexion, never negative), spread away from the body, twist outwards. For
pelvis, spine and head: forward, towards the person's left, turned to the left.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ANKLE", "FAMILIES", "JITTER", "LIMITS", "NEUTRAL", "Angles", "Triple"]

Triple = tuple[float, float, float]
Angles = Mapping[str, Triple]

LIMITS: dict[str, tuple[Triple, Triple]] = {
    "pelvis": ((-10, -10, -15), (60, 10, 15)),
    "spine": ((-15, -22, -28), (60, 22, 28)),
    "head": ((-28, -18, -50), (32, 18, 50)),
    "clavicle": ((-10, -5, 0), (12, 24, 0)),
    "shoulder": ((-45, 4, -75), (165, 168, 90)),
    "elbow": ((3, 0, -80), (140, 0, 60)),
    "wrist": ((-25, -20, 0), (40, 20, 0)),
    "hip": ((-28, -4, -15), (120, 48, 38)),
    "knee": ((2, 0, 0), (135, 0, 0)),
}
"""Lower and upper limits of every joint, degrees."""

ANKLE = (-26.0, 48.0)
"""How far the foot bends up and down from square to the shank, degrees."""

NEUTRAL: Angles = {
    "shoulder": (2, 9, -6),
    "elbow": (14, 0, -12),
    "wrist": (6, 0, 0),
    "hip": (0, 4, 9),
    "knee": (3, 0, 0),
}
"""Where a family says nothing about a limb's joint."""


def _both(**joints: Triple) -> dict[str, Triple]:
    return {f"{side}_{name}": value for name, value in joints.items() for side in "rl"}


HIP_HAND: Angles = {"shoulder": (-18, 48, -66), "elbow": (96, 0, 0), "wrist": (8, 0, 0)}


def _side(side: str, joints: Angles) -> dict[str, Triple]:
    return {f"{side}_{name}": value for name, value in joints.items()}


FAMILIES: dict[str, tuple[float, Angles]] = {
    "stand": (2.0, {}),
    "relaxed": (
        1.6,
        {
            "pelvis": (0, 4, 0),
            "spine": (0, -6, 0),
            "l_hip": (14, 5, 18),
            "l_knee": (24, 0, 0),
            "r_hip": (0, -2, 8),
        },
    ),
    "walk": (
        2.4,
        {
            "pelvis": (3, 0, -5),
            "spine": (1, 0, 9),
            "r_hip": (25, 1, 5),
            "r_knee": (7, 0, 0),
            "l_hip": (-17, 1, 5),
            "l_knee": (20, 0, 0),
            "r_shoulder": (-22, 8, -5),
            "r_elbow": (14, 0, -10),
            "l_shoulder": (24, 8, -8),
            "l_elbow": (28, 0, -20),
        },
    ),
    "step": (
        1.4,
        {
            "r_hip": (-4, 1, 5),
            "r_knee": (5, 0, 0),
            "l_hip": (26, 1, 5),
            "l_knee": (52, 0, 0),
            "r_shoulder": (12, 8, -6),
            "l_shoulder": (-12, 8, -6),
        },
    ),
    "run": (
        1.6,
        {
            "pelvis": (8, 0, -6),
            "spine": (9, 0, 12),
            "head": (-8, 0, 0),
            "r_hip": (62, 1, 2),
            "r_knee": (72, 0, 0),
            "l_hip": (-14, 1, 2),
            "l_knee": (26, 0, 0),
            "r_shoulder": (-38, 14, -8),
            "r_elbow": (88, 0, -20),
            "l_shoulder": (42, 14, -14),
            "l_elbow": (92, 0, -20),
        },
    ),
    "wave": (
        1.2,
        {"r_clavicle": (0, 8, 0), "r_shoulder": (10, 82, 82), "r_elbow": (78, 0, 0)},
    ),
    "arms_up": (
        1.0,
        _both(clavicle=(0, 18, 0), shoulder=(8, 148, 20), elbow=(18, 0, 0)),
    ),
    "cheer": (
        0.6,
        {
            "r_clavicle": (0, 20, 0),
            "r_shoulder": (10, 158, 20),
            "r_elbow": (22, 0, 0),
            "l_hip": (8, 6, 12),
            "l_knee": (16, 0, 0),
        },
    ),
    "shrug": (0.5, _both(clavicle=(0, 7, 0), shoulder=(8, 26, 42), elbow=(84, 0, 20))),
    "hips": (1.5, {**_side("r", HIP_HAND), **_side("l", HIP_HAND)}),
    "one_hip": (1.2, {**_side("r", HIP_HAND), "pelvis": (0, -4, 0), "spine": (0, 5, 0)}),
    "phone": (
        1.2,
        {"head": (18, 0, -8), "r_shoulder": (22, 6, -26), "r_elbow": (98, 0, -30)},
    ),
    "call": (0.8, {"head": (4, -6, 0), "r_shoulder": (40, 24, 8), "r_elbow": (134, 0, 0)}),
    "reach": (
        1.0,
        {"r_clavicle": (0, 6, 0), "r_shoulder": (92, 10, 0), "r_elbow": (14, 0, 0)},
    ),
    "point": (
        0.8,
        {"head": (0, 0, -28), "r_shoulder": (20, 74, 0), "r_elbow": (12, 0, 0)},
    ),
    "carry": (
        0.8,
        _both(shoulder=(24, 8, -18), elbow=(84, 0, -40)),
    ),
    "sit": (
        1.3,
        {
            "spine": (5, 0, 0),
            **_both(hip=(84, 7, 8), knee=(86, 0, 0), shoulder=(26, 9, -14), elbow=(52, 0, -50)),
        },
    ),
    "crouch": (
        0.8,
        {
            "pelvis": (22, 0, 0),
            "spine": (20, 0, 0),
            "head": (-16, 0, 0),
            **_both(hip=(98, 15, 14), knee=(112, 0, 0), shoulder=(52, 10, -12), elbow=(34, 0, -30)),
        },
    ),
    "bend": (
        0.9,
        {
            "pelvis": (34, 0, 0),
            "spine": (30, 0, 0),
            "head": (-8, 0, 0),
            **_both(hip=(46, 6, 8), knee=(26, 0, 0), shoulder=(58, 6, -5), elbow=(12, 0, -20)),
        },
    ),
    "lunge": (
        0.7,
        {
            "r_hip": (68, 2, 4),
            "r_knee": (72, 0, 0),
            "l_hip": (-20, 2, 4),
            "l_knee": (28, 0, 0),
            "pelvis": (4, 0, 0),
            **_side("r", HIP_HAND),
        },
    ),
    "kick": (
        0.5,
        {
            "pelvis": (-6, 0, 0),
            "spine": (8, 0, 8),
            "r_hip": (66, 4, 4),
            "r_knee": (18, 0, 0),
            "l_knee": (10, 0, 0),
            "l_shoulder": (34, 36, 0),
            "r_shoulder": (-26, 32, 0),
        },
    ),
    "stance": (
        0.9,
        {
            "pelvis": (6, 0, 0),
            **_both(hip=(18, 20, 16), knee=(24, 0, 0), shoulder=(14, 26, -12), elbow=(48, 0, -30)),
        },
    ),
    "look_back": (
        0.7,
        {"pelvis": (0, 0, 8), "spine": (0, 0, 20), "head": (0, 2, 40), "l_shoulder": (-10, 14, 0)},
    ),
}
"""Pose families: relative frequency and mean angles. Sides are swapped half of the time."""

JITTER: Mapping[str, Triple] = {
    "pelvis": (2.5, 1.5, 3),
    "spine": (4, 3, 5),
    "head": (6, 4, 12),
    "clavicle": (2, 2, 0),
    "shoulder": (7, 4, 7),
    "elbow": (9, 0, 10),
    "wrist": (6, 5, 0),
    "hip": (4, 2.5, 4),
    "knee": (4, 0, 0),
}
"""Standard deviation about a family's angles, degrees."""
