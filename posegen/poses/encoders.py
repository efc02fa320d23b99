"""Pose encoders: keypoints to pose maps, batched, on the keypoints' own device.

Nothing is written to disk: the published DeepFashion maps take 160 GB, the keypoints that they are
made from 5 MB. Maps are made in channels-last memory format, which is what networks want: making
them in another and converting them takes more than twice the time.
"""

from __future__ import annotations

import torch
from torch import Tensor

from posegen.core.contracts import PoseEncoder
from posegen.core.skeletons import skeleton
from posegen.poses.config import GaussianConfig, OneHotConfig


class GaussianEncoder(PoseEncoder):
    """One channel per joint: exp(-d²/(2σ²)), d the distance to the joint in pixels.

    A missing joint gives a channel of zeros. With σ = 6 these are the published Market-1501 maps
    (github.com/tengteng95/Pose-Transfer, `tool/generate_pose_map_market.py`).
    """

    def __init__(self, config: GaussianConfig) -> None:
        self.skeleton = config.skeleton
        self.channels = len(skeleton(config.skeleton))
        self.sigma = config.sigma

    def __call__(self, keypoints: Tensor, size: tuple[int, int]) -> Tensor:
        """See `PoseEncoder`. A Gaussian is separable: two small factors and one outer product."""
        height, width = size
        x, y, visibility = keypoints.unbind(-1)  # (B, K) each
        scale = -0.5 / self.sigma**2
        rows = torch.arange(height, device=keypoints.device, dtype=keypoints.dtype)[:, None]
        columns = torch.arange(width, device=keypoints.device, dtype=keypoints.dtype)[:, None]
        down = torch.exp(scale * (rows - y[:, None]).square())  # (B, H, K)
        across = torch.exp(scale * (columns - x[:, None]).square())  # (B, W, K)
        down = down * (visibility > 0)[:, None]
        return (down[:, :, None] * across[:, None]).permute(0, 3, 1, 2)  # (B, K, H, W)


class OneHotEncoder(PoseEncoder):
    """One channel per joint: 1 in the pixel nearest to the joint, 0 elsewhere.

    The published DeepFashion maps were stored as integers, which leaves just this of the Gaussian;
    the published DeepFashion weights were trained on them. A joint outside the image, like a
    missing one, gives a channel of zeros.
    """

    def __init__(self, config: OneHotConfig) -> None:
        self.skeleton = config.skeleton
        self.channels = len(skeleton(config.skeleton))

    def __call__(self, keypoints: Tensor, size: tuple[int, int]) -> Tensor:
        """See `PoseEncoder`."""
        height, width = size
        x, y, visibility = keypoints.unbind(-1)
        column, row = x.round().long(), y.round().long()
        present = (visibility > 0) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        place = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)  # (B, K)
        batch, joints = place.shape
        maps = keypoints.new_zeros(batch, height * width, joints)
        maps.scatter_(1, place[:, None], present[:, None].to(maps.dtype))
        return maps.view(batch, height, width, joints).permute(0, 3, 1, 2)
