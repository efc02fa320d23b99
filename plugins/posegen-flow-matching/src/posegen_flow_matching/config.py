"""The options. posegen reads them before a network is built, so: no torch here."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from posegen.core import Config

_Width = Annotated[int, Field(ge=4, multiple_of=4)]


class FlowMatchingConfig(Config):
    """Options of the method `flow-matching`: how it is trained."""

    noise_scale: float = Field(
        1.0, gt=0, description="standard deviation of the noise; pictures are in [-1, 1]"
    )
    time_mean: float = Field(
        -0.8, description="times are drawn as sigmoid(normal); its mean: below 0, more noise"
    )
    time_deviation: float = Field(
        1.0, gt=0, description="times are drawn as sigmoid(normal); its standard deviation"
    )
    velocity_floor: float = Field(
        0.05, gt=0, le=1, description="1 - time is taken as at least this in the loss"
    )
    drop_source: float = Field(
        0.1, ge=0, le=1, description="share of the pictures made without their source, for guidance"
    )
    drop_pose: float = Field(0.1, ge=0, le=1, description="the same without their target pose")
    drop_both: float = Field(0.05, ge=0, le=1, description="the same without either")

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.drop_source + self.drop_pose + self.drop_both > 1:
            raise ValueError("drop_source, drop_pose and drop_both are together above 1")
        return self


class Sampling(Config):
    """Options of the sampling: how a picture is made of noise."""

    steps: int = Field(
        8, ge=1, le=1000, description="from noise to picture; 1: the plain regression, no sampling"
    )
    solver: Literal["euler", "heun"] = Field(
        "euler",
        description="heun: of second order, with two evaluations in every step but the last",
    )
    source_guidance: float = Field(
        1.0, ge=0, description="how strongly the source acts; 1: as learnt, without guidance"
    )
    pose_guidance: float = Field(1.0, ge=0, description="how strongly the target pose acts")
    guidance: Literal["nested", "apart", "sum"] = Field(
        "nested", description="how both are joined; `sum` is PIDM's equation, see docs"
    )
    guidance_from: float = Field(
        0.1, ge=0, le=1, description="no guidance before this time; 0 is noise, 1 the picture"
    )
    guidance_to: float = Field(1.0, ge=0, le=1, description="no guidance after this time")


class AttentionUNetConfig(Config):
    """Options of the generator `attention-unet`."""

    # What tests and `posegen plugins check` take, so that they are quick.
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"widths": [4, 8], "blocks": 1, "head_width": 4}]}
    )

    patch: int = Field(
        2, ge=1, le=16, description="side of the squares of pixels that make one place"
    )
    widths: tuple[_Width, ...] = Field(
        (32, 64, 128),
        min_length=1,
        max_length=8,
        description="channels at the size in patches, at 1/2, 1/4… of it",
    )
    blocks: int = Field(2, ge=1, description="residual blocks per level, each way")
    attending: int = Field(
        2, ge=1, description="how many levels attend, from the coarsest; they see far"
    )
    head_width: int = Field(32, ge=1, description="channels of a head of the attention, about")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of the residual blocks' activations")

    @model_validator(mode="after")
    def _levels_that_attend_are_there(self) -> Self:
        if self.attending > len(self.widths):
            raise ValueError(f"attending={self.attending}, and there are {len(self.widths)} widths")
        return self
