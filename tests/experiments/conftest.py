"""Sweeps small enough to be trained in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

TINY: dict[str, Any] = {
    "base": {
        "model": "patn",
        "data": {"image_size": [32, 16], "identities": 2, "pictures": 2, "test_identities": 2},
        "encoder": {"sigma": 1.5},
        "generator": {"ngf": 4, "blocks": 1},
        "discriminators": {"appearance": "none", "shape": "none"},
        "losses": {"perceptual": "none"},
        "trackers": {"tensorboard": "none"},
        "training": {"steps": 4, "batch_size": 2, "checkpoint_every": 1, "sample_every": 1000},
    },
    "seeds": [1, 2],
    "variant": [{"name": "plain"}, {"name": "deep", "set": ["generator.blocks=2"]}],
    "score": {"metrics": ["ssim", "l1"]},
}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A sweep's file: two variants, two seeds."""
    import tomli_w

    path = tmp_path / "tiny.toml"
    path.write_text(tomli_w.dumps(TINY))
    return path
