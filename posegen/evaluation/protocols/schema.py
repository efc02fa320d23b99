"""What a protocol file says. Free of torch.

A protocol is everything that moves a score and is not the model: at which size pictures are
compared and how they get there, whether they were files in between, and every metric's options.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from posegen.core.config import Config

#: Names that stay readable on a command line: `NAME:VARIANT`.
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]

#: Height and width in pixels.
Size = tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]

_Pixels = Annotated[int, Field(ge=0)]


class Crop(Config):
    """Cut a rectangle out."""

    step: Literal["crop"] = "crop"
    box: tuple[_Pixels, _Pixels, _Pixels, _Pixels] = Field(
        description="left, top, right and bottom edge in pixels; the last two are outside, as in "
        "Pillow"
    )

    @field_validator("box")
    @classmethod
    def _not_empty(cls, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        left, top, right, bottom = box
        if right <= left or bottom <= top:
            raise ValueError("the right and bottom edges must be greater than the left and top")
        return box


class Resize(Config):
    """Bring pictures to a size; those that have it are left as they are.

    What a kernel's name means depends on the library. Pillow widens the kernel when it shrinks a
    picture (antialiasing), takes a = -0.5 in its bicubic kernel, and rounds to 8 bits. OpenCV never
    widens it, takes a = -0.75, and keeps fractions of pictures that were made float before. Torch
    does what OpenCV does, or with `antialias` what Pillow does.
    """

    step: Literal["resize"] = "resize"
    size: Size = Field(description="height and width in pixels")
    kernel: Literal["bilinear", "bicubic"]
    library: Literal["pillow", "opencv", "torch"]
    antialias: bool = Field(
        default=False, description="widen the kernel when shrinking; only torch has the choice"
    )
    round: bool = Field(default=True, description="whether the result is rounded to 8 bits")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.antialias and self.library != "torch":
            raise ValueError("antialias is torch's choice: pillow always does it and opencv never")
        if self.library == "pillow" and not self.round:
            raise ValueError("pillow always rounds to 8 bits")
        return self


class Pad(Config):
    """Add a border of one grey level."""

    step: Literal["pad"] = "pad"
    left: _Pixels = 0
    top: _Pixels = 0
    right: _Pixels = 0
    bottom: _Pixels = 0
    value: Annotated[int, Field(ge=0, le=255)] = Field(
        default=255, description="level of the border; 255 is white"
    )


def _unique(entries: Any) -> Any:
    for name, count in Counter(entry.name for entry in entries).items():
        if count > 1:
            raise ValueError(f"two of them are named {name!r}")
    return entries


Step = Annotated[Crop | Resize | Pad, Field(discriminator="step")]
Steps = tuple[Step, ...]


class Column(Config):
    """One column of the table: a metric with its options, on prepared pictures."""

    name: Name
    metric: Name = Field(description="the metric component")
    options: dict[str, Any] = Field(
        default_factory=dict, description="the component's options; others keep their defaults"
    )
    prepare: Steps = Field(
        default=(), description="what is done to generated, target and source pictures"
    )
    reference: Steps | None = Field(
        default=None, description="what is done to reference images; none: the same"
    )
    drop_last: Annotated[int, Field(gt=1)] | None = Field(
        default=None, description="pairs beyond the last multiple of this are left out"
    )
    note: str = ""


class Variant(Config):
    """The columns for pictures of one size."""

    name: Name
    summary: str
    size: Size | None = Field(
        default=None, description="height and width of the pictures it is for; none: any"
    )
    originals: str = Field(
        default="", description="what the published scripts make their real pictures from"
    )
    saved_as: Literal["memory", "png", "jpeg"] = Field(
        default="memory", description="the file that generated pictures are read back from"
    )
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] = Field(
        default=75, description="where saved as jpeg"
    )
    saved_targets: bool = Field(
        default=False, description="whether targets are read back from the same file"
    )
    rounding: Literal["round", "truncate"] = Field(
        default="round", description="how a generator's output becomes 8-bit"
    )
    prepare: Steps = Field(
        default=(), description="what is done to all pictures before what their columns say"
    )
    columns: Annotated[tuple[Column, ...], AfterValidator(_unique)] = Field(min_length=1)

    def steps(self, column: Column) -> Steps:
        """Return all that is done to the pictures of a column."""
        return (*self.prepare, *column.prepare)


class Protocol(Config):
    """A named way to score, with a variant for each size of pictures that it knows."""

    name: Name
    version: Annotated[int, Field(gt=0)]
    summary: str
    source: str = Field(description="the paper and the published files that it is taken from")
    variants: Annotated[tuple[Variant, ...], AfterValidator(_unique)] = Field(min_length=1)
