"""Conversions between skeletons: one rule for all.

A joint keeps its name in every skeleton that has it (`posegen.core.skeletons`), so a target's joint
is, in this order: the source's joint of that name; the midpoint of two of the source's joints,
where `MIDPOINTS` says so; or missing. Nothing else is made up: a heel says nothing of a toe.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from posegen.core.skeletons import skeleton

#: Joints that are computed where a source lacks them: the midpoint of two others.
MIDPOINTS = {
    "neck": ("right_shoulder", "left_shoulder"),
    "mid_hip": ("right_hip", "left_hip"),
}


@cache
def origins(source: str, target: str) -> tuple[tuple[int, ...], ...]:
    """Return where each joint of the skeleton `target` comes from.

    Returns:
        Joint numbers of the skeleton `source`: one to copy, two whose midpoint it is, or none where
        the joint is missing.

    Raises:
        ConfigError: for an unknown skeleton.
    """
    number = {joint: index for index, joint in enumerate(skeleton(source).joints)}

    def origin(joint: str) -> tuple[int, ...]:
        names = (joint,) if joint in number else MIDPOINTS.get(joint, ())
        return tuple(number[name] for name in names) if all(n in number for n in names) else ()

    return tuple(origin(joint) for joint in skeleton(target).joints)


def convert(keypoints: Tensor, source: str, target: str) -> Tensor:
    """Convert keypoints from one skeleton to another.

    A neck that the source lacks is the midpoint of the shoulders, and only where both are there;
    its visibility is the lesser of theirs. Joints that the source has no equivalent of are missing:
    all zeros.

    Args:
        keypoints: (…, K, 3): x, y in pixels and visibility; 0 for a missing joint.
        source, target: names of the skeletons.

    Returns:
        (…, K', 3), of the same type and on the same device; `keypoints` itself where the skeletons
        are the same.

    Raises:
        ConfigError: for an unknown skeleton.
        ValueError: for keypoints of another shape than the source's.
    """
    expected = (len(skeleton(source)), 3)
    if tuple(keypoints.shape[-2:]) != expected:
        raise ValueError(
            f"keypoints of shape {tuple(keypoints.shape)} are not of the skeleton {source!r}, "
            f"whose shape ends with {expected}."
        )
    if source == target:
        return keypoints
    joints = origins(source, target)
    result = keypoints.new_zeros(*keypoints.shape[:-2], len(joints), 3)
    for joint, given in enumerate(joints):
        if len(given) == 1:
            result[..., joint, :] = keypoints[..., given[0], :]
        elif given:
            ends = keypoints[..., list(given), :]
            visibility = ends[..., 2].amin(-1, keepdim=True)
            middle = torch.cat([ends[..., :2].mean(-2), visibility], dim=-1)
            result[..., joint, :] = torch.where(visibility > 0, middle, 0)
    return result
