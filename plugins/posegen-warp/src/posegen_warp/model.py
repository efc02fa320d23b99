"""The model `limbs`: which parts, with which options. Data, not code; no torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from posegen.core import Model

# The embedded people on a CPU, for both models of this package. No discriminator: what is copied is
# sharp by itself, and adversarial detail needs far longer. Steep warm-up and a cosine to zero give
# the most for so few pictures.
ON_A_CPU: dict[str, Any] = {
    "data": {"name": "people", "image_size": [128, 64], "identities": 2500, "pictures": 8},
    "encoder": {"name": "gaussian", "sigma": 6.0},
    "losses": {
        "l1": {"name": "l1", "weight": 1.0},
        "gradient": {"name": "gradient", "weight": 1.0},
    },
    "method": {"name": "adversarial", "weight": 0.0},
    "optimizer": {
        "name": "adamw",
        "lr": 2e-3,
        "beta1": 0.9,
        "beta2": 0.99,
        "weight_decay": 0.01,
        "decay_norms": False,
    },
    "schedule": {"name": "cosine", "warmup": 100},
    "augment": {"flip": 0.5},
    "training": {
        "batch_size": 8,
        "steps": 6000,
        "ema": 0.999,
        "log_every": 25,
        "sample_every": 500,
        "checkpoint_every": 250,
    },
}

_PEOPLE: dict[str, Any] = {**ON_A_CPU, "generator": {"name": "limbs"}}

_PEOPLE_64: dict[str, Any] = {
    **_PEOPLE,
    "data": {**_PEOPLE["data"], "image_size": [64, 32], "identities": 1000},
    "encoder": {"name": "gaussian", "sigma": 3.0},
    "training": {**_PEOPLE["training"], "steps": 1200, "ema": 0.995, "sample_every": 200},
}


def discriminators(**options: Any) -> dict[str, Any]:
    """Return two discriminators as in PATN: one sees the source picture, one the target pose."""
    return {
        "appearance": {"name": "patn-resnet", "conditions": ["source"], **options},
        "shape": {"name": "patn-resnet", "conditions": ["target_pose"], **options},
    }


# The published data sets. The paper's loss is a distance of nearest neighbours in VGG features
# and one conditional discriminator; here stand the terms that PATN is trained with, so that the two
# compare. Adam and its numbers are the paper's.
_PUBLISHED_OPTIMIZER = {"lr": 2e-4, "beta1": 0.5, "beta2": 0.999}
_GPU_WIDTHS = {"widths": [64, 128, 256, 512], "source_widths": [64, 128, 256], "blocks": 2}

_MARKET1501: dict[str, Any] = {
    "data": {"name": "market1501", "image_size": [128, 64]},
    "encoder": {"name": "gaussian", "sigma": 6.0},
    "generator": {"name": "limbs", **_GPU_WIDTHS},
    "discriminators": discriminators(ngf=64, blocks=3, norm="batch", dropout=0.5, pool_size=50),
    "losses": {
        "l1": {"name": "l1", "weight": 10.0},
        "perceptual": {"name": "vgg19", "weight": 10.0, "layers": ["relu1_2"]},
    },
    "method": {"name": "adversarial", "objective": "bce", "weight": 5.0},
    "optimizer": _PUBLISHED_OPTIMIZER,
    "training": {
        "batch_size": 32,
        "epoch_pairs": 4000,
        "constant_epochs": 500,
        "decay_epochs": 200,
    },
}

_DEEPFASHION: dict[str, Any] = {
    **_MARKET1501,
    "data": {"name": "deepfashion", "image_size": [256, 176]},
    "generator": {"name": "limbs", **_GPU_WIDTHS, "norm": "instance"},
    "discriminators": discriminators(ngf=64, blocks=3, norm="instance", dropout=0.5, pool_size=0),
    "losses": {
        "l1": {"name": "l1", "weight": 1.0},
        "perceptual": {"name": "vgg19", "weight": 1.0, "layers": ["relu1_2"]},
    },
    "method": {"name": "adversarial", "objective": "lsgan", "weight": 5.0},
    "training": {"batch_size": 7, "epoch_pairs": 4000, "constant_epochs": 500, "decay_epochs": 200},
}


class LimbsModel(Model):
    """Body parts moved by affine maps, after Deformable GAN (Siarohin et al., CVPR 2018)."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "people": _PEOPLE,
        "people-64x32": _PEOPLE_64,
        "market1501": _MARKET1501,
        "deepfashion": _DEEPFASHION,
    }
    default_preset: ClassVar[str] = "people"
