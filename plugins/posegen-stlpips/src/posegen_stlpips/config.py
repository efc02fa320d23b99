"""The options of this package's components. No torch here: `posegen config show` reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from posegen.core import Config


def _distinct(numbers: tuple[float, ...]) -> tuple[float, ...]:
    """Refuse a number that is given twice: it would count double."""
    if len(set(numbers)) < len(numbers):
        raise ValueError("the same number is given twice")
    return numbers


Distinct = AfterValidator(_distinct)

#: The stages of the network, from the finest.
Stage = Annotated[int, Field(ge=1, le=5)]
Scale = Annotated[float, Field(ge=0.25, le=4)]
Pool = Annotated[int, Field(ge=1, le=64)]


class WeightsConfig(Config):
    """What all components with the network have."""

    weights: Path | None = Field(
        None,
        description="other weights: a file of stlpips-pytorch 0.0.2 (vgg_shift_tolerant.pth), or a "
        "conversion of one; without it, the AlexNet variant that comes with posegen-stlpips",
    )


class STLPIPSConfig(WeightsConfig):
    """Options of the metrics `st-lpips` and `st-kid`."""


class STLPIPSLossConfig(WeightsConfig):
    """Options of the loss `st-lpips`."""

    scales: Annotated[tuple[Scale, ...], Distinct] = Field(
        (1.0,),
        min_length=1,
        description="sizes at which the network sees the pictures, as factors; the loss is the "
        "mean over them, and [1, 2] also sees detail of a pixel or two, at five times the time",
    )
    region: Literal["picture", "head"] = Field(
        "picture",
        description="what is looked at: the picture; or the targets' heads alone, enlarged to "
        "64×64, since a face is a few pixels that hardly count in the whole",
    )


class STStyleConfig(WeightsConfig):
    """Options of the loss `st-style`."""

    stages: Annotated[tuple[Stage, ...], Distinct] = Field(
        (1, 2),
        min_length=1,
        description="stages of the network whose activations are compared, 1 (finest) to 5; the "
        "terms are added, and those of 3 to 5 are hundreds of times smaller",
    )
    distance: Literal["squared", "l1"] = Field(
        "squared",
        description="of the Gram matrices: the sum of their entries' squared differences, or the "
        "mean of the absolute ones",
    )


class ColourConfig(Config):
    """Options of the loss `colour`."""

    pools: Annotated[tuple[Pool, ...], Distinct] = Field(
        (1, 4),
        min_length=1,
        description="sides in pixels of the squares over which the pictures are averaged before "
        "they are compared; the loss is the mean over them",
    )
    luma: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="weight of the brightness beside that of the colour, which is 1; 0: colour "
        "alone",
    )


class SharpnessConfig(Config):
    """Options of the metric `sharpness`."""

    folded: bool = Field(
        True,
        description="count a ratio r above 1 as 1/r, so that higher is better; false: the plain "
        "ratio, where noise and ringing go above 1 and a table's arrow misleads",
    )
