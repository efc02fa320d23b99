"""A pose detector in use: its people in the layout that is wanted, and within the picture."""

from __future__ import annotations

import torch
from torch import Tensor

from posegen.core.contracts import PoseDetector
from posegen.core.errors import PluginError
from posegen.poses.conversions import convert
from posegen.poses.layouts import LAYOUTS
from posegen.poses.people import drop_outside


def detect_people(detector: PoseDetector, images: Tensor, wanted: str) -> list[Tensor]:
    """Find the people in pictures.

    Joints outside the picture are missing, as in the data sets, and the visibility of all others is
    1. Both before keypoints are converted, so that a neck needs two shoulders in the picture.

    Args:
        detector: any detector; its keypoints are converted.
        images: (B, 3, H, W) uint8 RGB.
        wanted: name of the layout of the result.

    Returns:
        For each picture (N, K, 3): the people of whom at least one joint is in it, best first as
        the detector has them; x, y in pixels and visibility, on the CPU.

    Raises:
        PluginError: where the detector breaks its contract.
    """
    if detector.layout not in LAYOUTS:
        raise PluginError(
            f"{type(detector).__name__} gives keypoints of the layout {detector.layout!r}; posegen "
            f"knows {', '.join(LAYOUTS)}."
        )
    joints = len(LAYOUTS[detector.layout])
    found = detector(images)
    if len(found) != len(images):
        raise PluginError(
            f"{type(detector).__name__} returned the people of {len(found)} pictures for "
            f"{len(images)}; its package is broken."
        )
    size = (images.shape[-2], images.shape[-1])
    result = []
    for people in found:
        if people.dim() != 3 or people.shape[1:] != (joints, 3):
            raise PluginError(
                f"{type(detector).__name__} returned people of shape {tuple(people.shape)} for "
                f"(N, {joints}, 3), the {detector.layout!r} keypoints; its package is broken."
            )
        kept = drop_outside(people.detach().to("cpu", torch.float32), size)
        kept[..., 2].ceil_()
        result.append(convert(kept[kept[..., 2].any(-1)], detector.layout, wanted))
    return result
