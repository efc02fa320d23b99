#!/usr/bin/env python3
"""Write the library of motions, posegen/poses/motions/*.json, from the angles in this file.

A motion is key poses of the embedded people's skeleton (posegen-people): angles in degrees with the
meaning of `posegen_people.poses`, between which a periodic cubic spline runs, so that every motion
is a loop. They are posed in three dimensions and seen from a camera at the height of the hips.

    python scripts/make_motions.py
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from posegen_people.bones import SKELETON, pose
from posegen_people.poses import NEUTRAL, Angles, posed
from posegen_people.wardrobe import draw_person
from scipy.interpolate import CubicSpline

OUT = Path(__file__).parents[1] / "posegen" / "poses" / "motions"
FPS = 24
#: Of the joints that a camera sees, in thousandths of the stature; from the floor, and upwards.
SCALE = 1000

Keys = Mapping[float, Mapping[str, tuple[float, ...]]]


def both(**joints: tuple[float, float, float]) -> dict[str, tuple[float, float, float]]:
    """The same angles on both sides."""
    return {
        f"{side}_{name}": angles for side in ("left", "right") for name, angles in joints.items()
    }


def left(**joints: tuple[float, float, float]) -> dict[str, tuple[float, float, float]]:
    return {f"left_{name}": angles for name, angles in joints.items()}


def right(**joints: tuple[float, float, float]) -> dict[str, tuple[float, float, float]]:
    return {f"right_{name}": angles for name, angles in joints.items()}


def mirrored(
    keys: Mapping[str, tuple[float, float, float]],
) -> dict[str, tuple[float, float, float]]:
    """The mirror image of a key pose."""
    swap = {"left": "right", "right": "left"}
    result = {}
    for name, (bend, spread, twist) in keys.items():
        side, _, rest = name.partition("_")
        if side in swap:
            result[f"{swap[side]}_{rest}"] = (bend, spread, twist)
        else:
            result[name] = (bend, -spread, -twist)
    return result


def stride(
    *,
    thigh: tuple[float, float],
    knee: tuple[float, float, float],
    arm: float,
    elbow: float,
    lean: float,
) -> list[dict[str, tuple[float, float, float]]]:
    """Four key poses of the right leg's half of a stride: contact, loading, passing, push-off.

    thigh: forward at contact, backward at push-off. knee: at contact, of the standing leg when it
    is passed, of the swinging leg then.
    """
    ahead, behind = thigh
    straight, standing, swinging = knee
    trunk = {"spine": (lean, 0.0, 0.0)}

    def key(near: tuple[float, float], far: tuple[float, float], turn: float) -> dict:
        swing = arm * turn
        return trunk | {
            "pelvis": (lean / 3, 0.0, -5.0 * turn),
            "spine": (lean, 0.0, 8.0 * turn),
            **right(
                hip=(near[0], 1.0, 5.0),
                knee=(near[1], 0.0, 0.0),
                shoulder=(-swing, 8.0, -6.0),
                elbow=(elbow - 0.25 * swing, 0.0, -10.0),
            ),
            **left(
                hip=(far[0], 1.0, 5.0),
                knee=(far[1], 0.0, 0.0),
                shoulder=(swing, 8.0, -6.0),
                elbow=(elbow + 0.25 * swing, 0.0, -10.0),
            ),
        }

    return [
        key((ahead, straight), (-behind, straight + 12), 1.0),
        key((ahead * 0.75, standing), (-behind * 0.5, swinging * 0.8), 0.6),
        key((ahead * 0.1, standing * 0.6), (ahead * 0.7, swinging), -0.1),
        key((-behind * 0.6, straight + 2), (ahead * 1.05, swinging * 0.55), -0.7),
    ]


def cycle(half: list[dict]) -> Keys:
    """A whole stride: the half, and its mirror image."""
    poses = [*half, *(mirrored(key) for key in half)]
    return {index / len(poses): key for index, key in enumerate(poses)}


WALK = cycle(stride(thigh=(26, 18), knee=(5, 16, 58), arm=24, elbow=20, lean=2))
RUN = cycle(stride(thigh=(50, 22), knee=(22, 42, 108), arm=40, elbow=88, lean=9))
MARCH = cycle(stride(thigh=(62, 6), knee=(14, 8, 88), arm=42, elbow=30, lean=0))
REST: dict = {}
ON_HIPS = both(shoulder=(-18, 48, -66), elbow=(96, 0, 0), wrist=(8, 0, 0))
SIT = {"spine": (6, 0, 0)} | both(
    hip=(86, 7, 8), knee=(88, 0, 0), shoulder=(30, 9, -14), elbow=(50, 0, -50)
)
SQUAT = {"pelvis": (24, 0, 0), "spine": (22, 0, 0), "head": (-18, 0, 0)} | both(
    hip=(106, 15, 14), knee=(118, 0, 0), shoulder=(84, 8, -6), elbow=(12, 0, -10)
)
UP = both(clavicle=(0, 18, 0), shoulder=(8, 152, 20), elbow=(14, 0, 0))
WIDE = both(shoulder=(0, 92, 0), elbow=(8, 0, 0), hip=(0, 20, 9))
GUARD = {"spine": (6, 0, 0)} | both(
    shoulder=(34, 12, -20), elbow=(122, 0, -20), hip=(14, 14, 14), knee=(22, 0, 0)
)
PUNCH = {"spine": (8, 0, 22), "pelvis": (2, 0, 10)} | right(shoulder=(88, 8, 0), elbow=(10, 0, 0))
SWAY = (
    {"pelvis": (0, 9, 6), "spine": (0, -14, -8), "head": (0, 5, 6)}
    | left(hip=(4, 2, 8), shoulder=(-24, 20, -10), elbow=(72, 0, -10))
    | right(hip=(22, 8, 16), knee=(36, 0, 0), shoulder=(44, 18, -10), elbow=(76, 0, -20))
)
KICK = (
    {"pelvis": (-6, 0, 0), "spine": (8, 0, 8)}
    | right(hip=(84, 4, 4), knee=(12, 0, 0), shoulder=(-26, 30, 0))
    | left(knee=(12, 0, 0), shoulder=(34, 34, 0))
)
HAND_UP = right(clavicle=(0, 8, 0), shoulder=(10, 84, 84), elbow=(72, 0, 0))

#: name -> summary, frames, degrees of turn of the camera (or a function of the time), key poses by
#: time in [0, 1).
MOTIONS: dict[str, tuple[str, int, float | Callable[[float], float], Keys]] = {
    "walk": ("walking on the spot, seen half from the side", 28, 38.0, WALK),
    "walk-front": ("walking on the spot, towards the camera", 28, 0.0, WALK),
    "run": ("running on the spot, seen from the side", 24, 62.0, RUN),
    "march": ("marching with high knees", 32, 24.0, MARCH),
    "turn": ("standing, turned once round", 48, lambda t: 360.0 * t, {0.0: REST}),
    "wave": (
        "waving with the right hand",
        40,
        0.0,
        {
            0.0: REST,
            0.22: HAND_UP,
            0.36: HAND_UP | right(elbow=(108, 0, 0)),
            0.5: HAND_UP | right(elbow=(66, 0, 0)),
            0.64: HAND_UP | right(elbow=(108, 0, 0)),
            0.78: HAND_UP,
        },
    ),
    "sit": (
        "sitting down and getting up",
        60,
        34.0,
        {0.0: REST, 0.12: REST, 0.4: SIT, 0.6: SIT, 0.88: REST},
    ),
    "squat": ("a squat, arms ahead", 40, 28.0, {0.0: REST, 0.45: SQUAT, 0.55: SQUAT, 0.95: REST}),
    "reach": (
        "reaching ahead and up with the right hand",
        40,
        -30.0,
        {
            0.0: REST,
            0.35: {"spine": (6, 0, 8)} | right(clavicle=(0, 6, 0), shoulder=(96, 10, 0)),
            0.6: {"spine": (-4, 0, 0)} | right(clavicle=(0, 16, 0), shoulder=(150, 14, 0)),
            0.9: REST,
        },
    ),
    "cheer": ("both arms up and down", 36, 0.0, {0.0: REST, 0.4: UP, 0.6: UP, 0.95: REST}),
    "jumping-jack": (
        "arms and legs apart and together",
        30,
        0.0,
        {0.0: REST, 0.25: WIDE, 0.5: UP | both(hip=(0, 26, 9)), 0.75: WIDE},
    ),
    "bow": (
        "a bow",
        44,
        42.0,
        {
            0.0: REST,
            0.4: {"pelvis": (30, 0, 0), "spine": (38, 0, 0), "head": (10, 0, 0)}
            | both(hip=(34, 4, 8)),
            0.55: {"pelvis": (30, 0, 0), "spine": (38, 0, 0), "head": (10, 0, 0)}
            | both(hip=(34, 4, 8)),
            0.95: REST,
        },
    ),
    "kick": (
        "a kick with the right foot",
        36,
        40.0,
        {0.0: REST, 0.2: right(hip=(-20, 2, 5), knee=(40, 0, 0)), 0.5: KICK, 0.85: REST},
    ),
    "box": (
        "two punches from a guard",
        36,
        30.0,
        {0.0: GUARD, 0.2: GUARD | PUNCH, 0.45: GUARD, 0.7: GUARD | mirrored(PUNCH), 0.9: GUARD},
    ),
    "dance-sway": ("swaying from side to side", 40, 0.0, {0.0: SWAY, 0.5: mirrored(SWAY)}),
    "dance-step": (
        "hands on the hips, a heel to either side",
        40,
        0.0,
        {
            0.0: ON_HIPS,
            0.25: ON_HIPS
            | {"pelvis": (0, 5, 0)}
            | right(hip=(14, 34, 20))
            | left(knee=(22, 0, 0), hip=(12, 2, 8)),
            0.5: ON_HIPS,
            0.75: ON_HIPS
            | {"pelvis": (0, -5, 0)}
            | left(hip=(14, 34, 20))
            | right(knee=(22, 0, 0), hip=(12, 2, 8)),
        },
    ),
    "look-around": (
        "standing, looking to both sides",
        48,
        0.0,
        {
            0.0: REST,
            0.25: {"head": (0, 2, 44), "spine": (0, 0, 12)},
            0.5: REST,
            0.75: {"head": (0, -2, -44), "spine": (0, 0, -12)},
        },
    ),
}


def angles_at(keys: Keys, frames: int) -> list[Angles]:
    """A loop of poses through the key poses."""
    names = sorted({name for key in keys.values() for name in key})

    def rest(name: str) -> tuple[float, float, float]:
        return NEUTRAL.get(name.split("_", 1)[-1], (0.0, 0.0, 0.0))

    times = sorted(keys)
    rows = np.array([[keys[time].get(name, rest(name)) for name in names] for time in times])
    if len(times) == 1:
        return [dict(zip(names, map(tuple, rows[0]), strict=True))] * frames
    spline = CubicSpline(
        [*times, times[0] + 1.0], np.concatenate([rows, rows[:1]]), bc_type="periodic"
    )
    poses = spline(np.arange(frames) / frames)
    return [dict(zip(names, map(tuple, row), strict=True)) for row in poses]


def seen(keys: Keys, frames: int, turn: float | Callable[[float], float]) -> np.ndarray:
    """Joints (F, 18, 3): right, up, towards the camera, in statures from the floor."""
    person = {
        name: torch.from_numpy(np.stack([value] * frames)) for name, value in _average().items()
    }
    turns = [turn(i / frames) if callable(turn) else turn for i in range(frames)]
    rotations = [
        posed(angles, yaw) for angles, yaw in zip(angles_at(keys, frames), turns, strict=True)
    ]
    points = pose(person, torch.from_numpy(np.stack(rotations))).keypoints()
    return (points / (1.78 * person["scale"][0])).numpy()


def _average() -> dict[str, np.ndarray]:
    """A grown person of average build: the mean of many."""
    people = [draw_person(np.random.default_rng((1, number))) for number in range(400)]
    grown = [row for row in people if row["scale"] > 0.9]
    return {name: np.mean([row[name] for row in grown], 0, dtype=np.float32) for name in grown[0]}


def main() -> None:
    """Write all motions."""
    for name, (summary, frames, turn, keys) in MOTIONS.items():
        points = np.round(seen(keys, frames, turn) * SCALE).astype(int)
        tree = {
            "summary": summary,
            "fps": FPS,
            "skeleton": SKELETON.name,
            "frames": points.tolist(),
        }
        (OUT / f"{name}.json").write_text(json.dumps(tree, separators=(",", ":")) + "\n")
        print(f"{name}: {frames} frames")


if __name__ == "__main__":
    main()
