"""What to run and how, as a TOML file says it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from posegen.core import Config, ConfigError


class PipelineConfig(Config):
    """A diffusers pipeline, and how it is asked for a picture."""

    pipeline: str = Field(description="a folder of a pipeline, or its name on the Hugging Face hub")
    pipeline_class: str = Field(
        "diffusers:DiffusionPipeline",
        description="`module:Class` that loads it; the general one reads the folder's own class",
    )
    lora: str = Field("", description="a file or a name of LoRA weights to put on top")
    arguments: dict[str, Any] = Field(
        default_factory=lambda: {"image": ["{source}", "{pose}"]},
        description="what it is called with; {source} and {pose} stand for these pictures",
    )
    scale: float = Field(
        1.0, gt=0, description="how much the pictures are enlarged for it; results are not"
    )
    precision: Literal["32", "bf16", "fp16"] = Field("bf16", description="of the weights")
    seed: int = Field(0, ge=0, description="of the noise; each pair has its own")
    download: bool = Field(False, description="whether the hub may be asked for what is not here")


def read_config(path: Path) -> PipelineConfig:
    """Read the options.

    Raises:
        ConfigError: naming the file and the option.
    """
    try:
        return PipelineConfig.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path}: {place}: {first['msg']}.") from None
