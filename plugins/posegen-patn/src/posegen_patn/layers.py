"""The convolutional units that the generator and the discriminator are made of.

The parts of a unit have names (`conv`, `norm`, …), not numbers, so that the keys of a state dict
say what they are and do not depend on whether there is a dropout layer.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from posegen_patn.config import Norm


def conv_unit(
    inputs: int,
    outputs: int,
    norm: Norm,
    *,
    kernel: int = 3,
    stride: int = 1,
    normalised: bool = True,
    relu: bool = True,
    dropout: float = 0.0,
) -> nn.Sequential:
    """Return convolution, norm, ReLU, dropout: (B, inputs, H, W) -> (B, outputs, H/s, W/s).

    s is the stride. As published, the border is reflected where the stride is
    1, and zero where it is 2.
    """
    conv = nn.Conv2d(
        inputs,
        outputs,
        kernel,
        stride=stride,
        padding=kernel // 2,
        padding_mode="reflect" if stride == 1 else "zeros",
        bias=_has_bias(norm),
    )
    return _unit(conv, norm if normalised else None, relu, dropout)


def up_unit(inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
    """Return transposed convolution, norm, ReLU: (B, inputs, H, W) -> (B, outputs, 2H, 2W)."""
    conv = nn.ConvTranspose2d(
        inputs, outputs, 3, stride=2, padding=1, output_padding=1, bias=_has_bias(norm)
    )
    return _unit(conv, norm, relu=True, dropout=0.0)


def encoder(inputs: int, ngf: int, norm: Norm) -> nn.Sequential:
    """Return the stem that all networks share: (B, inputs, H, W) -> (B, 4·ngf, H/4, W/4)."""
    return nn.Sequential(
        OrderedDict(
            stem=conv_unit(inputs, ngf, norm, kernel=7),
            down1=conv_unit(ngf, 2 * ngf, norm, stride=2),
            down2=conv_unit(2 * ngf, 4 * ngf, norm, stride=2),
        )
    )


def branch(
    inputs: int, outputs: int, norm: Norm, dropout: float, *, normalised: bool = True
) -> nn.Sequential:
    """Return the two convolutions of a block: (B, inputs, h, w) -> (B, outputs, h, w).

    Args:
        inputs: channels of the input and of what is between the two.
        outputs: channels of the result, which no ReLU follows.
        norm: normalisation after the first, and where `normalised` after the second.
        dropout: probability, after the first; 0 for no such layer.
        normalised: whether the second is normalised.
    """
    return nn.Sequential(
        OrderedDict(
            first=conv_unit(inputs, inputs, norm, dropout=dropout),
            second=conv_unit(inputs, outputs, norm, relu=False, normalised=normalised),
        )
    )


def _has_bias(norm: Norm) -> bool:
    # Batch norm has a bias of its own; as published, the convolutions have one with instance norm.
    return norm == "instance"


def _unit(conv: nn.Module, norm: Norm | None, relu: bool, dropout: float) -> nn.Sequential:
    parts: OrderedDict[str, nn.Module] = OrderedDict(conv=conv)
    if norm is not None:
        channels = conv.out_channels
        assert isinstance(channels, int)
        parts["norm"] = nn.BatchNorm2d(channels) if norm == "batch" else nn.InstanceNorm2d(channels)
    if relu:
        parts["relu"] = ReLUDropout(dropout) if dropout > 0 else nn.ReLU(inplace=True)
    return nn.Sequential(parts)


class ReLUDropout(nn.Module):
    """ReLU and dropout in one: neither the mask nor the ReLU's result is kept for the gradient.

    What is positive in the result is what has passed both, and that is all the gradient needs; the
    convolution that follows keeps the result anyway. In evaluation mode it is a ReLU.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, features: Tensor) -> Tensor:
        """Return relu(features), in training with a share `p` of zeros and the rest / (1 - p)."""
        if not self.training:
            return features.relu()
        result: Tensor = _ReLUDropout.apply(features, self.p)
        return result


class _ReLUDropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, p: float) -> Tensor:
        # On a CPU, drawing numbers takes a quarter of the time of drawing a mask (`bernoulli_`).
        kept = torch.rand_like(features).ge_(p)
        result = features.relu().mul_(kept).div_(1 - p)
        ctx.p = p
        ctx.save_for_backward(result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (result,) = ctx.saved_tensors
        passed = torch.ops.aten.threshold_backward(gradient, result, 0)
        return passed.div_(1 - ctx.p), None
