"""MoveNet: a MobileNetV2 with a feature pyramid, four heads, and how a person is read off them.

Written after the graphs that Google published (tfhub.dev/google/movenet/singlepose, version 4, one
for Lightning and one for Thunder), whose batch normalisation is folded into the convolutions.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from posegen.core import WeightsError, read_tensors

JOINTS = 17  # COCO's

SHIPPED = Path(__file__).parent / "weights" / "lightning.safetensors"

#: Places of a map that are this near to each other hardly differ in their prior.
_SOFT = 1.8


class Variant(NamedTuple):
    """A network of the family.

    Attributes:
        width: factor of the backbone's channels.
        size: height and width of the pictures that it was trained on, in pixels.
    """

    width: float
    size: int


VARIANTS = {"lightning": Variant(1.0, 192), "thunder": Variant(1.75, 256)}

#: MobileNetV2's blocks: (channels, blocks, stride of the first one); table 2 of arXiv:1801.04381.
_STAGES = ((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1))
_EXPANSION = 6
_LAST = 1280
#: The blocks after which the pyramid looks at the backbone, from the coarsest, and its channels.
_TAPS = (9, 5, 2)
_PYRAMID = (64, 32, 24, 24)
_HEAD = 96


class Maps(NamedTuple):
    """What the network says of each place of a picture: maps (B, C, h, w) of a quarter of its size.

    Attributes:
        centres: whether a person's middle is there: (B, 1, h, w), a logit.
        reach: from a person's middle to each joint: (B, 34, h, w), y and x of the 17 in turn, in
            places.
        joints: whether a joint is there: (B, 17, h, w), logits.
        offsets: where in the place the joint is: (B, 34, h, w), like `reach`.
    """

    centres: Tensor
    reach: Tensor
    joints: Tensor
    offsets: Tensor


class MoveNetNetwork(nn.Module):
    """The network, in one of its variants. Built without weights; see `load_network`."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.variant = variant
        self.stem = Conv(3, _scaled(32, variant.width), 3, stride=2)
        self.blocks = nn.ModuleList()
        channels, taps = self.stem.out_channels, {}
        for width, count, stride in _STAGES:
            for number in range(count):
                out = _scaled(width, variant.width)
                expansion = _EXPANSION if len(self.blocks) else 1
                step = stride if number == 0 else 1
                self.blocks.append(Block(channels, out, step, expansion))
                taps[len(self.blocks) - 1] = channels = out
        self.last = Conv(channels, _LAST, 1)
        self.top = nn.Conv2d(_LAST, _PYRAMID[0], 1)
        self.laterals, self.merges = nn.ModuleList(), nn.ModuleList()
        for tap, before, after in zip(_TAPS, _PYRAMID, _PYRAMID[1:], strict=False):
            self.laterals.append(nn.Conv2d(taps[tap], before, 1))
            self.merges.append(Separable(before, after))
        self.centres, self.reach, self.joints, self.offsets = (
            nn.Sequential(Separable(_PYRAMID[-1], _HEAD), nn.Conv2d(_HEAD, out, 1))
            for out in (1, 2 * JOINTS, JOINTS, 2 * JOINTS)
        )

    def forward(self, images: Tensor) -> Maps:
        """Return the maps of pictures.

        Args:
            images: (B, 3, H, W) float32 RGB in [0, 255], H and W divisible by 32. People are found
                best in squares of the variant's size.
        """
        values = self.stem(images / 127.5 - 1)
        tapped = []
        for number, block in enumerate(self.blocks):
            values = block(values)
            if number in _TAPS:
                tapped.append(values)
        values = self.top(self.last(values))
        for lateral, merge, fine in zip(self.laterals, self.merges, reversed(tapped), strict=True):
            coarse = functional.interpolate(values, scale_factor=2, mode="bilinear")
            values = merge(coarse + lateral(fine))
        heads = (self.centres, self.reach, self.joints, self.offsets)
        return Maps(*(head(values) for head in heads))


