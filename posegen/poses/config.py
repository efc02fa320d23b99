"""Options of the pose encoders and detectors. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from posegen.core.config import Config


class OneHotConfig(Config):
    """Options of the `one-hot` encoder."""

    skeleton: Literal["openpose18"] = Field(
        default="openpose18", description="skeleton of the keypoints"
    )

    @model_validator(mode="before")
    @classmethod
    def _read_old_key(cls, options: Any) -> Any:
        """Take `layout`, as runs and weights before contract 2 have it, for `skeleton`."""
        if not isinstance(options, dict) or "layout" not in options:
            return options
        layout, others = options["layout"], {k: v for k, v in options.items() if k != "layout"}
        return (
            {"skeleton": layout, **others} if others.get("skeleton", layout) == layout else options
        )


class GaussianConfig(OneHotConfig):
    """Options of the `gaussian` encoder."""

    sigma: float = Field(default=6.0, gt=0, description="standard deviation of the spot, in pixels")


class KeypointRCNNConfig(Config):
    """Options of the `keypoint-rcnn` detector."""

    weights: Path | None = Field(
        default=None,
        description="torchvision's weights, local copy; by default its cache, or a download",
    )
    person_score: float = Field(
        default=0.7, ge=0, le=1, description="people with a lower score are left out"
    )
    joint_score: float = Field(
        default=2.0, description="joints with a lower score are missing; the score is not limited"
    )
    min_size: int = Field(
        default=800, ge=32, description="the shorter side that pictures are scaled to, in pixels"
    )
    max_size: int = Field(
        default=1333, ge=32, description="the longer side is not scaled beyond this"
    )
