"""What both networks are made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def norm_layer(name: str, width: int) -> list[nn.Module]:
    """Return the normalisation layer of this name, or none."""
    if name == "batch":
        return [nn.BatchNorm2d(width)]
    return [nn.InstanceNorm2d(width, affine=True)] if name == "instance" else []


def conv(inputs: int, outputs: int, norm: str, *, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Return convolution, norm, LeakyReLU: (B, inputs, h, w) -> (B, outputs, h/s, w/s)."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=norm == "none"),
        *norm_layer(norm, outputs),
        nn.LeakyReLU(0.1, inplace=True),
    )


class Residual(nn.Module):
    """Two convolutions around a shortcut, which at first is all: (B, width, h, w) -> the same."""

    def __init__(self, width: int, norm: str) -> None:
        super().__init__()
        last = nn.Conv2d(width, width, 3, padding=1)
        for parameter in last.parameters():
            nn.init.zeros_(parameter)
        self.change = nn.Sequential(conv(width, width, norm), last)

    def forward(self, code: Tensor) -> Tensor:
        """Add a change to the code."""
        changed: Tensor = code + self.change(code)
        return changed


def halved(maps: Tensor) -> Tensor:
    """Return means of squares of four: (B, C, h, w) -> (B, C, h/2, w/2)."""
    return functional.avg_pool2d(maps, 2)


def channels_last(tensor: Tensor) -> Tensor:
    """Return the tensor in the memory format in which convolutions are fastest."""
    return tensor.contiguous(memory_format=torch.channels_last)
