"""Options of trackers. Free of torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from posegen.core.config import Config


class WandbConfig(Config):
    """Options of the tracker `wandb`."""

    project: str = Field(default="posegen", description="the project that the run belongs to")
    entity: str | None = Field(default=None, description="the user or team that has the project")
    mode: Literal["offline", "online"] = Field(
        default="offline", description="offline: kept in the run's folder until `wandb sync`"
    )
