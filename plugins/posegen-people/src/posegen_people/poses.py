"""Poses: families of joint angles, the natural limits of the joints, and a picture's draw of them.

Angles are (bend, spread, twist) in degrees with the same meaning on both sides of the body: bend
forward (elbow and knee: flexion, never negative), spread away from the body, twist outwards. For
pelvis, spine and head: forward, towards the person's left, turned to the left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posegen_people.bones import BONES, SIDES

Triple = tuple[float, float, float]
Angles = Mapping[str, Triple]

#: Lower and upper limits of every joint.
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

#: How far the foot bends up and down from square to the shank.
ANKLE = (-26.0, 48.0)

#: Where a family says nothing about a limb's joint.
NEUTRAL: Angles = {
    "shoulder": (2, 9, -6),
    "elbow": (14, 0, -12),
    "wrist": (6, 0, 0),
    "hip": (0, 4, 9),
    "knee": (3, 0, 0),
}

#: Standard deviation about a family's angles.
JITTER: Angles = {
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


def _right(**joints: Triple) -> dict[str, Triple]:
    return {f"right_{name}": angles for name, angles in joints.items()}


def _left(**joints: Triple) -> dict[str, Triple]:
    return {f"left_{name}": angles for name, angles in joints.items()}


def _both(**joints: Triple) -> dict[str, Triple]:
    return _right(**joints) | _left(**joints)


_ON_HIP: Angles = {"shoulder": (-18, 48, -66), "elbow": (96, 0, 0), "wrist": (8, 0, 0)}

#: Pose families: relative frequency and mean angles. Sides are swapped half of the time.
FAMILIES: dict[str, tuple[float, Angles]] = {
    "stand": (2.0, {}),
    "relaxed": (
        1.6,
        {"pelvis": (0, 4, 0), "spine": (0, -6, 0)}
        | _left(hip=(14, 5, 18), knee=(24, 0, 0))
        | _right(hip=(0, -2, 8)),
    ),
    "walk": (
        2.4,
        {"pelvis": (3, 0, -5), "spine": (1, 0, 9)}
        | _right(hip=(25, 1, 5), knee=(7, 0, 0), shoulder=(-22, 8, -5), elbow=(14, 0, -10))
        | _left(hip=(-17, 1, 5), knee=(20, 0, 0), shoulder=(24, 8, -8), elbow=(28, 0, -20)),
    ),
    "step": (
        1.4,
        _right(hip=(-4, 1, 5), knee=(5, 0, 0), shoulder=(12, 8, -6))
        | _left(hip=(26, 1, 5), knee=(52, 0, 0), shoulder=(-12, 8, -6)),
    ),
    "run": (
        1.6,
        {"pelvis": (8, 0, -6), "spine": (9, 0, 12), "head": (-8, 0, 0)}
        | _right(hip=(62, 1, 2), knee=(72, 0, 0), shoulder=(-38, 14, -8), elbow=(88, 0, -20))
        | _left(hip=(-14, 1, 2), knee=(26, 0, 0), shoulder=(42, 14, -14), elbow=(92, 0, -20)),
    ),
    "wave": (1.2, _right(clavicle=(0, 8, 0), shoulder=(10, 82, 82), elbow=(78, 0, 0))),
    "arms_up": (1.0, _both(clavicle=(0, 18, 0), shoulder=(8, 148, 20), elbow=(18, 0, 0))),
    "cheer": (
        0.6,
        _right(clavicle=(0, 20, 0), shoulder=(10, 158, 20), elbow=(22, 0, 0))
        | _left(hip=(8, 6, 12), knee=(16, 0, 0)),
    ),
    "shrug": (0.5, _both(clavicle=(0, 7, 0), shoulder=(8, 26, 42), elbow=(84, 0, 20))),
    "hips": (1.5, _both(**_ON_HIP)),
    "one_hip": (1.2, {"pelvis": (0, -4, 0), "spine": (0, 5, 0)} | _right(**_ON_HIP)),
    "phone": (1.2, {"head": (18, 0, -8)} | _right(shoulder=(22, 6, -26), elbow=(98, 0, -30))),
    "call": (0.8, {"head": (4, -6, 0)} | _right(shoulder=(40, 24, 8), elbow=(134, 0, 0))),
    "reach": (1.0, _right(clavicle=(0, 6, 0), shoulder=(92, 10, 0), elbow=(14, 0, 0))),
    "point": (0.8, {"head": (0, 0, -28)} | _right(shoulder=(20, 74, 0), elbow=(12, 0, 0))),
    "carry": (0.8, _both(shoulder=(24, 8, -18), elbow=(84, 0, -40))),
    "sit": (
        1.3,
        {"spine": (5, 0, 0)}
        | _both(hip=(84, 7, 8), knee=(86, 0, 0), shoulder=(26, 9, -14), elbow=(52, 0, -50)),
    ),
    "crouch": (
        0.8,
        {"pelvis": (22, 0, 0), "spine": (20, 0, 0), "head": (-16, 0, 0)}
        | _both(hip=(98, 15, 14), knee=(112, 0, 0), shoulder=(52, 10, -12), elbow=(34, 0, -30)),
    ),
    "bend": (
        0.9,
        {"pelvis": (34, 0, 0), "spine": (30, 0, 0), "head": (-8, 0, 0)}
        | _both(hip=(46, 6, 8), knee=(26, 0, 0), shoulder=(58, 6, -5), elbow=(12, 0, -20)),
    ),
    "lunge": (
        0.7,
        {"pelvis": (4, 0, 0)}
        | _right(hip=(68, 2, 4), knee=(72, 0, 0), **_ON_HIP)
        | _left(hip=(-20, 2, 4), knee=(28, 0, 0)),
    ),
    "kick": (
        0.5,
        {"pelvis": (-6, 0, 0), "spine": (8, 0, 8)}
        | _right(hip=(66, 4, 4), knee=(18, 0, 0), shoulder=(-26, 32, 0))
        | _left(knee=(10, 0, 0), shoulder=(34, 36, 0)),
    ),
    "stance": (
        0.9,
        {"pelvis": (6, 0, 0)}
        | _both(hip=(18, 20, 16), knee=(24, 0, 0), shoulder=(14, 26, -12), elbow=(48, 0, -30)),
    ),
    "look_back": (
        0.7,
        {"pelvis": (0, 0, 8), "spine": (0, 0, 20), "head": (0, 2, 40)}
        | _left(shoulder=(-10, 14, 0)),
    ),
}

_INDEX = {bone: row for row, bone in enumerate(BONES)}
_KIND = [bone.split("_")[-1] for bone in BONES]
_NOTHING: Triple = (0, 0, 0)


def _table(rows: list[Triple]) -> NDArray[np.float64]:
    return np.array(rows, dtype=np.float64)


# One row per bone, in the order of BONES.
_LOW, _HIGH = (_table([LIMITS.get(k, (_NOTHING, _NOTHING))[end] for k in _KIND]) for end in (0, 1))
_SPREAD = _table([JITTER.get(kind, _NOTHING) for kind in _KIND])
_MEANS = [
    _table([a.get(b, NEUTRAL.get(k, _NOTHING)) for b, k in zip(BONES, _KIND, strict=True)])
    for _, a in FAMILIES.values()
]
_MIRROR = [
    _INDEX[bone.replace("right_", "left_") if "right_" in bone else bone.replace("left_", "right_")]
    for bone in BONES
]
_TRUNK = [_INDEX[bone] for bone in ("root", "pelvis", "spine", "head")]


def _signs(bone: str, kind: str) -> Triple:
    """What turns the shared meaning of the angles into right-handed turns about x, z and y."""
    bend = -1 if kind in ("elbow", "shoulder", "wrist", "hip") else 1
    if bone.startswith("right_"):
        return (bend, -1, -1)
    return (bend, -1 if bone in ("pelvis", "spine", "head") else 1, 1)


_SIGNS = _table([_signs(bone, kind) for bone, kind in zip(BONES, _KIND, strict=True)])
_CUMULATED = np.cumsum([weight for weight, _ in FAMILIES.values()])


@dataclass(frozen=True)
class Shot:
    """What one picture of a person adds to the person.

    Attributes:
        family: its pose family.
        angles: (18, 3) degrees, in the order of `BONES`.
        rotations: (18, 3, 3), the same as matrices.
        camera: (7,): share of the height that an upright person fills, shift right (-0.5 to 0.5)
            and up (0 to 1) within the room left, cosine and sine of the camera's tilt; how much
            larger than what fits the person is (above 1: cropped), and then the room above the
            head as a share of the height.
        light: (4,): small change of the light's direction (3), and its gain.
        seated: whether a stool stands under the person.
        grain: number of the picture's grain, where it has any.
    """

    family: str
    angles: NDArray[np.float32]
    rotations: NDArray[np.float32]
    camera: NDArray[np.float32]
    light: NDArray[np.float32]
    seated: bool
    grain: int = 0


def draw_shot(rng: np.random.Generator, view: float) -> Shot:
    """Draw one picture's pose and camera; view in [0, 1) places the yaw as `_yaw` does."""
    choice = int(np.searchsorted(_CUMULATED, rng.random() * _CUMULATED[-1], side="right"))
    family = list(FAMILIES)[choice]
    angles = _MEANS[choice] + _SPREAD * rng.standard_normal((len(BONES), 3)).clip(-2, 2)
    if rng.random() < 0.5:
        angles = angles[_MIRROR]
        angles[_TRUNK, 1:] *= -1
    angles = angles.clip(_LOW, _HIGH)
    _level_soles(angles)
    angles[_INDEX["root"]] = (0.0, 0.0, _yaw(view))
    fill, right, up, pitch = rng.random(4)
    tilt = np.deg2rad(2.0 + 7.0 * pitch)
    tilted = float(np.cos(tilt)), float(np.sin(tilt))
    camera = (0.81 + 0.11 * fill, right - 0.5, up, *tilted, 1.0, 0.0)
    light = np.append(rng.standard_normal(3).clip(-2, 2) * 0.06, 0.95 + 0.1 * rng.random())
    return Shot(
        family,
        angles.astype(np.float32),
        _matrices(angles * _SIGNS),
        np.array(camera, dtype=np.float32),
        light.astype(np.float32),
        family == "sit",
    )


