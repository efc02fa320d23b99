"""The network that tells people apart: torchvision's ResNet with a neck, as `posegen reid` trains.

Bag of tricks (Luo et al., arXiv:1903.07071): the last stride is 1, and between the pooled features
and the classifier there is a batch norm without a shift; people are compared by its output.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from posegen.core.config import Config
from posegen.core.errors import WeightsError
from posegen.core.pretrained import read_tensors
from posegen.core.texts import parse_json, read_text
from posegen.core.writing import write_json
from posegen.plugins import validate
from posegen.weights.files import write_tensors

#: name -> the block, and how many there are in each stage.
RESNETS: dict[str, tuple[type[BasicBlock | Bottleneck], list[int]]] = {
    "resnet10": (BasicBlock, [1, 1, 1, 1]),
    "resnet18": (BasicBlock, [2, 2, 2, 2]),
    "resnet34": (BasicBlock, [3, 4, 6, 3]),
    "resnet50": (Bottleneck, [3, 4, 6, 3]),
}
#: ImageNet's, for RGB in [0, 1]: a file of weights trained there can be the start.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: The files of a network's folder; the description is written last.
TENSORS, DESCRIPTION = "network.safetensors", "reid.json"


class ReidConfig(Config):
    """What a network is, and what it was trained on.

    Attributes:
        network: one of `RESNETS`.
        image_size: (H, W) that pictures are brought to.
        people: of the training.
        trained_on: in words, for reports.
    """

    network: str
    image_size: tuple[int, int]
    people: int
    trained_on: str = ""


class ReidNetwork(nn.Module):
    """A ResNet that turns a picture of a person into features."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: ReidConfig) -> None:
        super().__init__()
        self.config = config
        block, layers = RESNETS[config.network]
        self.backbone = ResNet(block, layers)
        width: int = self.backbone.fc.in_features
        self.backbone.fc = nn.Identity()  # type: ignore[assignment]
        first = self.backbone.layer4[0]
        (first.conv2 if block is Bottleneck else first.conv1).stride = (1, 1)
        first.downsample[0].stride = (1, 1)
        self.neck = nn.BatchNorm1d(width)
        self.neck.bias.requires_grad_(False)
        self.classifier = nn.Linear(width, config.people, bias=False)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pooled features (B, D), and those after the neck.

        `images` are (B, 3, H, W) RGB in [0, 255] of the network's own size.
        """
        pooled: Tensor = self.backbone((images.float() / 255 - self.mean) / self.std)
        return pooled, self.neck(pooled)

    def embed(self, images: Tensor) -> Tensor:
        """Return unit vectors (B, D) whose scalar products are the similarities of people.

        `images` are (B, 3, H, W) RGB in [0, 255] of any size.
        """
        return functional.normalize(self(resized(images, self.config.image_size))[1], dim=1)


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return pictures (B, 3, H, W) in [0, 255] at a size, as float32; bilinear, antialiased."""
    images = images.float()
    if tuple(images.shape[-2:]) == size:
        return images
    return functional.interpolate(images, size, mode="bilinear", antialias=True)


def save_network(network: ReidNetwork, folder: Path) -> None:
    """Write a network into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / TENSORS, network.state_dict())
    write_json(folder / DESCRIPTION, network.config.model_dump(mode="json"))


def load_network(folder: Path, option: str) -> ReidNetwork:
    """Read a network that `posegen reid` has trained, in evaluation mode.

    Args:
        folder: what `save_network` made.
        option: how the user names it, for messages.

    Raises:
        WeightsError: where there is none, or it is damaged.
    """
    file = folder / DESCRIPTION
    try:
        described = parse_json(read_text(file))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{option}: {folder} holds no network of `posegen reid` ({DESCRIPTION}: {error})."
        ) from None
    config = validate(ReidConfig, described, "", str(file))
    if config.network not in RESNETS:
        raise WeightsError(f"{file}: network {config.network!r} is none of {', '.join(RESNETS)}.")
    network = ReidNetwork(config)
    _fill(network, read_tensors(folder / TENSORS), folder / TENSORS)
    return network.eval().requires_grad_(False)


def start_from(network: ReidNetwork, file: Path) -> None:
    """Begin with the weights of torchvision's ResNet of the same depth (ImageNet's, say).

    Raises:
        WeightsError: where the file is of another network.
    """
    tensors = {k: v for k, v in read_tensors(file).items() if not k.startswith("fc.")}
    _fill(network.backbone, tensors, file)


def _fill(network: nn.Module, tensors: Mapping[str, Tensor], file: Path) -> None:
    floats: dict[str, Any] = {
        k: v.float() if v.is_floating_point() else v for k, v in tensors.items()
    }
    try:
        network.load_state_dict(floats)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{file}: not the weights of this network ({reason}).") from None
