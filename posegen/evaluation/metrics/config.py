"""Options of the built-in metrics. Free of torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from posegen.core.config import Config


class LPIPSConfig(Config):
    """Options of the `lpips` metric."""

    net: Literal["alex", "vgg", "squeeze"] = Field(
        "alex", description="ImageNet trunk; values of different trunks cannot be compared"
    )
    weights: Path | None = Field(
        None,
        description="local copy of torchvision's file of the trunk (.pth or .safetensors); "
        "otherwise torchvision's cache, then a download",
    )
