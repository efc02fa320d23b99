"""The discriminator; a model has one for each condition (appearance, shape)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from posegen.core import Discriminator, ImagePool, TaskInfo
from posegen_patn.config import ResnetDiscriminatorConfig
from posegen_patn.layers import conv, encoder, sequence


class ResnetDiscriminator(Discriminator):
    """Scores an image beside its conditions, as the published code does.

    There is no last convolution to one channel: every value of the last feature map is a score, of
    which the loss takes the mean. The weights start as PyTorch draws them (the published code
    initialises only its generator). The sigmoid that the published code has here for its BCE runs
    is the training method's business.
    """

    def __init__(self, config: ResnetDiscriminatorConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.inputs = config.conditions
        self.encoder = encoder(3 + task.channels(self.inputs), config.ngf, config.norm)
        self.blocks = nn.Sequential(*(ResidualBlock(config) for _ in range(config.blocks)))
        remembered = config.pool_size
        self.pool = ImagePool(remembered, self.inputs, task) if remembered > 0 else None

    def forward(self, image: Tensor, **inputs: Tensor) -> Tensor:
        """Return raw scores (B, 4·ngf, H/4, W/4) of an image (B, 3, H, W) beside its conditions."""
        joined = torch.cat([image, *(inputs[name] for name in self.inputs)], dim=1)
        scores: Tensor = self.blocks(self.encoder(joined))
        return scores

    def replay(
        self, image: Tensor, inputs: dict[str, Tensor], random: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Exchange some of the generated images for older ones, each with its own conditions."""
        if self.pool is None:
            return image, inputs
        return self.pool.exchange(image, inputs, random)


class ResidualBlock(nn.Module):
    """Two convolutions around a shortcut; (B, 4·ngf, h, w) -> the same shape."""

    def __init__(self, config: ResnetDiscriminatorConfig) -> None:
        super().__init__()
        width, norm = 4 * config.ngf, config.norm
        self.branch = sequence(
            first=conv(width, width, norm, dropout=config.dropout),
            second=conv(width, width, norm, relu=False),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Add the branch to its input."""
        changed: Tensor = features + self.branch(features)
        return changed
