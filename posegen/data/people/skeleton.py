"""Bones: proportions and pose rotations to joint positions, frames and the 18 keypoints.

World axes: x to the picture's right, y up, z towards the camera, metres, floor at y = 0. A frame is
a rotation matrix whose columns are a bone's own left, up and front; an unturned person faces the
camera, so the person's left is +x. Limbs hang down (-y) at rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from posegen.data.people.geometry import constant, rotate

__all__ = ["BONES", "KEYPOINTS", "Skeleton", "forward_kinematics"]

KEYPOINTS = (
    *("nose", "neck", "r_shoulder", "r_elbow", "r_wrist", "l_shoulder", "l_elbow", "l_wrist"),
    *("r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle"),
    *("r_eye", "l_eye", "r_ear", "l_ear"),
)
"""OpenPose's 18 body keypoints, in order; right and left are the person's own."""

BONES = (
    *("root", "pelvis", "spine", "head"),
    *("r_clavicle", "r_shoulder", "r_elbow", "r_wrist", "r_hip", "r_knee", "r_foot"),
    *("l_clavicle", "l_shoulder", "l_elbow", "l_wrist", "l_hip", "l_knee", "l_foot"),
)
"""Order of the local rotations of a pose; root turns the whole person about the vertical."""

FACE = {
    "nose": (0.0, -0.22, 1.0),
    "r_eye": (-0.28, 0.04, 0.78),
    "l_eye": (0.28, 0.04, 0.78),
    "r_ear": (-0.68, -0.08, -0.06),
    "l_ear": (0.68, -0.08, -0.06),
}
"""Face keypoints in the head's frame, in half head heights from the head's centre."""


@dataclass(frozen=True)
class Skeleton:
    """Posed bones of B people: joints[name] (B, 3) in metres, frames[name] (B, 3, 3)."""

    joints: Mapping[str, Tensor]
    frames: Mapping[str, Tensor]

    def keypoints(self) -> Tensor:
        """The 18 keypoints in world metres, (B, 18, 3)."""
        return torch.stack([self.joints[name] for name in KEYPOINTS], 1)


def forward_kinematics(person: Mapping[str, Tensor], rotations: Tensor) -> Skeleton:
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
        vector = constant(offset, half.device) * half[:, None]
        joints[name] = joints["head"] + rotate(frames["head"], vector)

    for prefix, sign in (("r_", -1.0), ("l_", 1.0)):
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
    return Skeleton({name: joint + lift for name, joint in joints.items()}, frames)


def _lowest_sole(
    person: Mapping[str, Tensor], joints: Mapping[str, Tensor], frames: Mapping[str, Tensor]
) -> Tensor:
    """Height (B,) of the lowest point of both soles: heel, ball or toe."""
    heights = []
    foot = person["foot"]
    for prefix in ("r_", "l_"):
        for ahead in (-0.22, 0.5, 0.76):
            offset = torch.stack((foot * 0, -person["ankle"], foot * ahead), -1)
            point = joints[prefix + "ankle"] + rotate(frames[prefix + "foot"], offset)
            heights.append(point[:, 1])
    return torch.stack(heights).amin(0)
