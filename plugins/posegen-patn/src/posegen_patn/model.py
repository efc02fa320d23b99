"""The model `patn`: which parts, with which options. Data, not code; no torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from posegen.core import Model
from posegen_patn.sweeps import ABLATION


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

# The embedded people at half of Market-1501's size and a quarter of its width, so that a computer
# without a GPU learns in minutes to move a person. Batch norm keeps the colours that instance norm
# takes out; small batches and a long decay give the most for so few pictures. The discriminators
# are slight: adversarial detail needs far longer than this. The perceptual term needs no download.
# The spots of the pose maps shrink with the pictures.
_DEMO: dict[str, Any] = {
    "data": {"name": "people", "image_size": [64, 32], "identities": 1000, "pictures": 4},
    "encoder": {"name": "gaussian", "sigma": 3.0},
    "generator": {"name": "patn", "ngf": 16, "blocks": 4, "norm": "batch", "dropout": 0.0},
    "discriminators": _discriminators(ngf=4, blocks=1, norm="batch", dropout=0.0, pool_size=0),
    "losses": {
        "l1": {"name": "l1", "weight": 10.0},
        "perceptual": {"name": "random-vgg", "weight": 1.0, "layers": ["relu1_1"]},
    },
    "method": {"name": "adversarial", "objective": "lsgan", "weight": 0.1},
    "optimizer": {"lr": 1e-3, "beta1": 0.5, "beta2": 0.999},
    "training": {
        "batch_size": 8,
        "epoch_pairs": 400,
        "constant_epochs": 6,
        "decay_epochs": 60,
        "ema": 0.995,
        "log_every": 25,
        "sample_every": 250,
        "checkpoint_every": 500,
    },
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
    sweeps: ClassVar[Mapping[str, Mapping[str, Any]]] = {"ablation": ABLATION}
