"""The model `patn-masked`: which parts, with which options. Data, not code; no torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from posegen.core import Model

#: The starting text's weights of the perceptual, the style and the adversarial terms.
PERCEPTUAL, STYLE, ADVERSARIAL = 10.0, 250.0, 1.0


def _branches(width: int, norm: str) -> dict[str, Any]:
    """Return the discriminator's global and local branch."""
    shared = {"name": "patn-masked-branch", "width": width, "norm": norm}
    return {
        "global": {**shared, "region": "picture", "layers": 4},
        "local": {**shared, "region": "generated", "layers": 3},
    }


def _losses(
    perceptual: Mapping[str, Any], style: Mapping[str, Any], scales: list[float]
) -> dict[str, Any]:
    """Return the terms that compare features, on several scales, with the text's weights."""

    def term(loss: Mapping[str, Any], weight: float) -> dict[str, Any]:
        return {"name": "multi-scale", "weight": weight, "scales": scales, "loss": dict(loss)}

    return {"perceptual": term(perceptual, PERCEPTUAL), "style": term(style, STYLE)}


# `adversarial` takes the mean over the discriminators and half of each one's loss; the text adds
# both. Twice the weight is the same.
_ADVERSARIAL = {"name": "adversarial", "objective": "bce", "weight": 2 * ADVERSARIAL}
_OPTIMIZER = {"lr": 2e-4, "beta1": 0.5, "beta2": 0.999}

_VGG_LAYERS = ["relu1_2", "relu2_2", "relu3_4"]
_MARKET1501: dict[str, Any] = {
    "data": {"name": "market1501", "image_size": [128, 64]},
    "encoder": {"name": "gaussian", "sigma": 6.0},
    "generator": {"name": "patn-masked", "blocks": 3, "width": 64, "norm": "batch"},
    "discriminators": _branches(64, "batch"),
    "losses": _losses(
        {"name": "vgg19", "layers": _VGG_LAYERS},
        {"name": "style", "network": "vgg19", "layers": _VGG_LAYERS, "distance": "l1"},
        [1.0, 0.5, 0.25],
    ),
    "method": _ADVERSARIAL,
    "optimizer": _OPTIMIZER,
    # The text's hundred epochs, of as many pairs as PATN's.
    "training": {
        "batch_size": 32,
        "epoch_pairs": 4000,
        "constant_epochs": 50,
        "decay_epochs": 50,
    },
}

_DEEPFASHION: dict[str, Any] = {
    **_MARKET1501,
    "data": {"name": "deepfashion", "image_size": [256, 176]},
    "generator": {"name": "patn-masked", "blocks": 3, "width": 64, "norm": "instance"},
    "discriminators": _branches(64, "instance"),
    "training": {**_MARKET1501["training"], "batch_size": 7},
}

# The embedded people on a CPU, in the time of PATN's demo: kernels of three where the text has
# seven, a quarter of its width, and features whose network comes with posegen-stlpips. It takes no
# side below 21 pixels, which bounds the smaller scale. Of its Gram matrices the squares are
# compared: the mean of the absolutes is so small that 250 times that would not be felt.
_PEOPLE: dict[str, Any] = {
    "data": {"name": "people", "image_size": [64, 32], "identities": 1000, "pictures": 4},
    "encoder": {"name": "gaussian", "sigma": 3.0},
    "generator": {"name": "patn-masked", "blocks": 3, "width": 16, "kernel": 3, "norm": "batch"},
    "discriminators": _branches(8, "batch"),
    "losses": _losses({"name": "st-lpips"}, {"name": "st-style", "stages": [1, 2]}, [1.0, 0.75]),
    "method": _ADVERSARIAL,
    "optimizer": {"lr": 1e-3, "beta1": 0.5, "beta2": 0.999},
    "schedule": {"name": "cosine", "warmup": 50},
    "training": {
        "batch_size": 8,
        "steps": 700,
        "ema": 0.995,
        "log_every": 25,
        "sample_every": 200,
        "checkpoint_every": 200,
    },
}


class MaskedPATNModel(Model):
    """The project's starting text made to work: masked pose attention transfer."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "people": _PEOPLE,
        "market1501": _MARKET1501,
        "deepfashion": _DEEPFASHION,
    }
    default_preset: ClassVar[str] = "people"
