"""A standing person to move about, for tests of what reads keypoints."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from posegen.core import skeleton

#: A standing person, joint by joint; what other skeletons have beside these joints stays missing.
STANDING = {
    "nose": (32, 15),
    "right_eye": (30, 13),
    "left_eye": (34, 13),
    "right_ear": (28, 14),
    "left_ear": (36, 14),
    "neck": (32, 25),
    "right_shoulder": (22, 25),
    "left_shoulder": (42, 25),
    "right_elbow": (18, 42),
    "left_elbow": (46, 42),
    "right_wrist": (16, 58),
    "left_wrist": (48, 58),
    "right_hip": (27, 60),
    "left_hip": (37, 60),
    "right_knee": (26, 86),
    "left_knee": (38, 86),
    "right_ankle": (26, 112),
    "left_ankle": (38, 112),
}


def standing(name: str = "openpose18", *missing: str) -> Tensor:
    """Return the keypoints (1, K, 3) of a standing person in a picture of 128×64 pixels.

    Args:
        name: of the skeleton; joints that the person has no position for are missing.
        missing: joints that are missing as well.
    """
    joints = [
        (*STANDING[joint], 1.0) if joint in STANDING and joint not in missing else (1e9, -1e9, 0.0)
        for joint in skeleton(name).joints
    ]
    return torch.tensor(joints)[None]


def turned(keypoints: Tensor, angle: float, scale: float, shift: tuple[float, float]) -> Tensor:
    """Turn keypoints (B, K, 3) about the origin by an angle, scale them and shift them."""
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    x, y, seen = keypoints.unbind(dim=2)
    return torch.stack([cos * x - sin * y + shift[0], sin * x + cos * y + shift[1], seen], dim=2)
