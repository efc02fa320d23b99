"""Brightness and colour apart."""

from __future__ import annotations

import torch
from torch import Tensor


def luma_chroma(image: Tensor) -> Tensor:
    """Return Y, Cb and Cr (ITU-R BT.601, as in JPEG) of RGB images or of their differences.

    Linear and without an offset: grey has Cb = Cr = 0. (B, 3, H, W) -> (B, 3, H, W).
    """
    red, green, blue = image.unbind(dim=1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return torch.stack([luma, (blue - luma) / 1.772, (red - luma) / 1.402], dim=1)
