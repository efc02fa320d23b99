"""The losses: perceptual distance, style, and colour."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from posegen.core import Batch, GeneratorOutput, Loss, TaskInfo, style_distance
from posegen_stlpips.colour import luma_chroma
from posegen_stlpips.config import ColourConfig, STLPIPSLossConfig, STStyleConfig
from posegen_stlpips.heads import HEAD, Heads
from posegen_stlpips.network import load_network


class STLPIPSLoss(Loss):
    """The distance of shift-tolerant LPIPS, mean over the batch and over the scales.

    Computed in float32 whatever the autocast: it is made of differences of numbers near each other.

    Raises:
        posegen.core.WeightsError: on construction, for a wrong file of weights.
        posegen.core.ConfigError: on construction, where pictures are too small for the network.
    """

    def __init__(self, config: STLPIPSLossConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.network = load_network(config.weights)
        self.scales = config.scales
        heads = config.region == "head"
        self.heads = Heads(task.skeleton) if heads else None
        for scale in self.scales:
            self.network.check(_scaled((HEAD, HEAD) if heads else task.image_size, scale))

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        """Return the scalar loss."""
        with torch.autocast(output.image.device.type, enabled=False):
            image, target = output.image.float(), batch.target.float()
            if self.heads is not None:
                image, target = self.heads(batch["target_keypoints"], image, target)
                if not len(image):
                    return output.image.sum() * 0
            terms = []
            for scale in self.scales:
                with torch.no_grad():
                    goal = self.network.directions(_resized(target, scale))
                made = self.network.directions(_resized(image, scale))
                terms.append(self.network.distance(made, goal).mean())
            return torch.stack(terms).mean()


class STStyleLoss(Loss):
    """Difference of the Gram matrices of the network's activations: which textures there are.

    The formula is `posegen.core.style_distance`'s, over the stages.

    Raises:
        posegen.core.WeightsError, posegen.core.ConfigError: as for `STLPIPSLoss`.
    """

    def __init__(self, config: STStyleConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.network = load_network(config.weights)
        self.network.check(task.image_size)
        self.stages, self.distance = config.stages, config.distance

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        """Return the scalar loss."""
        with torch.autocast(output.image.device.type, enabled=False):
            with torch.no_grad():
                goal = self._activations(batch.target.float())
            return style_distance(self._activations(output.image.float()), goal, self.distance)

    def _activations(self, image: Tensor) -> list[Tensor]:
        activations = self.network(image, max(self.stages))
        return [activations[stage - 1] for stage in self.stages]


class ColourLoss(Loss):
    """Mean absolute difference of colours, of pictures averaged over squares.

    Perceptual networks hardly see colours that are wrong in an area or along an edge; this does,
    and sees no detail, which it leaves to them. Colours are Cb and Cr of ITU-R BT.601, and, with a
    weight, the brightness Y.
    """

    def __init__(self, config: ColourConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.pools, self.luma = config.pools, config.luma

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        """Return the scalar loss."""
        difference = luma_chroma(output.image.float() - batch.target.float())
        terms = []
        for pool in self.pools:
            # Squares at the right and bottom border may be cut off; each counts as one.
            means = functional.avg_pool2d(difference, pool, ceil_mode=True).abs()
            terms.append(means[:, 1:].mean() + self.luma * means[:, 0].mean())
        return torch.stack(terms).mean()


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return round(size[0] * scale), round(size[1] * scale)


def _resized(image: Tensor, scale: float) -> Tensor:
    if scale == 1:
        return image
    height, width = image.shape[-2:]
    size = _scaled((height, width), scale)
    return functional.interpolate(image, size, mode="bilinear", antialias=scale < 1)
