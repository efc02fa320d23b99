"""The network of shift-tolerant LPIPS, and the distance between two images that it gives.

Ghildyal and Liu, "Shift-tolerant Perceptual Similarity Metric", ECCV 2022, arXiv:2207.13686: an
AlexNet (or a VGG-16) whose strides are taken by a fixed blur, with LPIPS' distance
(arXiv:1801.03924, equation 1) on the activations of its five stages, all of it trained from scratch
on human judgements of 64×64 patches. It is not LPIPS: its numbers have another scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from posegen.core import ConfigError, WeightsError, read_tensors
from posegen_stlpips.convert import BINOMIAL, PUBLISHED, SHIPPED, is_published, sha256, translated

#: Added to the length of a place's activations before dividing by it, as LPIPS does.
_EPSILON = 1e-10


class Stage(NamedTuple):
    """Convolutions with ReLUs, and the pooling before them.

    Attributes:
        pool: kernel of a maximum pooling of stride 1, which `blur` follows; 0: none.
        convolutions: (output channels, kernel, padding).
    """

    pool: int
    convolutions: tuple[tuple[int, int, int], ...]


class Layers(NamedTuple):
    """A variant of the network.

    Attributes:
        stages: an image goes through them in turn.
        blurred: whether the first convolution, too, is followed by `blur`, before its ReLU.
        least: pixels that an image must have in height and width.
    """

    stages: tuple[Stage, ...]
    blurred: bool
    least: int


ALEX = Layers(
    stages=(
        Stage(0, ((64, 11, 2),)),
        Stage(3, ((192, 5, 2),)),
        Stage(3, ((384, 3, 1),)),
        Stage(0, ((256, 3, 1),)),
        Stage(0, ((256, 3, 1),)),
    ),
    blurred=True,
    least=21,
)
VGG = Layers(
    stages=(
        Stage(0, ((64, 3, 1),) * 2),
        Stage(2, ((128, 3, 1),) * 2),
        Stage(2, ((256, 3, 1),) * 3),
        Stage(2, ((512, 3, 1),) * 3),
        Stage(2, ((512, 3, 1),) * 3),
    ),
    blurred=False,
    least=18,
)


class STLPIPSNetwork(nn.Module):
    """The network, frozen. Built without weights; see `load_network`.

    Attributes:
        layers: which variant it is.
        weights: the name of the file of its weights, for reports and for telling two apart.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, layers: Layers, weights: str) -> None:
        super().__init__()
        self.layers, self.weights = layers, weights
        self.convolutions = nn.ModuleList()
        channels = 3
        for stage in layers.stages:
            for width, kernel, padding in stage.convolutions:
                first = not self.convolutions
                kind = BlurredConv2d if first and layers.blurred else nn.Conv2d
                self.convolutions.append(kind(channels, width, kernel, padding=padding))
                channels = width
        #: A weight for each channel of each stage.
        self.heads = nn.ParameterList(
            torch.empty(stage.convolutions[-1][0]) for stage in layers.stages
        )
        self.register_buffer("shift", torch.empty(1, 3, 1, 1))
        self.register_buffer("scale", torch.empty(1, 3, 1, 1))

    def check(self, size: Sequence[int]) -> None:
        """Check the height and width of images.

        Raises:
            ConfigError: where they are too small for five stages.
        """
        least = self.layers.least
        if min(size) < least:
            raise ConfigError(
                f"st-lpips: a picture of {size[0]}×{size[1]} pixels is too small for its network; "
                f"height and width must be {least} or more."
            )

    def forward(self, image: Tensor, stages: int | None = None) -> list[Tensor]:
        """Return the activations at the end of each stage, or of the first `stages` ones.

        Args:
            image: (B, 3, H, W), RGB in [-1, 1], float32.
            stages: how many are needed; None for all.

        Raises:
            ConfigError: see `check`.
        """
        self.check(image.shape[-2:])
        values = (image - self.shift) / self.scale
        convolutions = iter(self.convolutions)
        activations = []
        for stage in self.layers.stages[:stages]:
            if stage.pool:
                values = blur(functional.max_pool2d(values, stage.pool, stride=1))
            for _ in stage.convolutions:
                values = functional.relu(next(convolutions)(values))
            activations.append(values)
        return activations

    def directions(self, image: Tensor) -> list[Tensor]:
        """Return the activations of every place divided by their length: contrast counts little.

        Where all are zero they stay so, and get no gradient: a length has none there.
        """
        directions = []
        for values in self(image):
            square = values.square().sum(dim=1, keepdim=True)
            directions.append(values / (square.clamp_min(_EPSILON**2).sqrt() + _EPSILON))
        return directions

    def distance(self, one: Sequence[Tensor], other: Sequence[Tensor]) -> Tensor:
        """Return the distance of images (B,), given what `directions` returned for them.

        Σ over stages of mean over places of Σ over channels of w·(one - other)², with w ≥ 0.
        """
        terms = [
            (a - b).square().mean(dim=(2, 3)) @ weight
            for a, b, weight in zip(one, other, self.heads, strict=True)
        ]
        return torch.stack(terms).sum(dim=0)


