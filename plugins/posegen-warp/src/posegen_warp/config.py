"""Options of this package's components. posegen reads them before a network is built: no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from posegen.core import Config

_Width = Annotated[int, Field(ge=1)]


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError("the side of a patch or a window is odd")
    return size


def _odd_or_none(size: int) -> int:
    return size and _odd(size)


_Patch = Annotated[int, Field(ge=0, le=9), AfterValidator(_odd_or_none)]
_Window = Annotated[int, Field(ge=3, le=9), AfterValidator(_odd)]
_Layer = Literal["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]


class LimbsConfig(Config):
    """Options of the generator `limbs`."""

    # What tests and `posegen plugins check` take, so that they are quick.
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"widths": [4, 4, 8], "source_widths": [4, 4]}]}
    )

    widths: tuple[_Width, ...] = Field(
        (32, 96, 128, 160),
        min_length=3,
        max_length=8,
        description="channels at 1/2, 1/4, 1/8… of the picture's size; height and width must be "
        "divisible by 2 to the number of these",
    )
    source_widths: tuple[_Width, ...] = Field(
        (24, 64, 96),
        min_length=2,
        description="channels of the source's own features at 1/2, 1/4…; those from 1/4 on are "
        "moved with the parts",
    )
    blocks: int = Field(1, ge=0, description="residual blocks per level from 1/4 on, each way")
    norm: Literal["batch", "instance", "none"] = Field(
        "batch", description="normalisation after each convolution"
    )
    merge: Literal["attention", "maximum"] = Field(
        "attention",
        description="how the parts' moved features become one: learned attention, or the greatest "
        "of each channel as in the paper",
    )

    @model_validator(mode="after")
    def _source_is_not_deeper(self) -> Self:
        if len(self.source_widths) >= len(self.widths):
            raise ValueError("source_widths must have fewer levels than widths")
        return self


class FlowConfig(Config):
    """Options of the generator `flow`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "widths": [4, 4, 8],
                    "flow_widths": [4, 4, 4],
                    "attention_width": 4,
                    "norm": "batch",
                }
            ]
        }
    )

    widths: tuple[_Width, ...] = Field(
        (64, 128, 256),
        min_length=1,
        max_length=8,
        description="channels of the source's and of the target's features at 1/2, 1/4, 1/8… of "
        "the picture's size; height and width must be divisible by 2 to the number of these",
    )
    flow_widths: tuple[_Width, ...] = Field(
        (32, 64, 128, 256, 256),
        min_length=1,
        max_length=8,
        description="channels of the network that estimates the flows, at 1/2, 1/4…",
    )
    patches: tuple[_Patch, ...] = Field(
        (0, 5, 3),
        min_length=1,
        description="sides of the patches that are attended to at 1/2, 1/4, 1/8…; 0: no attention "
        "and no flow on that level; 1: plain warping",
    )
    attention_width: int = Field(128, ge=1, description="channels in which attention is decided")
    blocks: int = Field(1, ge=0, description="residual blocks per level of the target side")
    norm: Literal["batch", "instance", "none"] = Field(
        "instance", description="normalisation after each convolution"
    )

    copy_picture: bool = Field(
        False,
        description="fetch the source picture as well, by the finest flow, and choose of each "
        "pixel how much of it to take; false: features only, as in the paper",
    )

    @model_validator(mode="after")
    def _patches_have_features(self) -> Self:
        if not any(self.patches):
            raise ValueError("patches must have at least one level that is attended to")
        if len(self.patches) > min(len(self.widths), len(self.flow_widths)):
            raise ValueError("patches must not have more levels than widths or flow_widths")
        return self


class CorrectnessConfig(Config):
    """Options of the loss `flow-correctness`."""

    # What needs no file, so that tests run anywhere.
    model_config = ConfigDict(json_schema_extra={"examples": [{"features": "colours"}]})

    features: Literal["vgg19", "colours"] = Field(
        "vgg19",
        description="what places are compared by: activations of an ImageNet VGG-19 as published; "
        "or the colours around each place, which need no download",
    )
    layers: tuple[_Layer, ...] = Field(
        ("relu3_1", "relu4_1"),
        min_length=1,
        description="vgg19: the layers; a flow at 1/4 of the size is judged by relu3_1, one at 1/8 "
        "by relu4_1",
    )
    weights: Path | None = Field(
        None,
        description="vgg19: a copy of torchvision's vgg19-dcbb9e9d.pth; without it, torchvision's "
        "cache or a download",
    )


class RegularityConfig(Config):
    """Options of the loss `flow-regularity`."""

    windows: tuple[_Window, ...] = Field(
        (5, 3),
        min_length=1,
        description="sides of the windows, of the finest flow first; the last is that of all "
        "coarser ones",
    )
