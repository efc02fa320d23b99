"""What the networks are made of. As in the starting text, a norm follows its activation."""

from __future__ import annotations

from torch import Tensor, nn

from posegen_patn_masked.config import Norm

#: Slope of the leaky activations below zero.
SLOPE = 0.2


def norm_layer(norm: Norm, width: int) -> nn.Module:
    """Return the normalisation layer of this name."""
    return nn.BatchNorm2d(width) if norm == "batch" else nn.InstanceNorm2d(width, affine=True)


def down(inputs: int, outputs: int, norm: Norm, *, kernel: int = 4) -> nn.Sequential:
    """Return convolution, LeakyReLU, norm; an even kernel halves height and width."""
    stride = 2 if kernel % 2 == 0 else 1
    padding = (kernel - 1) // 2
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding),
        nn.LeakyReLU(SLOPE, inplace=True),
        norm_layer(norm, outputs),
    )


def up(inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
    """Return transposed convolution, ReLU, norm: height and width are doubled."""
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1),
        nn.ReLU(inplace=True),
        norm_layer(norm, outputs),
    )


class Residual(nn.Module):
    """Two 3×3 convolutions around a shortcut: (B, width, h, w) -> the same."""

    def __init__(self, width: int, norm: Norm) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(inplace=True),
            norm_layer(norm, width),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, code: Tensor) -> Tensor:
        """Add a change to the code."""
        changed: Tensor = code + self.change(code)
        return changed
