"""The model `patn`: which parts, with which options. Data, not code; no torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from posegen.core import Model


def _discriminators(**options: Any) -> dict[str, Any]:
    """Return the two discriminators, in the order in which a step updates them."""
    return {
        "appearance": {"name": "patn-resnet", "conditions": ["source"], **options},
        "shape": {"name": "patn-resnet", "conditions": ["target_pose"], **options},
    }


_PUBLISHED_OPTIMIZER = {"lr": 2e-4, "beta1": 0.5, "beta2": 0.999}

_MARKET1501: dict[str, Any] = {
    "data": {"name": "market1501", "image_size": [128, 64]},
    "encoder": {"name": "gaussian", "sigma": 6.0},
    "generator": {"name": "patn", "ngf": 64, "blocks": 9, "norm": "batch", "dropout": 0.5},
    "discriminators": _discriminators(ngf=64, blocks=3, norm="batch", dropout=0.5, pool_size=50),
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
    "data": {"name": "deepfashion", "image_size": [256, 176]},
    # The paper says Gaussian maps, but the published ones were stored as integers, which leaves
    # the joint's own pixel; the published numbers came from those. `--set encoder.name=gaussian`
    # gives the paper's text.
    "encoder": {"name": "one-hot"},
    "generator": {"name": "patn", "ngf": 64, "blocks": 9, "norm": "instance", "dropout": 0.5},
    "discriminators": _discriminators(ngf=64, blocks=3, norm="instance", dropout=0.5, pool_size=0),
    "losses": {
        "l1": {"name": "l1", "weight": 1.0},
        "perceptual": {"name": "vgg19", "weight": 1.0, "layers": ["relu1_2"]},
    },
    "method": {"name": "adversarial", "objective": "lsgan", "weight": 5.0},
    "optimizer": _PUBLISHED_OPTIMIZER,
    "training": {
        "batch_size": 7,
        "epoch_pairs": 4000,
        "constant_epochs": 500,
        "decay_epochs": 200,
    },
}

# For a computer without a GPU or network: the embedded people, a small network, a perceptual term
# that needs no download. The pictures are half the size, and so are the spots of the pose maps.
_DEMO: dict[str, Any] = {
    "data": {"name": "people"},
    "encoder": {"name": "gaussian", "sigma": 3.0},
    "generator": {"name": "patn", "ngf": 32, "blocks": 5, "norm": "instance", "dropout": 0.0},
    "discriminators": _discriminators(ngf=32, blocks=2, norm="instance", dropout=0.0, pool_size=0),
    "losses": {
        "l1": {"name": "l1", "weight": 10.0},
        "perceptual": {"name": "random-vgg", "weight": 10.0, "layers": ["relu1_2", "relu2_2"]},
    },
    "method": {"name": "adversarial", "objective": "lsgan", "weight": 1.0},
    "optimizer": {"lr": 5e-4, "beta1": 0.5, "beta2": 0.999},
    "training": {"batch_size": 8, "epoch_pairs": 800, "constant_epochs": 6, "decay_epochs": 4},
}


class PATN(Model):
    """Progressive pose attention transfer (Zhu et al., CVPR 2019).

    The presets `market1501` and `deepfashion` are the commands of the published code, from which
    the published numbers came; the README says where the paper's text differs.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "demo": _DEMO,
        "market1501": _MARKET1501,
        "deepfashion": _DEEPFASHION,
    }
    default_preset: ClassVar[str] = "demo"
