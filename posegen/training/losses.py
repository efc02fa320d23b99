"""Loss terms of the core distribution."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from posegen.core.batches import Batch, GeneratorOutput, TaskInfo
from posegen.core.contracts import Loss
from posegen.core.errors import WeightsError
from posegen.core.features import FeatureNetwork, VGG19Features
from posegen.training.loss_config import RandomVGGConfig, VGG19LossConfig

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
