"""Options of the pose encoders."""

from __future__ import annotations

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
