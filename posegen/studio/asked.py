"""What the page may ask for, as checked data."""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeVar

import torch
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from posegen.core.errors import DataError
from posegen.core.skeletons import skeleton

#: Frames of a clip, and poses of one request.
LONGEST = 2000
AT_ONCE = 16

T = TypeVar("T", bound=BaseModel)


def _finite(value: float) -> float:
    if not (math.isfinite(value) and abs(value) < 1e5):
        raise ValueError("not a finite number of a picture")
    return value


Number = Annotated[float, AfterValidator(_finite)]
Points = Annotated[list[tuple[Number, Number, Number]], Field(min_length=1, max_length=200)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=False)


class Person(_Asked):
    """A picture of a person, as a data URL, and the pose in it, in its pixels."""

    picture: str = Field(max_length=6_000_000)
    pose: Points


class Generate(_Asked):
    """Pictures of a person in some poses, by one of the models."""

    model: int = Field(ge=0, lt=100)
    person: Person
    poses: list[Points] = Field(min_length=1, max_length=AT_ONCE)
    overlays: bool = False


class Key(_Asked):
    """A key pose, and its frame."""

    at: int = Field(ge=0, lt=LONGEST)
    pose: Points


class Timeline(_Asked):
    """Key poses in time."""

    keys: list[Key] = Field(min_length=1, max_length=LONGEST)
    smooth: bool = False


class Motion(_Asked):
    """A motion of the library, to be put on a person."""

    name: str = Field(max_length=60)
    person: Person


class Edit(_Asked):
    """A change of a pose that is more than a drag."""

    what: Literal["mirror", "scale"]
    pose: Points
    factor: float = Field(default=1.0, gt=0.05, lt=20)


class Export(_Asked):
    """A timeline as a file."""

    model: int = Field(ge=0, lt=100)
    person: Person
    timeline: Timeline
    format: Literal["webp", "gif", "mp4", "png", "json"]
    fps: float = Field(default=25, ge=1, le=60)
    scale: int = Field(default=3, ge=1, le=8)


def parsed(kind: type[T], data: bytes) -> T:
    """Read a request's body.

    Raises:
        DataError: naming the first place that is wrong.
    """
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the request"
        raise DataError(f"{where}: {first['msg']}.") from None


def keypoints(points: list[tuple[float, float, float]], layout: str) -> Tensor:
    """Return a pose of the page as (K, 3); missing joints are all zeros.

    Raises:
        DataError: where it does not have the skeleton's joints.
    """
    count = len(skeleton(layout))
    if len(points) != count:
        raise DataError(f"a pose of {len(points)} joints, and {layout} has {count}.")
    tensor = torch.tensor(points, dtype=torch.float32)
    return torch.where(tensor[:, 2:] > 0, tensor, 0)


def points(pose: Tensor) -> list[list[float]]:
    """Return (K, 3) as the page has it, to hundredths of a pixel as pose files do."""
    return [[round(float(x), 2), round(float(y), 2), round(float(v), 2)] for x, y, v in pose]
