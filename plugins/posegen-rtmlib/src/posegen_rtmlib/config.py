"""The options of this package's component."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from posegen.core import Config


class RTMLibConfig(Config):
    """Options of the detector `rtmlib`."""

    body: Literal["body", "wholebody"] = Field(
        default="body", description="COCO's 17 joints, or 133 with feet, face and hands"
    )
    mode: Literal["lightweight", "balanced", "performance"] = Field(
        default="balanced", description="which of rtmlib's networks to download"
    )
    people_model: Path | None = Field(
        default=None, description="a YOLOX network that finds people (.onnx), instead of rtmlib's"
    )
    pose_model: Path | None = Field(
        default=None, description="an RTMPose, DWPose or RTMW network (.onnx), instead of rtmlib's"
    )
    whole_picture: bool = Field(
        default=False,
        description="look for no people: each picture is one person's, as in Market-1501",
    )
    joint_score: float = Field(default=0.3, ge=0, description="joints of a lower score are missing")
    device: str = Field(
        default="cpu", description="`cuda` or `cuda:1` needs the package onnxruntime-gpu"
    )
