"""The network: (image, pose maps) -> image, down to a small code and up again.

    level 0   input ─ first ─ blocks ───────── skip ─────────► join ─ blocks ─ last ─► image
                                │                                ▲
    level 1                   down ─ blocks ── skip ──► join ─ up┘
                                       │                  ▲
    level 2                          down ─ blocks ─── up ┘            (depth 2)

Level n has 1/2ⁿ of the height and width, and n + 1 times `width` channels: the paper's filters grow
linearly. What need not move takes the short way through the skips; what must move is moved below,
where a convolution sees far.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from posegen.core import Generator, GeneratorOutput, TaskInfo
from posegen_unet.config import UNetConfig


class UNet(Generator):
    """The first stage of PG2 (Ma et al. 2017, arXiv:1705.09368, section 3.1).

    As there: the source image and pose maps are joined at the input, residual blocks of two
    convolutions, one convolution of stride 2 per halving, skip connections, ReLU, 3×3 kernels.

    Otherwise than there: no fully connected layer in the middle, so that the network works at any
    size divisible by `size_multiple`; normalisation (option `norm`); the source's own pose as a
    third input (option `source_pose`); a tanh at the end, for images in [-1, 1].
    """

    def __init__(self, config: UNetConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        poses = ("source_pose", "target_pose") if config.source_pose else ("target_pose",)
        self.inputs = ("source", *poses)
        self.size_multiple = 2**config.depth
        widths = [config.width * (level + 1) for level in range(config.depth + 1)]
        self.first = conv(task.channels(self.inputs), widths[0], config)
        self.down_blocks = nn.ModuleList(blocks(width, config) for width in widths)
        self.downs = nn.ModuleList(
            conv(fine, coarse, config, stride=2) for fine, coarse in pairwise(widths)
        )
        levels = reversed(range(config.depth))
        self.ups = nn.ModuleList(Up(level, widths, config) for level in levels)
        self.last = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(
        self, source: Tensor, target_pose: Tensor, source_pose: Tensor | None = None
    ) -> GeneratorOutput:
        """Put the person of `source` into the pose `target_pose`; shapes as in the contract."""
        poses = [target_pose] if source_pose is None else [source_pose, target_pose]
        code = self.first(torch.cat([source, *poses], dim=1))  # (B, width, H, W)
        skips: list[Tensor] = []
        for level, down in enumerate(self.downs):
            code = self.down_blocks[level](code)
            skips.append(code)
            code = down(code)
        code = self.down_blocks[-1](code)  # (B, (depth + 1)·width, H/2^depth, W/2^depth)
        for up in self.ups:
            code = up(code, skips.pop())
        return GeneratorOutput(self.last(code).tanh())


class Up(nn.Module):
    """One level up: (B, c', h, w) and the level's skip (B, c, 2h, 2w) -> (B, c, 2h, 2w).

    Args:
        level: where it leads to.
        widths: channels of all levels.
        config: the generator's options.
    """

    def __init__(self, level: int, widths: list[int], config: UNetConfig) -> None:
        super().__init__()
        self.skips = config.skips
        self.enlarge = nn.Upsample(scale_factor=2)  # nearest: no checkerboard, and no new colours
        inputs = widths[level + 1] + (widths[level] if config.skips else 0)
        self.join = conv(inputs, widths[level], config)
        self.blocks = blocks(widths[level], config)

    def forward(self, code: Tensor, skip: Tensor) -> Tensor:
        """Enlarge the code, join the skip to it, and compute."""
        larger = self.enlarge(code)
        joined = torch.cat([larger, skip], dim=1) if self.skips else larger
        result: Tensor = self.blocks(self.join(joined))
        return result


class Residual(nn.Module):
    """Two convolutions around a shortcut: (B, width, h, w) -> the same shape."""

    def __init__(self, width: int, config: UNetConfig) -> None:
        super().__init__()
        self.change = nn.Sequential(conv(width, width, config), conv(width, width, config))

    def forward(self, code: Tensor) -> Tensor:
        """Add a change to the code."""
        changed: Tensor = code + self.change(code)
        return changed


def blocks(width: int, config: UNetConfig) -> nn.Sequential:
    """Return a level's residual blocks."""
    return nn.Sequential(*(Residual(width, config) for _ in range(config.blocks)))


def conv(inputs: int, outputs: int, config: UNetConfig, stride: int = 1) -> nn.Sequential:
    """Return convolution, norm, ReLU: (B, inputs, H, W) -> (B, outputs, H/stride, W/stride)."""
    norms: dict[str, list[nn.Module]] = {
        "batch": [nn.BatchNorm2d(outputs)],
        "instance": [nn.InstanceNorm2d(outputs, affine=True)],
        "none": [],
    }
    bias = config.norm == "none"  # a norm has a bias of its own
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=bias),
        *norms[config.norm],
        nn.ReLU(inplace=True),
    )
