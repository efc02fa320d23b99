"""Conversions between keypoint layouts: one rule for all.

A joint keeps its name in every layout that has it (`posegen.poses.layouts`), so a target's joint
is, in this order: the source's joint of that name; the midpoint of two of the source's joints,
where `MIDPOINTS` says so; or missing. Nothing else is made up: a heel says nothing of a toe.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from posegen.poses.layouts import layout

#: Joints that are computed where a source lacks them: the midpoint of two others.
MIDPOINTS = {
    "neck": ("right_shoulder", "left_shoulder"),
    "mid_hip": ("right_hip", "left_hip"),
}


@dataclass(frozen=True)
class Conversion:
    """How the joints of one layout come from another's.

    Attributes:
        joints: for each joint of the target the source's joint numbers: one to copy, two whose
            midpoint it is, or none where it is missing.
    """

    joints: tuple[tuple[int, ...], ...]

    def __call__(self, keypoints: Tensor) -> Tensor:
        """Convert (…, K, 3) keypoints: x, y and visibility; see `convert`."""
        result = keypoints.new_zeros(*keypoints.shape[:-2], len(self.joints), 3)
        for wanted, given in enumerate(self.joints):
            if len(given) == 1:
                result[..., wanted, :] = keypoints[..., given[0], :]
            elif given:
                result[..., wanted, :] = _midpoint(keypoints[..., list(given), :])
        return result


def _midpoint(pair: Tensor) -> Tensor:
    """Return the midpoint of (…, 2, 3), seen as far as the less seen of the two; else zeros."""
    visibility = pair[..., 2].amin(-1, keepdim=True)
    middle = torch.cat([pair[..., :2].mean(-2), visibility], dim=-1)
    return torch.where(visibility > 0, middle, 0)


@cache
def conversion(source: str, target: str) -> Conversion:
    """Return how keypoints of the layout `source` become keypoints of the layout `target`.

    Raises:
        ConfigError: for an unknown layout.
    """
    number = {joint: index for index, joint in enumerate(layout(source).joints)}

    def origin(joint: str) -> tuple[int, ...]:
        if joint in number:
            return (number[joint],)
        ends = MIDPOINTS.get(joint, ())
        return tuple(number[end] for end in ends) if all(e in number for e in ends) else ()

    return Conversion(tuple(origin(joint) for joint in layout(target).joints))


def convert(keypoints: Tensor, source: str, target: str) -> Tensor:
    """Convert keypoints from one layout to another.

    A neck that the source lacks is the midpoint of the shoulders, and only where both are there;
    its visibility is the lesser of theirs. Joints that the source has no equivalent of are missing:
    all zeros.

    Args:
        keypoints: (…, K, 3): x, y in pixels and visibility; 0 for a missing joint.
        source: name of their layout.
        target: name of the wanted layout.

    Returns:
        (…, K', 3), of the same type and on the same device; `keypoints` itself where the layouts
        are the same.

    Raises:
        ConfigError: for an unknown layout.
        ValueError: for keypoints of another shape than the source's.
    """
    expected = (len(layout(source)), 3)
    if tuple(keypoints.shape[-2:]) != expected:
        raise ValueError(
            f"keypoints of shape {tuple(keypoints.shape)} are not of the layout {source!r}, whose "
            f"shape ends with {expected}."
        )
    if source == target:
        return keypoints
    return conversion(source, target)(keypoints)