def posed(joints: Angles, yaw: float) -> NDArray[np.float32]:
    """Return the rotations (18, 3, 3) of a pose, in the order of `BONES`.

    Args:
        joints: angles by bone, such as `left_knee`; the others are `NEUTRAL`. Clipped to `LIMITS`.
        yaw: degrees by which the whole person is turned to their left.
    """
    rows = zip(BONES, _KIND, strict=True)
    angles = _table([joints.get(bone, NEUTRAL.get(kind, _NOTHING)) for bone, kind in rows])
    angles = angles.clip(_LOW, _HIGH)
    _level_soles(angles)
    angles[_INDEX["root"]] = (0.0, 0.0, yaw)
    return _matrices(angles * _SIGNS)


def _level_soles(angles: NDArray[np.float64]) -> None:
    """Keep both soles level with the floor as far as the ankles can bend."""
    for side in SIDES:
        lean = angles[_INDEX[side + "knee"], 0] - angles[_INDEX[side + "hip"], 0]
        lean += angles[_INDEX["pelvis"], 0]
        pitch = float(np.clip(0.0, lean + ANKLE[0], lean + ANKLE[1]))
        angles[_INDEX[side + "foot"]] = (pitch, 0.0, angles[_INDEX[side + "hip"], 2] + 3.0)


def _yaw(view: float) -> float:
    """Yaw in degrees of a view in [0, 1): 40 % front, 25 % back, 35 % between."""
    if view < 0.40:
        return (view / 0.40 - 0.5) * 60.0
    if view < 0.65:
        return 180.0 + ((view - 0.40) / 0.25 - 0.5) * 64.0
    side = (view - 0.65) / 0.35 * 2 - 1
    return float(np.sign(side) * (32.0 + 114.0 * abs(side))) if side else 32.0


def _matrices(angles: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rotation matrices Rz(spread) Rx(bend) Ry(twist) of signed angles (18, 3) in degrees."""
    (cx, cz, cy), (sx, sz, sy) = (f(np.deg2rad(angles)).T for f in (np.cos, np.sin))
    rows = (
        *(cz * cy - sz * sx * sy, -sz * cx, cz * sy + sz * sx * cy),
        *(sz * cy + cz * sx * sy, cz * cx, sz * sy - cz * sx * cy),
        *(-cx * sy, sx, cx * cy),
    )
    return np.stack(rows, -1).reshape(-1, 3, 3).astype(np.float32)
