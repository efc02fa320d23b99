"""The losses `flow-correctness` and `flow-regularity`, of the flows of a generator."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from posegen.core import Batch, ConfigError, GeneratorOutput, Loss, TaskInfo, VGG19Features
from posegen_warp.attention import warped
from posegen_warp.config import CorrectnessConfig, RegularityConfig

#: Added to lengths of features, so that where there is nothing the gradient is tame.
_SMALL = 1e-4


class FlowCorrectness(Loss):
    """Whether the flow fetches, of all places in the source, what looks like the target.

    With c(p, q) the cosine of the target's features at p and the source's at q, the term of a flow
    is the mean over p of

        exp(-c(p, p + flow(p)) / max over all q of c(p, q)) - exp(-1),

    which is 0 where nothing in the source fits better (Ren et al., arXiv:2003.00696, section 3.3).
    The terms of several flows are added. The picture that is generated has no part in it.

    Raises:
        posegen.core.WeightsError: on construction, where VGG-19's weights cannot be had.
        posegen.core.ConfigError: for a generator without flows, or flows on a level that none of
            the layers belongs to.
    """

    def __init__(self, config: CorrectnessConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.network = None
        if config.features == "vgg19":
            self.network = VGG19Features.pretrained(
                config.layers, config.weights, "--set losses.correctness.weights=FILE"
            )
        #: stride -> layer: relu3_1 comes after two poolings, so one place stands for 4×4 pixels.
        self.layers = {2 ** (int(name[4]) - 1): name for name in config.layers}

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        """See `Loss`; float32 whatever the autocast: the cosines are near each other."""
        with torch.autocast(output.image.device.type, enabled=False):
            every = flows("flow-correctness", output)
            strides = [_stride(flow, output.image) for flow in every]
            with torch.no_grad():
                source, target = self._features(batch, strides)
            terms = [
                incorrectness(flow, source[stride], target[stride])
                for flow, stride in zip(every, strides, strict=True)
            ]
            return torch.stack(terms).sum()

    def _features(
        self, batch: Batch, strides: list[int]
    ) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """Return features of source and target by stride."""
        pictures = batch.source.float(), batch.target.float()
        if self.network is None:
            made = [_colours(*pictures, stride) for stride in strides]
            source, target = ([pair[number] for pair in made] for number in (0, 1))
            return dict(zip(strides, source, strict=True)), dict(zip(strides, target, strict=True))
        for stride in strides:
            if stride not in self.layers:
                raise ConfigError(
                    f"loss flow-correctness: the generator has a flow at 1/{stride} of the "
                    f"picture's size, which no layer belongs to; add "
                    f"'relu{int(math.log2(stride)) + 1}_1' to its option `layers`."
                )
        goal = self.network.of_target(batch)
        seen = self.network(pictures[0])
        return (
            {stride: seen[self.layers[stride]] for stride in strides},
            {stride: goal[self.layers[stride]] for stride in strides},
        )


def incorrectness(flow: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """Return the scalar that `FlowCorrectness` states.

    Args:
        flow: (B, 2, h, w), to the right and down, in places of that size.
        source, target: (B, C, h, w), features that are never negative.
    """
    size = flow.shape[2:]
    source, target = (_fitting(features, size) for features in (source, target))
    goal = _unit(target)
    with torch.no_grad():
        every = _unit(source).flatten(2).mT @ goal.flatten(2)  # (B, source's places, target's)
        best = every.amax(dim=1)
    cosine = (_unit(warped(source, flow)) * goal).sum(dim=1).flatten(1)
    return (-cosine / (best + 1e-8)).exp().mean() - math.exp(-1)


class FlowRegularity(Loss):
    """How far a flow is, within small windows, from an affine map.

    Of each k×k window of the flow, the squared distance to its least-squares affine fit, summed
    over the window and both axes, mean over the windows (Ren et al., arXiv:2003.00696, section
    3.3). The sampling position p + flow(p) has the same distance, for p itself is affine. The terms
    of several flows are added.

    Raises:
        posegen.core.ConfigError: for a generator without flows, or with one that is smaller than
            its window.
    """

    def __init__(self, config: RegularityConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.windows = config.windows

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        """See `Loss`; in float32 whatever the autocast."""
        with torch.autocast(output.image.device.type, enabled=False):
            terms = []
            for number, flow in enumerate(flows("flow-regularity", output)):
                size = self.windows[min(number, len(self.windows) - 1)]
                if min(flow.shape[2:]) < size:
                    raise ConfigError(
                        f"loss flow-regularity: a window of {size} does not fit a flow of "
                        f"{flow.shape[2]}×{flow.shape[3]}; give smaller `windows`."
                    )
                terms.append(irregularity(flow, size))
            return torch.stack(terms).sum()


def irregularity(flow: Tensor, size: int) -> Tensor:
    """Return the scalar that `FlowRegularity` states, of a flow (B, 2, h, w) and windows of k."""
    # What the fit leaves of a window: (1 - A (AᵀA)⁻¹ Aᵀ), where A's rows are (x, y, 1).
    places = torch.arange(size, dtype=torch.float64) - size // 2
    y, x = torch.meshgrid(places, places, indexing="ij")
    affine = torch.stack([x.flatten(), y.flatten(), torch.ones(size**2, dtype=x.dtype)], dim=1)
    rest = torch.eye(size**2, dtype=x.dtype) - affine @ torch.linalg.pinv(affine)
    kernel = rest.reshape(size**2, 1, size, size).to(flow)
    axes = flow.flatten(0, 1)[:, None]
    left = functional.conv2d(axes, kernel)  # (2B, k², windows)
    return 2 * left.square().sum(dim=1).mean()


def flows(loss: str, output: GeneratorOutput) -> list[Tensor]:
    """Return the flows of a generator in float32, the finest first.

    Raises:
        ConfigError: where it has none.
    """
    names = [name for name in output.aux if name == "flow" or name.startswith("flow_")]
    if "flow" not in names:
        raise ConfigError(
            f"loss {loss}: the generator makes no flow; train the generator `flow` with it, or "
            "leave this loss out."
        )
    return sorted((output.aux[name].float() for name in names), key=lambda one: -one.shape[2])


def _stride(flow: Tensor, image: Tensor) -> int:
    """Return how many pixels one place of a flow stands for along each side: a power of 2."""
    doublings = round(math.log2(image.shape[2] / flow.shape[2]))
    return 1 << doublings


def _colours(source: Tensor, target: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Return the colours of the 3×3 places around each one: two of (B, 54, h, w).

    Less the mean colour of both pictures, and with what is above it and what is below in channels
    of their own: so features that have nothing in common have the cosine 0, as VGG's have.
    """
    mean = (source + target).mean(dim=(2, 3), keepdim=True) / 2
    made = []
    for picture in (source, target):
        colours = functional.avg_pool2d(picture - mean, stride)
        around = functional.pad(colours, (1, 1, 1, 1), mode="replicate")
        patches = functional.unfold(around, 3).reshape(len(colours), 27, *colours.shape[2:])
        made.append(torch.cat([patches.relu(), (-patches).relu()], dim=1))
    return made[0], made[1]


def _fitting(features: Tensor, size: torch.Size) -> Tensor:
    """Bring features to a flow's size; a side that is not even may be one longer or shorter."""
    if features.shape[2:] == size:
        return features
    return functional.interpolate(features, size, mode="bilinear")


def _unit(features: Tensor) -> Tensor:
    return functional.normalize(features, dim=1, eps=_SMALL)
