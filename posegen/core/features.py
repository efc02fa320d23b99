"""Frozen networks whose activations losses compare."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from posegen.core.batches import Batch
from posegen.core.errors import WeightsError
from posegen.core.pretrained import PretrainedFile

VGG19 = PretrainedFile(
    title="VGG-19 trained on ImageNet",
    url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    sha256="dcbb9e9d",
)
#: ImageNet's mean and standard deviation per channel, for RGB in [0, 1].
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class FeatureNetwork(nn.Module, ABC):
    """Makes named activations of images, with weights that are not trained.

    Attributes:
        identity: what its activations are a function of, beside the images (weights, layers).
    """

    identity: Hashable

    @abstractmethod
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return activations (B, C, h, w) by name, of images (B, 3, H, W) in [-1, 1]."""

    def of_target(self, batch: Batch) -> dict[str, Tensor]:
        """Return the target's activations, without a gradient.

        Losses with the same weights and layers share them: they are made once per batch.
        """

        def make() -> dict[str, Tensor]:
            with torch.no_grad():
                activations: dict[str, Tensor] = self(batch.target)
            return activations

        return batch.once((type(self), self.identity), make, of_targets=True)


class VGG19Features(FeatureNetwork):
    """The beginning of a VGG-19 (arXiv:1409.1556, network E), up to the last layer asked for.

    `features` is numbered as torchvision's `vgg19().features`, so its weights fit. Built by
    `pretrained` or `random`; the constructor alone leaves the weights unset. No layer depends on
    training or evaluation mode.

    Args:
        layers: names of activations, `relu1_1` to `relu5_4`.
        identity: where the weights are from.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, layers: Sequence[str], identity: Hashable) -> None:
        from torchvision.models import vgg19

        super().__init__()
        self.identity = (identity, *sorted(layers))
        # On "meta", PyTorch draws no weights: the global random state is the run's, and must not
        # depend on which losses there are.
        with torch.device("meta"):
            whole = vgg19(weights=None, init_weights=False).features
        places = _activations(whole)
        self._names = {places[name]: name for name in layers}
        self.features = whole[: max(self._names) + 1].to_empty(device="cpu")
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    @classmethod
    def pretrained(cls, layers: Sequence[str], weights: Path | None, option: str) -> VGG19Features:
        """Return the network with torchvision's ImageNet weights.

        Args:
            layers: names of activations.
            weights: the user's copy of the file; None for torchvision's cache or a download.
            option: how the user names a copy, for messages.

        Raises:
            posegen.core.WeightsError: where the weights cannot be had, or are not a VGG-19's.
        """
        network = cls(layers, ("ImageNet", weights))
        tensors = VGG19.load(weights, option)
        expected = network.state_dict()
        for key, tensor in expected.items():
            if key not in tensors or tensors[key].shape != tensor.shape:
                raise WeightsError(
                    f"{weights or VGG19.filename}: not torchvision's VGG-19, {key!r} of shape "
                    f"{tuple(tensor.shape)} is not in it; give {VGG19.filename} with `{option}`."
                )
        network.load_state_dict({key: tensors[key] for key in expected})
        return network

    @classmethod
    def random(cls, layers: Sequence[str], seed: int) -> VGG19Features:
        """Return the network with weights that are a function of `seed` alone.

        They are drawn as by He et al. (arXiv:1502.01852), so that activations keep their scale from
        layer to layer.
        """
        network = cls(layers, ("random", seed))
        random = torch.Generator().manual_seed(seed)
        for layer in network.features:
            if isinstance(layer, nn.Conv2d):
                assert layer.bias is not None
                deviation = math.sqrt(2 / (layer.in_channels * layer.kernel_size[0] ** 2))
                layer.weight.normal_(0.0, deviation, generator=random)
                layer.bias.zero_()
        return network

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """See `FeatureNetwork`; the shallowest activations come first."""
        values = ((image + 1) / 2 - self.mean) / self.std
        activations = {}
        for index, layer in enumerate(self.features):
            values = layer(values)
            if index in self._names:
                activations[self._names[index]] = values
        return activations


def gram(activations: Tensor) -> Tensor:
    """Return the Gram matrices (B, C, C) of activations (B, C, H, W), divided by C·H·W."""
    flat = activations.flatten(2)
    return flat @ flat.mT / activations[0].numel()


def style_distance(
    made: Iterable[Tensor], goal: Iterable[Tensor], distance: Literal["l1", "squared"]
) -> Tensor:
    """Return how different the textures are that activations tell of: a scalar.

    With G and G' the Gram matrices of one layer, the term is, mean over the batch, the sum of
    (G - G')² (`squared`: Johnson et al., arXiv:1603.08155, section 3.2; first in Gatys et al., CVPR
    2016, with another factor), or the mean of |G - G'| over the entries (`l1`: Sajjadi et al.,
    arXiv:1612.07919, with the absolutes of Nazeri et al., arXiv:1901.00212, equation 5). Those of
    the layers are added.

    Args:
        made, goal: activations (B, C, H, W) layer by layer, of the generated image and the target.
        distance: of two matrices.
    """
    differences = [gram(a) - gram(b) for a, b in zip(made, goal, strict=True)]
    if distance == "squared":
        terms = [one.square().sum(dim=(1, 2)).mean() for one in differences]
    else:
        terms = [one.abs().mean() for one in differences]
    return torch.stack(terms).sum()


def _activations(features: nn.Sequential) -> dict[str, int]:
    """Return `relu{stage}_{number}` -> place, of every activation; a pooling begins a stage."""
    places: dict[str, int] = {}
    stage, number = 1, 0
    for index, layer in enumerate(features):
        if isinstance(layer, nn.ReLU):
            number += 1
            places[f"relu{stage}_{number}"] = index
        elif isinstance(layer, nn.MaxPool2d):
            stage, number = stage + 1, 0
    return places
