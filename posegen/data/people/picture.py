"""One picture of a person: pose, view and camera, drawn from the pose families."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posegen.data.people.poses import ANKLE, FAMILIES, JITTER, LIMITS, NEUTRAL, Angles
from posegen.data.people.skeleton import BONES

__all__ = ["Picture", "draw_picture"]


@dataclass(frozen=True)
class Picture:
    """What one picture of a person adds to the person.

    family: pose family; angles (18, 3) degrees, order BONES; rotations (18, 3, 3) float32;
    camera: float32 (5,): share of the height an upright person fills, shift right (-0.5 to 0.5)
    and up (0 to 1) within the room left, cosine and sine of the camera's tilt;
    light: float32 (4,): small change of the light's direction (3), and its gain;
    seated: a stool stands under the person.
    """

    family: str
    angles: NDArray[np.float32]
    rotations: NDArray[np.float32]
    camera: NDArray[np.float32]
    light: NDArray[np.float32]
    seated: bool


_NAMES = tuple(FAMILIES)
_WEIGHTS = np.cumsum([weight for weight, _ in FAMILIES.values()])
_KIND = [bone.split("_")[-1] for bone in BONES]
_LOW = np.array([LIMITS.get(kind, ((0,) * 3,) * 2)[0] for kind in _KIND], dtype=np.float64)
_HIGH = np.array([LIMITS.get(kind, ((0,) * 3,) * 2)[1] for kind in _KIND], dtype=np.float64)
_SPREAD = np.array([JITTER.get(kind, (0, 0, 0)) for kind in _KIND], dtype=np.float64)
_INDEX = {bone: row for row, bone in enumerate(BONES)}
_MIRROR = np.array(
    [_INDEX[{"r_": "l_", "l_": "r_"}.get(b[:2], b[:2]) + b[2:]] for b in BONES], dtype=np.intp
)
_TRUNK = np.array([0, 1, 2, 3])
_HANGING = {"elbow", "shoulder", "wrist", "hip"}


def _mean(angles: Angles) -> NDArray[np.float64]:
    rows = [angles.get(b, NEUTRAL.get(k, (0, 0, 0))) for b, k in zip(BONES, _KIND, strict=True)]
    return np.array(rows, dtype=np.float64)


_MEANS = np.stack([_mean(angles) for _, angles in FAMILIES.values()])
# Turn the shared meaning of the angles into right-handed rotations about x (bend) and z, y.
_SIGNS = np.array(
    [
        (-1.0 if kind in _HANGING else 1.0, *((-1.0, -1.0) if bone[:2] == "r_" else (1.0, 1.0)))
        for bone, kind in zip(BONES, _KIND, strict=True)
    ]
)
_SIGNS[_INDEX["pelvis"], 1] = _SIGNS[_INDEX["spine"], 1] = _SIGNS[_INDEX["head"], 1] = -1.0


def _view(position: float) -> float:
    """Yaw in degrees of a position in [0, 1): 40 % front, 25 % back, 35 % between."""
    if position < 0.40:
        return (position / 0.40 - 0.5) * 60.0
    if position < 0.65:
        return 180.0 + ((position - 0.40) / 0.25 - 0.5) * 64.0
    side = (position - 0.65) / 0.35 * 2 - 1
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


def draw_picture(rng: np.random.Generator, view: float) -> Picture:
    """Draw one picture's pose and camera; view in [0, 1) places the yaw as `_view` does."""
    choice = int(np.searchsorted(_WEIGHTS, rng.random() * _WEIGHTS[-1], side="right"))
    family = _NAMES[choice]
    angles = _MEANS[choice] + _SPREAD * rng.standard_normal((len(BONES), 3)).clip(-2, 2)
    if rng.random() < 0.5:
        angles = angles[_MIRROR]
        angles[_TRUNK, 1:] *= -1
    angles = angles.clip(_LOW, _HIGH)
    for side in ("r_", "l_"):
        # The sole stays level with the floor as far as the ankle can bend.
        lean = angles[_INDEX[side + "knee"], 0] - angles[_INDEX[side + "hip"], 0]
        lean += angles[_INDEX["pelvis"], 0]
        pitch = float(np.clip(0.0, lean + ANKLE[0], lean + ANKLE[1]))
        angles[_INDEX[side + "foot"]] = (pitch, 0.0, angles[_INDEX[side + "hip"], 2] + 3.0)
    angles[_INDEX["root"]] = (0.0, 0.0, _view(view))
    fill, right, up, pitch = rng.random(4)
    tilt = np.deg2rad(2.0 + 7.0 * pitch)
    camera = (0.81 + 0.11 * fill, right - 0.5, up, float(np.cos(tilt)), float(np.sin(tilt)))
    light = np.append(rng.standard_normal(3).clip(-2, 2) * 0.06, 0.95 + 0.1 * rng.random())
    return Picture(
        family,
        angles.astype(np.float32),
        _matrices(angles * _SIGNS),
        np.array(camera, dtype=np.float32),
        light.astype(np.float32),
        family == "sit",
    )
