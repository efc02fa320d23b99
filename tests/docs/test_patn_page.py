"""The tables of docs/patn.md say what the presets are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from posegen.config import ExperimentConfig, experiment, preset
from posegen.core import TaskInfo
from posegen.training import build_method

PAGE = (Path(__file__).parents[2] / "docs" / "patn.md").read_text(encoding="utf-8")
PRESETS = ("market1501", "deepfashion", "demo")


def row(title: str) -> list[str]:
    """The three cells of a table's row."""
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| {title} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def config(name: str) -> ExperimentConfig:
    return experiment(preset("patn", name), overrides=[] if name == "demo" else ["data.root=/d"])


@pytest.mark.parametrize("column", range(3))
def test_settings(column: int) -> None:
    resolved = config(PRESETS[column])
    generator, judge = resolved.generator.options, resolved.discriminators["shape"].options
    training, losses = resolved.training, resolved.losses
    assert row("`ngf`, blocks")[column] == f"{generator['ngf']}, {generator['blocks']}"
    assert row("discriminators' `ngf`, blocks")[column] == f"{judge['ngf']}, {judge['blocks']}"
    assert row("norm")[column] == generator["norm"] == judge["norm"]
    assert float(row("dropout")[column]) == generator["dropout"]
    factors = (losses["l1"].weight, losses["perceptual"].weight, resolved.method.options["weight"])
    assert row("λ_A, λ_B, λ_GAN")[column] == ", ".join(f"{factor:g}" for factor in factors)
    assert losses["perceptual"].name in row("perceptual term")[column]
    assert losses["perceptual"].options["layers"][0] in row("perceptual term")[column]
    assert int(row("batch")[column]) == training.batch_size
    assert int(row("image pool")[column]) == judge["pool_size"]
    assert float(row("learning rate")[column]) == resolved.optimizer.lr
    epochs = f"{training.constant_epochs} + {training.decay_epochs}"
    assert row("epochs, constant + decay")[column] == epochs
    assert row("pairs per epoch")[column] == f"{training.epoch_pairs:,}"
    assert row("steps")[column] == f"{training.total_steps:,}"


@pytest.mark.parametrize("column", range(3))
def test_parameters(column: int) -> None:
    plain = config(PRESETS[column]).model_copy(update={"losses": {}})
    with torch.device("meta"):  # nothing is drawn: only the shapes are needed
        networks = build_method(plain, TaskInfo((64, 32), 18)).networks
    for name, network in networks.items():
        count = sum(parameter.numel() for parameter in network.parameters())
        title = f"{name}, parameters"
        assert row(title)[column] == f"{count:,}"
