"""The options of this package's components. No torch here: `posegen config show` reads them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from posegen.core import Config

Norm = Literal["batch", "instance"]


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError("the side of a kernel is odd")
    return size


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a name that is given twice."""
    if len(set(names)) < len(names):
        raise ValueError("the same name is given twice")
    return names


class MaskedPATNConfig(Config):
    """Options of the generator `patn-masked`; the defaults are the starting text's."""

    # What `posegen plugins check` builds: small enough to be checked in seconds.
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"width": 4, "blocks": 2, "residuals": 1, "kernel": 3}]}
    )

    blocks: int = Field(3, ge=1, description="pose-attentional transfer blocks, one after another")
    width: int = Field(
        64, ge=1, description="channels of an attention module at full size; 4 × width at 1/4"
    )
    residuals: int = Field(4, ge=0, description="residual blocks of an attention module, at 1/4")
    kernel: Annotated[int, Field(ge=1, le=9), AfterValidator(_odd)] = Field(
        7, description="side of an attention module's first and last kernels"
    )
    norm: Norm = Field("batch", description="normalisation after each activation")


class BranchConfig(Config):
    """Options of the discriminator `patn-masked-branch`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"region": "picture", "width": 4, "layers": 3}]}
    )

    region: Literal["picture", "generated"] = Field(
        description="what it judges: the whole picture (the global branch), or what the "
        "generator's mask says it generated (the local branch; the rest is zero)"
    )
    conditions: Annotated[tuple[str, ...], AfterValidator(_distinct)] = Field(
        ("target_pose",),
        description="what it sees beside the image: source, source_pose, target_pose, "
        "source_mask, target_mask, or an image, mask or map that the data set adds",
    )
    width: int = Field(64, ge=1, description="channels after the first convolution, then doubled")
    layers: int = Field(
        4,
        ge=1,
        le=5,
        description="convolutions of stride 2; 4 global, 3 local",
    )
    norm: Norm = Field("batch", description="normalisation, but for the first convolution")
