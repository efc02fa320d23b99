"""The options. posegen reads them before a network is built, so: no torch here."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from posegen.core import Config


class UNetConfig(Config):
    """Options of the generator `unet`."""

    # What tests and `posegen plugins check` take, so that they are quick.
    model_config = ConfigDict(json_schema_extra={"examples": [{"width": 4, "depth": 2}]})

    width: int = Field(64, ge=1, description="channels at full size; as many more at each level")
    depth: int = Field(
        4, ge=1, le=8, description="halvings; height and width must be divisible by 2 to the depth"
    )
    blocks: int = Field(1, ge=0, description="residual blocks per level, on the way down and up")
    norm: Literal["batch", "instance", "none"] = Field(
        "batch", description="normalisation after each convolution; the paper has none"
    )
    source_pose: bool = Field(
        True, description="join the source's own pose map to the input; the paper does not"
    )
    skips: bool = Field(
        True, description="join each level's code on the way up; false: an ablation without"
    )
