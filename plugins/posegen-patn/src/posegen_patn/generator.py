"""The generator: two encoders, a chain of pose-attentional transfer blocks, a decoder."""

from __future__ import annotations

from collections import OrderedDict
from typing import cast

import torch
from torch import Tensor, nn

from posegen.core import Generator, GeneratorOutput, TaskInfo
from posegen_patn.config import PATNConfig
from posegen_patn.layers import branch, encoder, up_unit


class TransferBlock(nn.Module):
    """One pose-attentional transfer block.

    The pose code decides where the image code is changed: a mask, the sigmoid of the pose branch,
    multiplies the change that the image branch proposes (paper, section 3.1.2).

    Args:
        config: the generator's options.
        pose_channels: channels of the incoming pose code: 4·ngf in the first block, later 8·ngf.
    """

    def __init__(self, config: PATNConfig, pose_channels: int) -> None:
        super().__init__()
        width = 4 * config.ngf
        self.attention = config.attention
        self.image_branch = branch(width, width, config.norm, config.dropout)
        self.pose_branch = branch(
            pose_channels, width, config.norm, config.dropout, normalised=False
        )

    def forward(
        self, image: Tensor, pose: Tensor, change: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Change the image code.

        Args:
            image: (B, 4·ngf, h, w) image code.
            pose: (B, pose_channels, h, w) pose code.
            change: the image branch's output for this image code, where it is known already.

        Returns:
            The new image code; the pose branch's output, before the sigmoid, of the same shape; and
            the mask in [0, 1], of the same shape, or None without attention.
        """
        if change is None:
            change = self.image_branch(image)
        pose = self.pose_branch(pose)
        if not self.attention:
            # Added, not left out: the image code would else never learn of the wanted pose.
            return image + change + pose, pose, None
        mask = pose.sigmoid()
        return image + mask * change, pose, mask


class PATNGenerator(Generator):
    """The progressive pose attention transfer network (arXiv:1904.03349, section 3.1).

    In evaluation mode, `aux["attention"]` is (B, blocks, H/4, W/4): the mean over the channels of
    each block's mask.
    """

    size_multiple = 4

    def __init__(self, config: PATNConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        width = 4 * config.ngf
        self.image_encoder = encoder(3, config.ngf, config.norm)
        self.pose_encoder = encoder(2 * task.pose_channels, config.ngf, config.norm)
        self.blocks = nn.ModuleList(
            TransferBlock(config, width if i == 0 else 2 * width) for i in range(config.blocks)
        )
        self.decoder = _decoder(config)
        if config.init == "normal":
            self.apply(_draw_normal)

    def forward(self, source: Tensor, source_pose: Tensor, target_pose: Tensor) -> GeneratorOutput:
        """Put the person of `source` into the pose `target_pose`; shapes as in the contract."""
        return self.generate_from(self.encode_source(source, source_pose), target_pose)

    def encode_source(self, source: Tensor, source_pose: Tensor) -> tuple[Tensor, ...]:
        """Return the image code, the change that the first block proposes, and the pose map.

        No other part sees the source alone: the pose encoder reads both poses together, and from
        the first block's result on, the image code depends on them.
        """
        image = self.image_encoder(source)
        first = cast(TransferBlock, self.blocks[0])
        return image, first.image_branch(image), source_pose

    def generate_from(self, code: tuple[Tensor, ...], target_pose: Tensor) -> GeneratorOutput:
        """Make the image; see the contract."""
        image, change, source_pose = code
        pose = self.pose_encoder(torch.cat([source_pose, target_pose], dim=1))
        seen: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            # Joined here, before a block, and not after each: nothing reads the last block's.
            joined = pose if index == 0 else torch.cat([pose, image], dim=1)
            image, pose, mask = block(image, joined, change if index == 0 else None)
            if mask is not None and not self.training:
                seen.append(mask.detach().mean(dim=1))
        aux = {"attention": torch.stack(seen, dim=1)} if seen else {}
        return GeneratorOutput(self.decoder(image), aux)


def _decoder(config: PATNConfig) -> nn.Sequential:
    """(B, 4·ngf, h, w) -> (B, 3, 4h, 4w) in [-1, 1]."""
    ngf = config.ngf
    head = OrderedDict(
        # The one convolution that has a bias whatever the normalisation: none follows it.
        conv=nn.Conv2d(ngf, 3, 7, padding=3, padding_mode="reflect"),
        tanh=nn.Tanh(),
    )
    return nn.Sequential(
        OrderedDict(
            up1=up_unit(4 * ngf, 2 * ngf, config.norm),
            up2=up_unit(2 * ngf, ngf, config.norm),
            head=nn.Sequential(head),
        )
    )


def _draw_normal(module: nn.Module) -> None:
    """Draw the first weights as the published code does; convolutions keep PyTorch's biases."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
