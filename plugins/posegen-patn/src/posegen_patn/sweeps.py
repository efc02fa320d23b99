"""The ablations of the paper's section 4.4, small: data, not code."""

from __future__ import annotations

from typing import Any

#: On the embedded people at 32×16, so that three trainings of each variant take minutes of a core.
#: The paper's is of Market-1501: a sweep's file with its preset as the base repeats that.
ABLATION: dict[str, Any] = {
    "summary": "PATN's ablations: blocks, attention, each discriminator, each loss (people, 32×16)",
    "base": {
        "model": "patn",
        "preset": "demo",
        "data": {"image_size": [32, 16], "identities": 40, "test_identities": 25},
        "encoder": {"sigma": 1.5},
        "generator": {"ngf": 8, "blocks": 9},
        "trackers": {"tensorboard": "none"},
        "training": {
            "epoch_pairs": 240,
            "constant_epochs": 1,
            "decay_epochs": 4,
            "log_every": 50,
            "sample_every": 10_000,
            "checkpoint_every": 500,
        },
    },
    "seeds": [1, 2, 3],
    "variant": [
        {"name": "patn-9"},
        {"name": "no-attention", "set": ["generator.attention=false"]},
        {"name": "blocks-5", "set": ["generator.blocks=5"]},
        {"name": "blocks-13", "set": ["generator.blocks=13"]},
        {"name": "no-appearance-d", "set": ["discriminators.appearance=none"]},
        {"name": "no-shape-d", "set": ["discriminators.shape=none"]},
        {
            "name": "no-adversarial",
            "set": ["discriminators.appearance=none", "discriminators.shape=none"],
        },
        {"name": "no-l1", "set": ["losses.l1=none"]},
        {"name": "no-perceptual", "set": ["losses.perceptual=none"]},
    ],
    "score": {"metrics": ["ssim", "l1", "mask-l1", "mask-ssim"], "limit": 200},
}
