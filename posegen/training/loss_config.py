"""Options of the losses of the core distribution. No torch here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from posegen.core.config import Config

VGGLayer = Literal[
    "relu1_1",
    "relu1_2",
    "relu2_1",
    "relu2_2",
    "relu3_1",
    "relu3_2",
    "relu3_3",
    "relu3_4",
    "relu4_1",
    "relu4_2",
    "relu4_3",
    "relu4_4",
    "relu5_1",
    "relu5_2",
    "relu5_3",
    "relu5_4",
]


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a name that is given twice: it would silently count once."""
    if len(set(names)) < len(names):
        raise ValueError("the same name is given twice")
    return names


VGGLayers = Annotated[tuple[VGGLayer, ...], Field(min_length=1), AfterValidator(_distinct)]


class VGG19LossConfig(Config):
    """Options of the loss `vgg19`."""

    layers: VGGLayers = Field(
        ("relu1_2",), description="activations to compare, relu1_1 … relu5_4; the terms are added"
    )
    weights: Path | None = Field(
        None,
        description="a copy of torchvision's vgg19-dcbb9e9d.pth; without it, torchvision's cache "
        "or a download",
    )


class RandomVGGConfig(Config):
    """Options of the loss `random-vgg`."""

    layers: VGGLayers = Field(
        ("relu1_2", "relu2_2"),
        description="activations to compare, relu1_1 … relu5_4; the terms are added",
    )
    seed: int = Field(0, ge=0, description="the random weights are a function of this alone")