class BlurredConv2d(nn.Conv2d):
    """A convolution of stride 1, and `blur` of what it returns.

    Both are linear. So for images of even height and width they are one convolution of stride 2,
    with a third of the multiplications, in the layer that has the most. What the reflection at the
    border makes different is the last row and column, which have kernels of their own, and the
    first ones, which equal the second.
    """

    folded: Tensor
    folded_right: Tensor
    folded_bottom: Tensor
    folded_corner: Tensor

    def fold(self) -> None:
        """Compute those kernels from the weights; needed once these are there."""
        middle, last = torch.tensor(BINOMIAL), torch.tensor((0.5, 0.5))
        for name, down, across in (
            ("folded", middle, middle),
            ("folded_right", middle, last),
            ("folded_bottom", last, middle),
            ("folded_corner", last, last),
        ):
            y, x = len(down) - 1, len(across) - 1
            planes = functional.pad(self.weight.flatten(0, 1)[:, None], (x, x, y, y))
            kernel = functional.conv2d(planes, torch.outer(down, across)[None, None])
            shape = (*self.weight.shape[:2], *kernel.shape[2:])
            self.register_buffer(name, kernel.view(shape), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        """Return (B, C, H', W') of images (B, 3, H, W)."""
        if input.shape[2] % 2 or input.shape[3] % 2:
            return blur(super().forward(input))
        border, end = int(self.padding[0]), self.kernel_size[0] + 1

        def convolved(image: Tensor, kernel: Tensor) -> Tensor:
            return functional.conv2d(image, kernel, self.bias, stride=2)

        image = functional.pad(input, (border, border, border, border))
        right, bottom = image[..., -end:], image[..., -end:, :]
        upper = (convolved(image, self.folded), convolved(right, self.folded_right))
        lower = (
            convolved(bottom, self.folded_bottom),
            convolved(bottom[..., -end:], self.folded_corner),
        )
        whole = torch.cat([torch.cat(upper, dim=3), torch.cat(lower, dim=3)], dim=2)
        return functional.pad(whole, (1, 0, 1, 0), mode="replicate")


def blur(values: Tensor) -> Tensor:
    """Blur (B, C, H, W) by the binomial 3×3 filter, and keep every second place of a row.

    The filter is the mean of 2×2 places, taken twice; as a pooling it needs no kernel on a device.
    """
    padded = functional.pad(values, (2, 2, 2, 2), mode="reflect")
    return functional.avg_pool2d(functional.avg_pool2d(padded, 2, stride=1), 2)


def load_network(weights: Path | None) -> STLPIPSNetwork:
    """Return the network on the CPU, in float32, frozen and in evaluation mode.

    Args:
        weights: a file of `convert.py` or a published one, of either variant; None for the one
            that comes with this package.

    Raises:
        WeightsError: where the file cannot be read, or holds something else.
    """
    file = SHIPPED if weights is None else weights.expanduser()
    tensors = read_tensors(file)
    if is_published(tensors):
        tensors = translated(tensors, str(file))
    layers = VGG if "convolutions.12.weight" in tensors else ALEX
    label = file.name if file == SHIPPED else f"{file.name}, sha256 {sha256(file)[:8]}…"
    # On "meta", PyTorch draws no weights: the global random state is the run's own.
    with torch.device("meta"):
        network = STLPIPSNetwork(layers, label)
    expected = network.state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        shape = expected[name].shape if name in expected else None
        if shape is None or name not in tensors or tensors[name].shape != shape:
            raise WeightsError(
                f"{file}: not the weights of shift-tolerant LPIPS ({name!r} does not fit); give "
                f"{' or '.join(PUBLISHED)} of stlpips-pytorch 0.0.2, or no file."
            )
    network.load_state_dict({k: t.float() for k, t in tensors.items()}, assign=True)
    network.requires_grad_(False)
    if isinstance(first := network.convolutions[0], BlurredConv2d):
        first.fold()
    # Convolutions are several times as fast so, on a CPU.
    return network.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
