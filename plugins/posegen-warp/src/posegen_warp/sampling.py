"""Fetching features from other places."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def sample(features: Tensor, grid: Tensor) -> Tensor:
    """Fetch features for each part: (B, C, h', w') at (B, P, h, w, 2) -> (B, C, P, h, w).

    Bilinear; beyond the border, what is at the border. Never of lower precision than float32.
    """
    batch, parts, height, width, _ = grid.shape
    features = at_least_float32(features)
    fetched = functional.grid_sample(
        features,
        grid.reshape(batch, parts * height, width, 2).to(features.dtype),
        padding_mode="border",
        align_corners=False,
    )
    return fetched.reshape(batch, -1, parts, height, width)


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return the tensor in float32, where it is of lower precision."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
