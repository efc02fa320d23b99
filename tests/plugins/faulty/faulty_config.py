"""Classes of options, each wrong in one way."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from posegen.core import Config


class Good(Config):
    width: int = Field(4, ge=1, description="channels")


class NoConfig(BaseModel):
    pass


class TakesAnything(Config):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Changeable(Config):
    model_config = ConfigDict(extra="forbid", frozen=False)


class Undescribed(Config):
    width: int = 4


class NoDefault(Config):
    width: int = Field(description="channels")


class WithExample(Config):
    model_config = ConfigDict(json_schema_extra={"examples": [{"width": 2}]})

    width: int = Field(description="channels")


class NeedsFile(Config):
    root: Path = Field(description="the folder")


class Steps(Config):
    steps: int = Field(2, ge=1, description="how often it is refined")


class NoDefaultSteps(Config):
    steps: int = Field(ge=1, description="how often it is refined")
