"""Options of the pose encoders and detectors. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from posegen.core.config import Config


class GaussianConfig(Config):
    """Options of the `gaussian` encoder."""

    layout: Literal["openpose18"] = Field(default="openpose18", description="keypoint layout")
    sigma: float = Field(default=6.0, gt=0, description="standard deviation of the spot, in pixels")


class OneHotConfig(Config):
    """Options of the `one-hot` encoder."""

    layout: Literal["openpose18"] = Field(default="openpose18", description="keypoint layout")


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
