"""The model `flow-matching`: which parts, with which options. Data, not code; no torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from posegen.core import Model

# What all presets share. No loss but the method's own; no discriminator.
_COMMON: dict[str, Any] = {
    "losses": {},
    "discriminators": {},
    "augment": {"flip": 0.5},
}


def _adamw(lr: float) -> dict[str, Any]:
    return {"name": "adamw", "lr": lr, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0}


_PEOPLE: dict[str, Any] = {
    **_COMMON,
    "data": {"name": "people", "image_size": [64, 32], "identities": 2500, "pictures": 8},
    "encoder": {"name": "gaussian", "sigma": 3.0},
    "generator": {"name": "attention-unet", "patch": 4, "widths": [64, 96, 128], "blocks": 1},
    # The source and the pose decide most of a picture, and are learnt where little else is seen.
    "method": {"name": "flow-matching", "time_mean": -1.2},
    "optimizer": _adamw(1e-3),
    "schedule": {"name": "cosine", "warmup": 200, "floor": 0.02},
    "training": {
        "batch_size": 16,
        "both_directions": True,
        "steps": 20_000,
        "ema": 0.999,
        "clip_norm": 1.0,
        "log_every": 25,
        "sample_every": 1000,
        "checkpoint_every": 500,
    },
}

# On a GPU; sizes and times after JiT's argument: the larger the picture, the larger the patches and
# the noisier the times.
_MARKET1501: dict[str, Any] = {
    **_COMMON,
    "data": {"name": "market1501", "image_size": [128, 64]},
    "encoder": {"name": "gaussian", "sigma": 6.0},
    "generator": {"name": "attention-unet", "patch": 2, "widths": [64, 128, 256], "head_width": 64},
    "method": {"name": "flow-matching", "time_mean": -0.8},
    "optimizer": _adamw(2e-4),
    "schedule": {"name": "constant", "warmup": 1000},
    "training": {
        "batch_size": 64,
        "both_directions": True,
        "steps": 200_000,
        "ema": 0.9999,
        "clip_norm": 1.0,
        "precision": "bf16",
        "sample_every": 5000,
        "checkpoint_every": 2500,
    },
}

_DEEPFASHION: dict[str, Any] = {
    **_MARKET1501,
    "data": {"name": "deepfashion", "image_size": [256, 176]},
    "generator": {"name": "attention-unet", "patch": 4, "widths": [96, 192, 384], "head_width": 64},
    "method": {"name": "flow-matching", "time_mean": -0.8, "time_deviation": 0.8},
    "training": {**_MARKET1501["training"], "batch_size": 32, "steps": 300_000},
}


class FlowMatchingModel(Model):
    """Flow matching in pixels, with a U-Net that attends to the source."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "people": _PEOPLE,
        "market1501": _MARKET1501,
        "deepfashion": _DEEPFASHION,
    }
    default_preset: ClassVar[str] = "people"