class Conv(nn.Conv2d):
    """A convolution with ReLU6, padded as TensorFlow does: with a stride of 2 only at the end."""

    def __init__(
        self, channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(channels, out, kernel, stride, padding, groups=groups)

    def forward(self, input: Tensor) -> Tensor:
        """Return (B, C', H', W') of (B, C, H, W); H and W even where the stride is 2."""
        if self.stride[0] == 2:
            input = functional.pad(input, (0, 1, 0, 1))
        return functional.relu6(super().forward(input))


class Block(nn.Module):
    """MobileNetV2's inverted residual."""

    def __init__(self, channels: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = channels * expansion
        self.expand = Conv(channels, inner, 1) if expansion > 1 else nn.Identity()
        self.depthwise = Conv(inner, inner, 3, stride, groups=inner)
        self.project = nn.Conv2d(inner, out, 1)
        self.residual = stride == 1 and channels == out

    def forward(self, values: Tensor) -> Tensor:
        """Return (B, C', H', W') of (B, C, H, W)."""
        made: Tensor = self.project(self.depthwise(self.expand(values)))
        return values + made if self.residual else made


class Separable(nn.Module):
    """A convolution of each channel, one across them, ReLU."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, out, 1)

    def forward(self, values: Tensor) -> Tensor:
        """Return (B, C', H, W) of (B, C, H, W)."""
        return functional.relu(self.pointwise(self.depthwise(values)))


def _scaled(channels: int, width: float) -> int:
    """Return the channels of a wider backbone: a multiple of 8, as MobileNetV2's authors round."""
    nearest = max(8, int(channels * width + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels * width else nearest


def decode(maps: Maps, people: int = 1) -> tuple[Tensor, Tensor]:
    """Read people off the network's maps.

    A person is where the centre map, weighed towards the middle of the picture, has a peak: the
    greatest one first. A joint is where its map, weighed towards the place that the person's middle
    tells, is greatest, plus the offset that is told there.

    Args:
        maps: of B pictures.
        people: how many peaks to take.

    Returns:
        The joints (B, people, 17, 3): x and y as parts of the picture's sides, counted from its
        edge, and a score in [0, 1]; and the scores (B, people) of the people's middles in [0, 1],
        0 where there is no such peak.
    """
    height, width = maps.centres.shape[-2:]
    device = maps.centres.device
    sides = torch.tensor((height, width), device=device)
    rows, columns = (torch.arange(n, device=device).float() for n in (height, width))
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))  # (2, h, w): y, x

    def weighed(scores: Tensor, places: Tensor) -> Tensor:
        off = (grid - places[..., None, None]).square().sum(-3).sqrt()
        return scores / (off + _SOFT)

    centres = maps.centres.sigmoid()
    likely = weighed(centres, sides // 2)
    peaks = likely * (likely == functional.max_pool2d(likely, 3, stride=1, padding=1))
    best, middles = peaks.flatten(1).topk(people)  # (B, P)
    scores = centres.flatten(1).gather(1, middles) * (best > 0)

    told = (
        _at(maps.reach, middles[:, None].expand(-1, JOINTS, -1)) + _places(middles, width)[:, None]
    )
    seen = maps.joints.sigmoid()
    near = weighed(seen[:, :, None], told)  # (B, 17, P, h, w)
    found = near.flatten(3).argmax(3)  # (B, 17, P)
    joints = (_places(found, width) + _at(maps.offsets, found)) / sides
    sure = seen.flatten(2).gather(2, found)
    return torch.cat([joints.flip(-1), sure[..., None]], dim=-1).transpose(1, 2), scores


def _places(indices: Tensor, width: int) -> Tensor:
    """Return the y and x (…, 2) of places of a map, of their numbers in it (…)."""
    return torch.stack([indices // width, indices % width], dim=-1)


def _at(maps: Tensor, indices: Tensor) -> Tensor:
    """Return what maps (B, 34, h, w) say of each joint at some places: (B, 17, P, 2), y and x.

    Args:
        maps: y and x of the joints in turn.
        indices: the places' numbers in the map, (B, 17, P).
    """
    of_joints = maps.reshape(len(maps), JOINTS, 2, -1)  # (B, 17, 2, h·w)
    return of_joints.gather(3, indices[:, :, None].expand(-1, -1, 2, -1)).transpose(2, 3)


def load_network(weights: Path | None) -> MoveNetNetwork:
    """Return the network on the CPU, in float32, frozen and in evaluation mode.

    Args:
        weights: a file of `convert.py`, of either variant; None for Lightning, which comes with
            this package.

    Raises:
        posegen.core.WeightsError: where the file cannot be read, or holds something else.
    """
    file = SHIPPED if weights is None else weights.expanduser()
    tensors = {name: tensor.float() for name, tensor in read_tensors(file).items()}
    stem = tensors.get("stem.bias", torch.empty(0))
    name = "thunder" if stem.numel() == _scaled(32, VARIANTS["thunder"].width) else "lightning"
    with torch.device("meta"):  # draws no random numbers
        network = MoveNetNetwork(VARIANTS[name])
    expected = network.state_dict()
    for key in sorted(expected.keys() | tensors.keys()):
        shape = expected[key].shape if key in expected else None
        if shape is None or key not in tensors or tensors[key].shape != shape:
            raise WeightsError(
                f"{file}: not the weights of MoveNet ({key!r} does not fit); give a file that "
                "`python -m posegen_movenet.convert` has made, or none."
            )
    network.load_state_dict(tensors, assign=True)
    # Convolutions of one channel each are several times as fast so, on a CPU.
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)
