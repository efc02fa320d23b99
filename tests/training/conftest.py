"""A model so small that a step takes milliseconds, on a data set of four pictures."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from posegen.config import ExperimentConfig, experiment, preset

TINY = [
    "data.image_size=[32, 16]",
    "data.identities=2",
    "data.pictures=2",
    "data.test_identities=2",
    "generator.ngf=4",
    "generator.blocks=2",
    "generator.norm=batch",
    "generator.dropout=0.5",
    "discriminators.appearance.ngf=4",
    "discriminators.appearance.blocks=1",
    "discriminators.appearance.dropout=0.5",
    "discriminators.appearance.pool_size=3",
    "discriminators.shape.ngf=4",
    "discriminators.shape.blocks=1",
    "losses.perceptual=none",
    "method.weight=1.0",
    "training.batch_size=4",
    "training.steps=6",
    "training.log_every=1",
    "training.sample_every=4",
    "training.sample_pairs=2",
    "training.checkpoint_every=2",
]


@pytest.fixture(scope="session")
def tiny() -> Callable[..., ExperimentConfig]:
    def make(*overrides: str) -> ExperimentConfig:
        return experiment(preset("patn", "demo"), overrides=[*TINY, *overrides])

    return make


@pytest.fixture(scope="session")
def tiny_flags() -> list[str]:
    """The same for the command line."""
    return ["--model", "patn", *(word for text in TINY for word in ("--set", text))]
