"""What the generator and the discriminators are made of.

The layers have names (`conv`, `norm`, …), not numbers, so that the keys of a state dict say what
they are and do not depend on whether there is a dropout layer.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from posegen_patn.config import Norm
from posegen_patn.dropout import ReLUDropout


def sequence(**layers: nn.Module) -> nn.Sequential:
    """Return named layers in a row."""
    return nn.Sequential(OrderedDict(layers))


def conv(
    inputs: int,
    outputs: int,
    norm: Norm,
    *,
    kernel: int = 3,
    stride: int = 1,
    up: bool = False,
    normalised: bool = True,
    relu: bool = True,
    dropout: float = 0.0,
) -> nn.Sequential:
    """Return convolution, norm, ReLU, dropout: (B, inputs, H, W) -> (B, outputs, H', W').

    H' and W' are H and W divided by the stride, or doubled with `up`. As published, the border is
    reflected where the stride is 1, and zero where it is 2; and convolutions have a bias with
    instance norm only, because batch norm has one of its own.
    """
    bias = norm == "instance"
    layers: dict[str, nn.Module] = {}
    if up:
        layers["conv"] = nn.ConvTranspose2d(
            inputs, outputs, kernel, stride=2, padding=kernel // 2, output_padding=1, bias=bias
        )
    else:
        layers["conv"] = nn.Conv2d(
            inputs,
            outputs,
            kernel,
            stride=stride,
            padding=kernel // 2,
            padding_mode="reflect" if stride == 1 else "zeros",
            bias=bias,
        )
    if normalised:
        layers["norm"] = nn.BatchNorm2d(outputs) if norm == "batch" else nn.InstanceNorm2d(outputs)
    if relu:
        layers["relu"] = ReLUDropout(dropout) if dropout > 0 else nn.ReLU(inplace=True)
    return sequence(**layers)


def encoder(inputs: int, ngf: int, norm: Norm) -> nn.Sequential:
    """Return the encoder that all networks have: (B, inputs, H, W) -> (B, 4·ngf, H/4, W/4)."""
    return sequence(
        stem=conv(inputs, ngf, norm, kernel=7),
        down1=conv(ngf, 2 * ngf, norm, stride=2),
        down2=conv(2 * ngf, 4 * ngf, norm, stride=2),
    )
