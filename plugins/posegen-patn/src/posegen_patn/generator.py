"""The generator: two encoders, a chain of pose-attentional transfer blocks, a decoder.

source ──────────────────► image_encoder ─► image code ─► block ─► … ─► block ─► decoder ─► image
                                                            │ ▲
source_pose, target_pose ─► pose_encoder ──► pose code ───► block ─► …
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from posegen.core import Generator, GeneratorOutput, TaskInfo
from posegen_patn.config import PATNConfig
from posegen_patn.layers import conv, encoder, sequence


class PATNGenerator(Generator):
    """The progressive pose attention transfer network (arXiv:1904.03349, section 3.1).

    `aux["attention"]` is (B, blocks, H/4, W/4): the mean over the channels of each block's mask.
    """

    inputs = ("source", "source_pose", "target_pose")
    size_multiple = 4

    def __init__(self, config: PATNConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        ngf, norm = config.ngf, config.norm
        poses = task.channels(["source_pose", "target_pose"])
        self.image_encoder = encoder(3, ngf, norm)
        self.pose_encoder = encoder(poses, ngf, norm)
        self.blocks = nn.ModuleList(
            TransferBlock(config, 4 * ngf if i == 0 else 8 * ngf) for i in range(config.blocks)
        )
        # The one convolution with a bias whatever the normalisation: none follows it.
        to_image = nn.Conv2d(ngf, 3, 7, padding=3, padding_mode="reflect")
        self.decoder = sequence(
            up1=conv(4 * ngf, 2 * ngf, norm, up=True),
            up2=conv(2 * ngf, ngf, norm, up=True),
            head=sequence(conv=to_image, tanh=nn.Tanh()),
        )
        if config.init == "normal":
            self.apply(_draw_normal)

    def forward(self, source: Tensor, source_pose: Tensor, target_pose: Tensor) -> GeneratorOutput:
        """Put the person of `source` into the pose `target_pose`; shapes as in the contract."""
        return self.generate_from(self.encode_source(source, source_pose), target_pose)

    def encode_source(self, source: Tensor, source_pose: Tensor) -> tuple[Tensor, ...]:
        """Return the image code; the pose encoder reads both poses together, so it has to wait."""
        return self.image_encoder(source), source_pose

    def generate_from(self, code: tuple[Tensor, ...], target_pose: Tensor) -> GeneratorOutput:
        """Make the image; see the contract."""
        image, source_pose = code
        pose = self.pose_encoder(torch.cat([source_pose, target_pose], dim=1))
        masks: list[Tensor] = []
        for block in self.blocks:
            image, pose, mask = block(image, pose)
            if mask is not None:
                masks.append(mask.mean(dim=1))
        aux = {"attention": torch.stack(masks, dim=1)} if masks else {}
        return GeneratorOutput(self.decoder(image), aux)


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
        self.attention = config.attention
        width, norm, dropout = 4 * config.ngf, config.norm, config.dropout
        self.image_branch = sequence(
            first=conv(width, width, norm, dropout=dropout),
            second=conv(width, width, norm, relu=False),
        )
        self.pose_branch = sequence(
            first=conv(pose_channels, pose_channels, norm, dropout=dropout),
            second=conv(pose_channels, width, norm, normalised=False, relu=False),
        )

    def forward(self, image: Tensor, pose: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Change the image code, and take the pose code along.

        Args:
            image: (B, 4·ngf, h, w) image code.
            pose: (B, pose_channels, h, w) pose code.

        Returns:
            The new image code; the new pose code (B, 8·ngf, h, w), which is the pose branch's
            output beside it; and the mask in [0, 1], (B, 4·ngf, h, w), or None without attention.
        """
        change, pose = self.image_branch(image), self.pose_branch(pose)
        if not self.attention:  # the pose is added, or the image code would never learn of it
            image = image + change + pose
            return image, torch.cat([pose, image], dim=1), None
        mask = pose.sigmoid()
        image = image + mask * change
        return image, torch.cat([pose, image], dim=1), mask


def _draw_normal(module: nn.Module) -> None:
    """Draw the first weights as the published code does; convolutions keep PyTorch's biases."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
