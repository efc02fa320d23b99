"""Options of the losses of the core distribution. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, field_validator

from posegen.core.config import Config
from posegen.core.errors import PosegenError
from posegen.core.specs import Kind
from posegen.plugins import component_config, registry

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


def _distinct(names: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse what is given twice: it would count once, or twice."""
    if len(set(names)) < len(names):
        raise ValueError("the same one is given twice")
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


class StyleConfig(Config):
    """Options of the loss `style`."""

    # What needs no file, so that tests run anywhere.
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"network": "random-vgg", "layers": ["relu1_1"]}]}
    )

    network: Literal["vgg19", "random-vgg"] = Field(
        "vgg19",
        description="whose activations are compared: an ImageNet VGG-19's, or those of one with "
        "random weights, which needs no download",
    )
    layers: VGGLayers = Field(
        ("relu2_2", "relu3_4", "relu4_4", "relu5_2"),
        description="the activations, relu1_1 … relu5_4; the terms are added",
    )
    distance: Literal["l1", "squared"] = Field(
        "l1",
        description="of the Gram matrices: mean absolute difference of their entries, or the sum "
        "of the squared ones",
    )
    weights: Path | None = Field(
        None,
        description="vgg19: a copy of torchvision's vgg19-dcbb9e9d.pth; without it, torchvision's "
        "cache or a download",
    )
    seed: int = Field(
        0, ge=0, description="random-vgg: the random weights are a function of this alone"
    )


class MultiScaleConfig(Config):
    """Options of the loss `multi-scale`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"loss": {"name": "l1"}}]})

    loss: dict[str, Any] = Field(
        description="the loss by its `name`, and its own options, e.g. `loss.name=vgg19`"
    )
    scales: Annotated[
        tuple[Annotated[float, Field(ge=1 / 16, le=4)], ...], AfterValidator(_distinct)
    ] = Field(
        (1.0, 0.5, 0.25),
        min_length=1,
        description="sizes at which pictures are compared, as factors; the terms are added",
    )

    @field_validator("loss")
    @classmethod
    def _filled(cls, section: Mapping[str, Any]) -> dict[str, Any]:
        """Validate the options of the loss within, and fill in its defaults."""
        name, options = section.get("name"), {k: v for k, v in section.items() if k != "name"}
        if not isinstance(name, str):
            raise ValueError("the loss within has no name; give it with `loss.name=…`")
        try:
            config = component_config(registry(), Kind.LOSS, name, options, "loss")
        except PosegenError as error:
            raise ValueError(str(error).rstrip(".")) from None
        return {"name": name, **config.model_dump(mode="json", exclude_none=True)}
