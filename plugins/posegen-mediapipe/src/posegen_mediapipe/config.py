"""The options of this package's component."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from posegen.core import Config

Border = Annotated[float, Field(ge=0, le=4)]


class MediaPipeConfig(Config):
    """Options of the detector `mediapipe`."""

    model: Path | None = Field(
        default=None,
        description="a pose landmarker bundle (.task); by default the model in mediapipe 0.10.21",
    )
    people: int = Field(
        default=1, ge=1, description="find at most so many people; more than 1 needs `model`"
    )
    person_score: float = Field(
        default=0.5, ge=0, le=1, description="people with a lower score are left out"
    )
    joint_score: float = Field(
        default=0.5, ge=0, le=1, description="landmarks of a lower visibility are missing"
    )
    borders: tuple[Border, ...] = Field(
        default=(0.5, 0.0),
        min_length=1,
        description="borders around the picture, as parts of its longer side, that are tried until "
        "somebody is found; a border helps where people fill the picture",
    )
