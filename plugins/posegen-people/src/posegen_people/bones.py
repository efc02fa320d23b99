"""Bones: proportions and a pose's rotations to joint positions, frames and the 18 keypoints.

World axes: x to the picture's right, y up, z towards the camera, metres, floor at y = 0. A frame is
a rotation matrix whose columns are a bone's own left, up and front; an unturned person faces the
camera, so the person's left is +x. Limbs hang down (-y) at rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from posegen.core import SKELETONS
from posegen_people.geometry import constant, rotate

#: What is drawn of several people (see `wardrobe` and `scene`), stacked: name -> (B,) or (B, n).
People = Mapping[str, Tensor]

SKELETON = SKELETONS["openpose18"]

#: What names of joints and bones begin with, and the sign of the side's x.
SIDES = {"right_": -1.0, "left_": 1.0}

_LIMBS = ("clavicle", "shoulder", "elbow", "wrist", "hip", "knee", "foot")

#: Order of a pose's rotations; root turns the whole person about the vertical.
BONES = (
    *("root", "pelvis", "spine", "head"),
    *(side + bone for side in SIDES for bone in _LIMBS),
)

#: Face keypoints in the head's frame, in half head heights from the head's centre.
FACE = {
    "nose": (0.0, -0.22, 1.0),
    "right_eye": (-0.28, 0.04, 0.78),
    "left_eye": (0.28, 0.04, 0.78),
    "right_ear": (-0.68, -0.08, -0.06),
    "left_ear": (0.68, -0.08, -0.06),
}


@dataclass(frozen=True)
class Bones:
    """Posed bones of B people: joints[name] (B, 3) in metres, frames[name] (B, 3, 3)."""

    joints: Mapping[str, Tensor]
    frames: Mapping[str, Tensor]

    def keypoints(self) -> Tensor:
        """The 18 keypoints in world metres, (B, 18, 3)."""
        return torch.stack([self.joints[name] for name in SKELETON.joints], 1)


def pose(person: People, rotations: Tensor) -> Bones:
    """Pose people: person holds bone lengths in metres, each (B,); rotations (B, 18, 3, 3), BONES.

    The lower foot stands on the floor (y = 0) and the pelvis is above x = z = 0.
    """
    turn = dict(zip(BONES, rotations.unbind(1), strict=True))
    frames: dict[str, Tensor] = {"root": turn["root"]}
    joints: dict[str, Tensor] = {}

    def chain(name: str, parent: str) -> None:
        frames[name] = rotate(frames[parent], turn[name])

    def place(start: Tensor, frame: str, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return start + rotate(frames[frame], torch.stack((x, y, z), -1))

    zero = torch.zeros_like(person["torso"])
    joints["pelvis"] = torch.stack((zero, zero, zero), -1)
    chain("pelvis", "root")
    chain("spine", "pelvis")
    joints["waist"] = place(joints["pelvis"], "pelvis", zero, person["torso"] * 0.3, zero)
    joints["neck"] = place(joints["waist"], "spine", zero, person["torso"] * 0.7, zero)
    chain("head", "spine")
    pivot = place(joints["neck"], "spine", zero, person["neck"], zero - 0.008)
    half = person["head"]
    joints["head"] = place(pivot, "head", zero, half * 0.95, half * 0.2)
    for name, offset in FACE.items():
        vector = constant(*offset) * half[:, None]
        joints[name] = joints["head"] + rotate(frames["head"], vector)

    for prefix, sign in SIDES.items():
        frames[prefix + "clavicle"] = rotate(frames["spine"], turn[prefix + "clavicle"])
        joints[prefix + "shoulder"] = place(
            joints["neck"], prefix + "clavicle", sign * person["shoulder"], zero, zero
        )
        chain(prefix + "shoulder", "spine")
        chain(prefix + "elbow", prefix + "shoulder")
        chain(prefix + "wrist", prefix + "elbow")
        joints[prefix + "hip"] = place(joints["pelvis"], "pelvis", sign * person["hip"], zero, zero)
        chain(prefix + "hip", "pelvis")
        chain(prefix + "knee", prefix + "hip")
        chain(prefix + "foot", "root")
        for start, end, bone in (
            ("shoulder", "elbow", "upper_arm"),
            ("elbow", "wrist", "forearm"),
            ("hip", "knee", "thigh"),
            ("knee", "ankle", "shank"),
        ):
            joints[prefix + end] = place(
                joints[prefix + start], prefix + start, zero, -person[bone], zero
            )
    lowest = _lowest_sole(person, joints, frames)
    lift = torch.stack((zero, -lowest, zero), -1)
    return Bones({name: joint + lift for name, joint in joints.items()}, frames)


def _lowest_sole(
    person: People, joints: Mapping[str, Tensor], frames: Mapping[str, Tensor]
) -> Tensor:
    """Height (B,) of the lowest point of both soles: heel, ball or toe."""
    heights = []
    foot = person["foot"]
    for prefix in SIDES:
        for ahead in (-0.22, 0.5, 0.76):
            offset = torch.stack((foot * 0, -person["ankle"], foot * ahead), -1)
            point = joints[prefix + "ankle"] + rotate(frames[prefix + "foot"], offset)
            heights.append(point[:, 1])
    return torch.stack(heights).amin(0)
