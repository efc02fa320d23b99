"""A pipeline, loaded and asked: a pair in, a picture of the pair's size out."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import torch
from PIL import Image

from posegen.core import ConfigError, Noise, PluginError, WeightsError
from posegen_diffusers.config import PipelineConfig
from posegen_diffusers.pairs import Asked, draw

_TYPES = {"32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Bridge:
    """A diffusers pipeline as a function of a pair.

    Only safetensors are read, and no code that comes with weights is run. The hub is asked for
    nothing unless the options allow it.

    Raises:
        PluginError: where diffusers, or the class that is to load it, is not installed.
        WeightsError: where the pipeline cannot be loaded.
    """

    def __init__(self, config: PipelineConfig, device: str = "cpu") -> None:
        self.config, self.device = config, device
        module, _, name = config.pipeline_class.partition(":")
        try:
            cls = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise PluginError(
                f"pipeline_class={config.pipeline_class}: {error}; `pip install diffusers`, "
                "or name a class of an installed package."
            ) from error
        local = not config.download
        try:
            self.pipeline = cls.from_pretrained(
                config.pipeline,
                torch_dtype=_TYPES[config.precision],
                use_safetensors=True,
                local_files_only=local,
            )
            if config.lora:
                self.pipeline.load_lora_weights(config.lora, local_files_only=local)
        except Exception as error:  # whatever a pipeline of anybody raises
            hint = "" if config.download else "; `download = true` lets it ask the hub"
            raise WeightsError(
                f"{config.pipeline}: {type(error).__name__}: {error}{hint}"
            ) from error
        self.pipeline.to(device)
        self.pipeline.set_progress_bar_config(disable=True)

    def __call__(self, asked: Asked) -> Image.Image:
        """Return the picture that the pipeline makes, brought to the source's size.

        Raises:
            ConfigError: where it refuses the arguments, or makes no picture.
        """
        width, height = asked.picture.size
        scale = self.config.scale
        large = (round(width * scale), round(height * scale))
        pose = [at and (round(at[0] * scale), round(at[1] * scale)) for at in asked.pose]
        shown = asked.picture.resize(large, Image.Resampling.LANCZOS)
        given = {"{source}": shown, "{pose}": draw(pose, large)}
        seed = int(Noise(self.config.seed, [f"{asked.source} {asked.target}"]).integers(2**31, 1))
        random = torch.Generator(self.device).manual_seed(seed)
        try:
            made = self.pipeline(**_filled(self.config.arguments, given), generator=random)
        except TypeError as error:
            raise ConfigError(f"arguments: the pipeline refuses them ({error}).") from error
        images = getattr(made, "images", None)
        picture = images[0] if isinstance(images, list) and images else None
        if not isinstance(picture, Image.Image):
            raise ConfigError(
                "arguments: the pipeline returns no picture; it must be one whose result has "
                '`images`, and not be asked for another `output_type` than "pil".'
            )
        return picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def _filled(value: Any, pictures: Mapping[str, Image.Image]) -> Any:
    """Return arguments with the pictures where their names stand."""
    if isinstance(value, Mapping):
        return {key: _filled(one, pictures) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, pictures) for one in value]
    return pictures.get(value, value) if isinstance(value, str) else value
