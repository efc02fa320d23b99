"""The model `flow`: which parts, with which options. Data, not code; no torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from posegen.core import Model
from posegen_warp.model import ON_A_CPU, discriminators

# The embedded people on a CPU: narrow, without a discriminator, and flows compared by colours, for
# that needs no download and no deep network. Batch norm keeps the colours that instance norm takes
# out; the source picture is fetched as well, for painting detail from features takes far longer.
_PEOPLE: dict[str, Any] = {
    **ON_A_CPU,
    "generator": {
        "name": "flow",
        "widths": [32, 64, 128],
        "flow_widths": [32, 64, 96, 128, 128],
        "attention_width": 32,
        "norm": "batch",
        "copy_picture": True,
    },
    "losses": {
        **ON_A_CPU["losses"],
        "correctness": {"name": "flow-correctness", "weight": 1.0, "features": "colours"},
        "regularity": {"name": "flow-regularity", "weight": 5e-4},
    },
}

# The published weights of the terms, learning rates and widths; docs/warp.md says what is not as
# published.
_DEEPFASHION: dict[str, Any] = {
    "data": {"name": "deepfashion", "image_size": [256, 176]},
    "encoder": {"name": "gaussian", "sigma": 6.0},
    "generator": {"name": "flow", "patches": [0, 5, 3]},
    "discriminators": discriminators(ngf=64, blocks=3, norm="instance", dropout=0.5, pool_size=0),
    "losses": {
        "l1": {"name": "l1", "weight": 5.0},
        "perceptual": {
            "name": "vgg19",
            "weight": 0.5,
            "layers": ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"],
        },
        "correctness": {
            "name": "flow-correctness",
            "weight": 5.0,
            "layers": ["relu3_1", "relu4_1"],
        },
        "regularity": {"name": "flow-regularity", "weight": 2.5e-3, "windows": [5, 3]},
    },
    "method": {"name": "adversarial", "objective": "lsgan", "weight": 2.0},
    "optimizer": {
        "lr": 1e-4,
        "beta1": 0.0,
        "beta2": 0.999,
        "scale": {"appearance": 0.1, "shape": 0.1},
    },
    "training": {"batch_size": 8, "epoch_pairs": 4000, "constant_epochs": 500, "decay_epochs": 200},
}

_MARKET1501: dict[str, Any] = {
    **_DEEPFASHION,
    "data": {"name": "market1501", "image_size": [128, 64]},
    "generator": {"name": "flow", "patches": [0, 3]},
    "losses": {
        **_DEEPFASHION["losses"],
        "correctness": {"name": "flow-correctness", "weight": 5.0, "layers": ["relu3_1"]},
        "regularity": {"name": "flow-regularity", "weight": 2.5e-3, "windows": [3]},
    },
    "training": {
        "batch_size": 32,
        "epoch_pairs": 4000,
        "constant_epochs": 500,
        "decay_epochs": 200,
    },
}


class FlowModel(Model):
    """Global flow and local attention (Ren et al., CVPR 2020)."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "people": _PEOPLE,
        "market1501": _MARKET1501,
        "deepfashion": _DEEPFASHION,
    }
    default_preset: ClassVar[str] = "people"
