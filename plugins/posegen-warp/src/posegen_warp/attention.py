"""Flows, and attention to the places that they name."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from posegen.core import at_least_float32, fetch


def warped(features: Tensor, flow: Tensor) -> Tensor:
    """Fetch features from where a flow says: (B, C, h, w) and (B, 2, h, w) -> (B, C, h, w)."""
    return fetch(features, patch_grid(flow, 1))[:, :, 0]


def patch_grid(flow: Tensor, size: int) -> Tensor:
    """Return the places of the patches that a flow names, as `sample` reads them.

    Args:
        flow: (B, 2, h, w), how far to the right and down, in places of a map of that size.
        size: k, the side of a patch; odd.

    Returns:
        (B, k², h, w, 2), row by row of the patch; -1 and 1 are the map's edges.
    """
    flow = at_least_float32(flow)
    axes = []
    for axis, side in enumerate(flow.shape[:1:-1]):  # x and w, then y and h
        along = torch.arange(side, device=flow.device, dtype=flow.dtype) + 0.5
        here = flow[:, axis] + (along if axis == 0 else along[:, None])
        offset = torch.arange(size, device=flow.device, dtype=flow.dtype) - size // 2
        offset = offset.repeat(size) if axis == 0 else offset.repeat_interleave(size)
        axes.append((here[:, None] + offset[:, None, None]) * (2 / side) - 1)
    return torch.stack(axes, dim=4)


class LocalAttention(nn.Module):
    """Each target place attends to a patch of the source around the place that the flow names.

    With S the k×k places around p + flow(p) in the source's features, bilinear and clamped to the
    border, and T those around p in the target's, the weights are softmax(M(S, T)) over the k²
    places, and the result is their weighted sum of S (Ren et al., arXiv:2003.00696, section 3.2).
    M is a convolution over both patches, LeakyReLU, and a 1×1 convolution.

    Args:
        channels: C, of the source's and of the target's features.
        size: k; 1 is plain warping.
        width: channels inside M.
    """

    def __init__(self, channels: int, size: int, width: int) -> None:
        super().__init__()
        self.size = size
        # One convolution over joined patches is the sum of one over each, and a convolution over
        # patches that lie where they belong is an ordinary one.
        self.source = nn.Conv2d(channels * size**2, width, 1)
        self.target = nn.Conv2d(
            channels, width, size, padding=size // 2, padding_mode="replicate", bias=False
        )
        self.weights = nn.Sequential(nn.LeakyReLU(0.1), nn.Conv2d(width, size**2, 1))

    def forward(self, target: Tensor, source: Tensor, flow: Tensor) -> Tensor:
        """Attend.

        Args:
            target: (B, C, h, w).
            source: (B, C, h, w).
            flow: (B, 2, h, w), see `patch_grid`.

        Returns:
            (B, C, h, w).
        """
        patches = fetch(source, patch_grid(flow, self.size))  # (B, C, k², h, w)
        joined = self.source(patches.flatten(1, 2).to(target.dtype)) + self.target(target)
        shares = at_least_float32(self.weights(joined)).softmax(dim=1)
        return (shares[:, None] * patches).sum(dim=2).to(target.dtype)
