"""The options of this package's component."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from posegen.core import Config


class MoveNetConfig(Config):
    """Options of the detector `movenet`."""

    weights: Path | None = Field(
        default=None,
        description="other weights, of `python -m posegen_movenet.convert`: for example Thunder's; "
        "without it, Lightning's, which come with posegen-movenet",
    )
    people: int = Field(default=1, ge=1, le=10, description="find at most so many people")
    person_score: float = Field(
        default=0.2, ge=0, le=1, description="people with a lower score are left out"
    )
    joint_score: float = Field(
        default=0.2, ge=0, le=1, description="joints with a lower score are missing"
    )
    passes: int = Field(
        default=2,
        ge=1,
        le=3,
        description="looks at each person: the first at the whole picture, each other one at the "
        "square around what was found before",
    )
