"""The recipe: the text's weights, and a training that uses the generator's mask."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from posegen_patn_masked.model import MaskedPATNModel

import posegen
from posegen.core import ConfigError
from posegen.training import train

SMALL = [
    "data.identities=4",
    "data.test_identities=2",
    "generator.width=4",
    "generator.residuals=0",
    "generator.blocks=2",
    "discriminators.global.width=2",
    "discriminators.local.width=2",
    "losses.perceptual.scales=[1]",
    "losses.style.scales=[1]",
    "training.batch_size=2",
    "training.cpu_kernels=false",
]


@pytest.mark.parametrize("preset", MaskedPATNModel.presets)
def test_the_weights_are_the_texts(preset: str) -> None:
    tree = MaskedPATNModel.presets[preset]
    weights = {name: term["weight"] for name, term in tree["losses"].items()}
    assert weights == {"perceptual": 10.0, "style": 250.0}
    # The method halves: the mean over two branches, and half of real and generated.
    assert tree["method"]["weight"] / len(tree["discriminators"]) == 1.0
    assert all(len(term["scales"]) > 1 for term in tree["losses"].values())


def test_it_trains_with_both_branches(tmp_path: Path) -> None:
    overrides = [*SMALL, "training.steps=2", "training.log_every=1"]
    config = posegen.experiment(posegen.preset("patn-masked"), overrides=overrides)
    run, outcome = train(config, tmp_path / "run")
    assert outcome.step == 2
    last = json.loads((run.path / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"generator/adversarial", "global/fake", "local/real", "local/fake"} <= last.keys()
    assert all(math.isfinite(value) for value in last.values())


def test_a_generator_without_a_mask_is_refused(tmp_path: Path) -> None:
    small = [text for text in SMALL if not text.startswith("generator.")]
    overrides = [*small, "generator.name=patn", "generator.ngf=4", "training.steps=1"]
    config = posegen.experiment(posegen.preset("patn-masked"), overrides=overrides)
    with pytest.raises(ConfigError, match=r"'generated_mask'.*returns no 'mask'"):
        train(config, tmp_path / "run")
