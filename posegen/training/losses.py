"""Loss terms of the core distribution."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from posegen.core.batches import Batch, GeneratorOutput, TaskInfo
from posegen.core.contracts import Loss
from posegen.core.errors import WeightsError
from posegen.core.features import FeatureNetwork, VGG19Features, style_distance
from posegen.core.fields import FieldKind
from posegen.core.motion import at_least_float32
from posegen.core.specs import Kind
from posegen.plugins import build, component_config, registry
from posegen.training.loss_config import (
    MultiScaleConfig,
    RandomVGGConfig,
    StyleConfig,
    VGG19LossConfig,
)

OPTION = "--set losses.perceptual.weights=FILE"


class L1(Loss):
    """Mean |generated - target| over pixels and channels, both in [-1, 1] (paper, equation 6)."""

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        """See `Loss`."""
        return (output.image - batch.target).abs().mean()  # the target is never of lower precision


class PerceptualLoss(Loss):
    """Mean |difference| of activations of the generated image and of the target.

    The mean is over everything; the terms of several layers are added (arXiv:1603.08155 with L1
    distances, as in arXiv:1904.03349, equation 7). Subclasses set the network.
    """

    network: FeatureNetwork

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        """See `Loss`."""
        target = self.network.of_target(batch)
        generated = self.network(output.image)
        terms = [functional.l1_loss(generated[name], target[name]) for name in generated]
        return torch.stack(terms).sum()


class VGG19Loss(PerceptualLoss):
    """The perceptual term of PATN's paper, on torchvision's ImageNet weights.

    Raises:
        posegen.core.WeightsError: on construction, where the weights cannot be had or are not a
            VGG-19's.
    """

    def __init__(self, config: VGG19LossConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        try:
            self.network = VGG19Features.pretrained(config.layers, config.weights, OPTION)
        except WeightsError as error:
            raise WeightsError(
                f"{error} Or train with a term that needs no file: "
                "`--set losses.perceptual.name=random-vgg`."
            ) from error


class RandomVGGLoss(PerceptualLoss):
    """The same computation on a VGG-19 whose weights are drawn from a seed. Needs no download.

    This is *not* the published term: nothing in these weights was learnt. A random convolutional
    network still compares how neighbouring pixels hang together, not each pixel on its own, which
    is a good part of what a perceptual loss does (Liu et al., "Generic Perceptual Loss for
    Modeling Structured Output Dependencies", CVPR 2021). Scores of models trained with it are not
    comparable with published ones.
    """

    def __init__(self, config: RandomVGGConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.network = VGG19Features.random(config.layers, config.seed)


class StyleLoss(Loss):
    """Difference of the Gram matrices of a VGG-19's activations: which textures there are.

    The formula is `posegen.core.style_distance`'s, over the layers. Computed in float32 whatever
    the autocast: it is made of differences of numbers near each other.

    Raises:
        posegen.core.WeightsError: on construction, where the weights cannot be had or are not a
            VGG-19's.
    """

    def __init__(self, config: StyleConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.distance = config.distance
        if config.network == "random-vgg":
            self.network = VGG19Features.random(config.layers, config.seed)
        else:
            option = "--set losses.style.weights=FILE"
            self.network = VGG19Features.pretrained(config.layers, config.weights, option)

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        """See `Loss`."""
        with torch.autocast(output.image.device.type, enabled=False):
            target = self.network.of_target(batch)
            made = self.network(output.image.float())
            return style_distance(made.values(), target.values(), self.distance)


class TotalVariation(Loss):
    """Mean |∂x generated| + mean |∂y generated|, the image in [-1, 1]: noise costs, areas do not.

    The anisotropic total variation (Rudin, Osher and Fatemi, Physica D 60, 1992; as a term of a
    network's loss in Johnson et al., arXiv:1603.08155, section 3.2), divided by the number of
    pixels. ∂ is the difference of neighbouring pixels; the target has no part in it.
    """

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        """See `Loss`."""
        image = output.image
        across = (image[..., 1:] - image[..., :-1]).abs().mean()
        return across + (image[..., 1:, :] - image[..., :-1, :]).abs().mean()


class MultiScale(Loss):
    """Another loss at several sizes of the pictures, added: Σ over scales s of L(s·image, s·batch).

    So that a network that sees a few pixels at once compares outlines as well as details (as Wang
    et al., arXiv:1711.11585, section 3.2, do with discriminators). Whatever has height and width is
    resized, with smoothing where it becomes smaller, and keypoints move along. The loss gets no
    `aux`, whose tensors have scales of their own.

    Raises:
        PosegenError: on construction, what the loss within raises for the smallest of the sizes.
    """

    def __init__(self, config: MultiScaleConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.scales = config.scales
        options = {key: value for key, value in config.loss.items() if key != "name"}
        name = config.loss["name"]
        inner = component_config(registry(), Kind.LOSS, name, options, "loss")
        smallest = replace(task, image_size=scaled(task.image_size, min(self.scales)))
        self.loss: Loss = build(registry(), Kind.LOSS, name, inner, smallest)

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        """See `Loss`."""
        terms = []
        for scale in self.scales:
            image = resized(output.image, scale)
            terms.append(self.loss(GeneratorOutput(image), resized_batch(batch, scale)))
        return torch.stack(terms).sum()


def scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return (H, W) times a factor, in whole pixels, at least one."""
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


def resized(image: Tensor, scale: float) -> Tensor:
    """Return (B, C, H, W) at another size, smoothed where it becomes smaller; float32 at least."""
    if scale == 1:
        return image
    size = scaled((image.shape[2], image.shape[3]), scale)
    return functional.interpolate(
        at_least_float32(image), size, mode="bilinear", antialias=scale < 1
    )


def resized_batch(batch: Batch, scale: float) -> Batch:
    """Return a batch at another size, the same one each time: losses share what they make of it."""

    size = (batch.target.shape[2], batch.target.shape[3])
    down, across = (new / old for new, old in zip(scaled(size, scale), size, strict=True))

    def change(name: str, value: Tensor) -> Tensor:
        if batch.kind(name) is FieldKind.POINTS:
            x, y, seen = value.unbind(dim=2)
            moved = [across * (x + 0.5) - 0.5, down * (y + 0.5) - 0.5, seen]
            return torch.stack(moved, dim=2)
        return resized(value, scale) if value.dim() == 4 else value

    if scale == 1:
        return batch
    return batch.once(("resized", scale), lambda: batch.each(change))
