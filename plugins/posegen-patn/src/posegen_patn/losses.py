"""Perceptual losses: differences of the activations of a VGG-19 that is not trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from posegen.core import Batch, GeneratorOutput, Loss, PretrainedFile, TaskInfo, WeightsError
from posegen_patn.config import RandomVGGConfig, VGG19LossConfig

VGG19 = PretrainedFile(
    title="VGG-19 trained on ImageNet",
    url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    sha256="dcbb9e9d",
)
OPTION = "--set losses.perceptual.weights=FILE"

#: Channels and number of the convolutions between two poolings (arXiv:1409.1556, network E).
_STAGES = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
#: ImageNet's mean and standard deviation per channel, for RGB in [0, 1].
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class VGG19Features(nn.Module):
    """The beginning of a VGG-19, up to the last layer that is asked for.

    `features` is numbered as torchvision's `vgg19().features`, so its weights fit. They are left
    unset here. They are frozen, and no layer depends on training or evaluation mode.

    Args:
        layers: names of activations, `relu1_1` to `relu5_4`.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, layers: Sequence[str]) -> None:
        super().__init__()
        self._wanted = {_place(name) for name in layers}
        # On "meta", PyTorch draws no weights: the global random state is the run's, and must not
        # depend on which losses there are.
        with torch.device("meta"):
            features = _layers(max(self._wanted) + 1)
        self.features = features.to_empty(device="cpu")
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the activations, shallowest first, of images (B, 3, H, W) in [-1, 1]."""
        values = ((image + 1) / 2 - self.mean) / self.std
        found = []
        for index, layer in enumerate(self.features):
            values = layer(values)
            if index in self._wanted:
                found.append(values)
        return found


class _ActivationLoss(Loss):
    """Mean |difference| of the activations of the generated image and of the target.

    The mean is over everything; the terms of several layers are added.
    """

    def __init__(self, config: VGG19LossConfig | RandomVGGConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.vgg = VGG19Features(config.layers)

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        """Return the scalar loss."""
        with torch.no_grad():
            wanted = self.vgg(batch.target)
        made = self.vgg(output.image)
        terms = [nn.functional.l1_loss(a, b) for a, b in zip(made, wanted, strict=True)]
        return torch.stack(terms).sum()


class VGG19Loss(_ActivationLoss):
    """The perceptual term of the paper, on torchvision's ImageNet weights.

    Raises:
        posegen.core.WeightsError: on construction, where the weights cannot be had or are not a
            VGG-19's.
    """

    def __init__(self, config: VGG19LossConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        try:
            tensors = VGG19.load(config.weights, OPTION)
        except WeightsError as error:
            raise WeightsError(
                f"{error} Or train with a term that needs no file: "
                "`--set losses.perceptual.name=random-vgg`."
            ) from error
        _fill(self.vgg, tensors, str(config.weights or VGG19.filename))


class RandomVGGLoss(_ActivationLoss):
    """The same computation on a VGG-19 whose weights are drawn from a seed. Needs no download.

    This is *not* the published term: nothing in these weights was learnt. A random convolutional
    network still compares how neighbouring pixels hang together, not each pixel on its own, which
    is a good part of what a perceptual loss does (Liu et al., "Generic Perceptual Loss for
    Modeling Structured Output Dependencies", CVPR 2021). Scores of models trained with it are not
    comparable with published ones.
    """

    def __init__(self, config: RandomVGGConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        random = torch.Generator().manual_seed(config.seed)
        for layer in self.vgg.features:
            if isinstance(layer, nn.Conv2d):
                # He et al. (arXiv:1502.01852): activations keep their scale from layer to layer.
                std = math.sqrt(2 / (layer.in_channels * layer.kernel_size[0] ** 2))
                assert layer.bias is not None
                layer.weight.normal_(0.0, std, generator=random)
                layer.bias.zero_()


def _place(name: str) -> int:
    """Return the index in `features` of the activation `relu{stage}_{number}`."""
    stage, number = (int(part) for part in name.removeprefix("relu").split("_"))
    before = sum(2 * count + 1 for _, count in _STAGES[: stage - 1])  # the 1 is the pooling
    return before + 2 * number - 1


def _layers(count: int) -> nn.Sequential:
    """Return the first `count` layers of the convolutional part."""
    layers: list[nn.Module] = []
    channels = 3
    for width, convolutions in _STAGES:
        for _ in range(convolutions):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers[:count])


def _fill(vgg: VGG19Features, tensors: Mapping[str, Tensor], file: str) -> None:
    expected = vgg.state_dict()
    for key, tensor in expected.items():
        if key not in tensors or tensors[key].shape != tensor.shape:
            raise WeightsError(
                f"{file}: not torchvision's VGG-19, {key!r} of shape {tuple(tensor.shape)} is not "
                f"in it; give {VGG19.filename} with `{OPTION}`."
            )
    vgg.load_state_dict({key: tensors[key] for key in expected})
