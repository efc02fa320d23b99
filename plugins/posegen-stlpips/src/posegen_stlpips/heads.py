"""Heads, cut out of pictures by the targets' keypoints."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import roi_align

from posegen.core import ConfigError, skeleton

#: Side in pixels of the enlarged heads.
HEAD = 64
_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
#: Half a side of the square around the face's middle, in distances from there to the neck.
_REACH = 1.1
#: The least half side, in pixels: of a head that is bent towards the camera the neck is near.
_LEAST = 5.0


class Heads:
    """Cuts out the heads of a batch.

    Args:
        layout: name of the keypoints' skeleton.

    Raises:
        ConfigError: for a skeleton without a nose or shoulders.
    """

    def __init__(self, layout: str) -> None:
        joints = skeleton(layout).joints
        for need in ("nose", "left_shoulder", "right_shoulder"):
            if need not in joints:
                raise ConfigError(f"region=head needs a skeleton with {need}; {layout} has none.")
        self.face = [joints.index(joint) for joint in _FACE if joint in joints]
        self.shoulders = [joints.index(f"{side}_shoulder") for side in ("left", "right")]

    def __call__(self, keypoints: Tensor, *images: Tensor) -> list[Tensor]:
        """Return the heads of each of some images: (N, 3, HEAD, HEAD).

        Args:
            keypoints: (B, K, 3), in pixels of the images; N of them have shoulders and a face.
            images: (B, 3, H, W).
        """
        face, seen = keypoints[:, self.face, :2], keypoints[:, self.face, 2:] > 0
        middle = (face * seen).sum(1) / seen.sum(1).clamp(min=1)
        shoulders = keypoints[:, self.shoulders]
        neck = shoulders[..., :2].mean(1)
        there = seen.any(1)[:, 0] & (shoulders[..., 2] > 0).all(1)
        half = (_REACH * (middle - neck).norm(dim=1, keepdim=True)).clamp(min=_LEAST)
        number = torch.arange(len(keypoints), device=keypoints.device, dtype=middle.dtype)
        # Pixel centres are at whole numbers here, and at halves there.
        boxes = torch.cat([number[:, None], middle + 0.5 - half, middle + 0.5 + half], 1)[there]
        return [roi_align(image, boxes, HEAD, sampling_ratio=2, aligned=True) for image in images]
