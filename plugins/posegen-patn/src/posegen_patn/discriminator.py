"""The discriminator, of which a model has one per condition (appearance, shape)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from posegen.core import Discriminator, TaskInfo
from posegen_patn.config import ResnetDiscriminatorConfig
from posegen_patn.layers import branch, encoder
from posegen_patn.pool import ImagePool


class ResidualBlock(nn.Module):
    """Two convolutions around a shortcut; (B, channels, h, w) -> the same shape."""

    def __init__(self, config: ResnetDiscriminatorConfig) -> None:
        super().__init__()
        width = 4 * config.ngf
        self.branch = branch(width, width, config.norm, config.dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Add the branch to its input."""
        changed: Tensor = features + self.branch(features)
        return changed


class ResnetDiscriminator(Discriminator):
    """Scores an image beside a condition, as the published code does.

    There is no last convolution to one channel: every value of the last feature map is a score, of
    which the loss takes the mean. The weights start as PyTorch draws them (the published code
    initialises only its generator). The sigmoid that the published code has here for its BCE runs
    is the training method's business.
    """

    def __init__(self, config: ResnetDiscriminatorConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.conditions = config.conditions
        self.repeatable = (config.norm, config.dropout, config.pool_size) == ("instance", 0, 0)
        channels = 3 + task.channels(config.conditions)
        self.encoder = encoder(channels, config.ngf, config.norm)
        self.blocks = nn.Sequential(*(ResidualBlock(config) for _ in range(config.blocks)))
        self.pool = (
            ImagePool(config.pool_size, channels, task.image_size) if config.pool_size else None
        )

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """Return raw scores (B, 4·ngf, H/4, W/4) of an image (B, 3, H, W) and its condition."""
        scores: Tensor = self.blocks(self.encoder(torch.cat([image, condition], dim=1)))
        return scores

    def replay(
        self, image: Tensor, condition: Tensor, random: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Exchange some of the generated images for older ones, each with its own condition."""
        if self.pool is None:
            return image, condition
        chosen = self.pool.exchange(torch.cat([image, condition], dim=1), random)
        return chosen[:, : image.shape[1]], chosen[:, image.shape[1] :]
