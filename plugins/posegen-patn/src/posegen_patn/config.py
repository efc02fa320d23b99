"""The options of this package's components. No torch here: `posegen config show` reads them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from posegen.core import Config

Norm = Literal["batch", "instance"]


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a name that is given twice."""
    if len(set(names)) < len(names):
        raise ValueError("the same name is given twice")
    return names


Conditions = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_distinct)]


class PATNConfig(Config):
    """Options of the generator `patn`; the defaults are the published Market-1501 network."""

    # What `posegen plugins check` builds: small enough to be checked in seconds.
    model_config = ConfigDict(json_schema_extra={"examples": [{"ngf": 4, "blocks": 2}]})

    ngf: int = Field(64, ge=1, description="channels after the first convolution; inside 4 × ngf")
    blocks: int = Field(9, ge=1, description="pose-attentional transfer blocks")
    norm: Norm = Field(
        "batch",
        description="normalisation; with `instance` it has no scale, and convolutions have a bias",
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout in the blocks; 0: no such layer")
    attention: bool = Field(
        True,
        description="multiply the image branch by a mask from the pose branch; "
        "false: an ablation without a mask, which adds both branches as they are",
    )
    init: Literal["normal", "default"] = Field(
        "normal",
        description="first weights: `normal` as published (convolutions N(0, 0.02), batch-norm "
        "scales N(1, 0.02)), or PyTorch's default",
    )


class ResnetDiscriminatorConfig(Config):
    """Options of the discriminator `patn-resnet`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"conditions": ["source"], "ngf": 4, "blocks": 1}]}
    )

    conditions: Conditions = Field(
        description="what it sees beside the image: source, source_pose, target_pose, "
        "source_mask, target_mask, or an image, mask or map that the data set adds"
    )
    ngf: int = Field(64, ge=1, description="channels after the first convolution; scores 4 × ngf")
    blocks: int = Field(3, ge=1, description="residual blocks")
    norm: Norm = Field("batch", description="normalisation, as in the generator")
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout in the blocks; 0: no such layer")
    pool_size: int = Field(
        0, ge=0, description="generated images remembered and shown again; 0: only new ones"
    )
