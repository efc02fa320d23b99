"""Validation while training: scores in the log, the best weights, an early end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import posegen
from posegen.config import ExperimentConfig, ValidationConfig
from posegen.core import ConfigError
from posegen.training import train
from posegen.training.validation import Contest, read_best

Tiny = Callable[..., ExperimentConfig]
EVERY = ["validation.every=2", "validation.pairs=3", 'validation.metrics=["l1", "psnr"]']


def scores(run: Path) -> dict[int, float]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {line["step"]: line["validation/l1"] for line in lines if "validation/l1" in line}


def test_scores_are_logged_and_the_best_weights_kept(tiny: Tiny, tmp_path: Path) -> None:
    run, outcome = train(tiny(*EVERY), tmp_path / "run")
    assert not outcome.finished_early
    found = scores(run.path)
    assert sorted(found) == [2, 4, 6]
    best = read_best(run.best)
    assert best is not None
    assert best.metric == "l1"
    assert found[best.step] == min(found.values()) == best.value
    model = posegen.load_model(f"{run.path}@best")
    assert model.config.training["step"] == best.step
    # The score is that of an evaluation of these weights on the same pairs.
    made = posegen.evaluate(model, ["l1"], limit=None).protocols[0]
    assert made.scores[model.config.model]["l1"].value is not None


def test_a_resumed_run_validates_as_one_that_was_not_stopped(tiny: Tiny, tmp_path: Path) -> None:
    whole, _ = train(tiny(*EVERY), tmp_path / "whole")
    train(tiny(*EVERY, "training.steps=3"), tmp_path / "parts")
    parts, _ = train(tiny(*EVERY), tmp_path / "parts", resume=True)
    assert scores(parts.path) == scores(whole.path)
    assert read_best(parts.best) == read_best(whole.best)


def test_training_ends_where_nothing_gets_better(tiny: Tiny, tmp_path: Path) -> None:
    still = ["optimizer.lr=1e-12", "validation.patience=2", "training.ema=0", "training.steps=40"]
    run, outcome = train(tiny(*EVERY, *still, "generator.norm=instance"), tmp_path / "run")
    assert outcome.finished_early
    assert not outcome.interrupted
    assert outcome.step < 40
    best = read_best(run.best)
    assert best is not None
    assert outcome.step - best.step == 4


def test_a_best_of_beyond_is_made_again(tmp_path: Path) -> None:
    options = ValidationConfig.model_validate({"every": 5, "metrics": ["ssim"]})
    first = Contest(tmp_path, options, higher_is_better=True, step=10)
    assert first.is_better(0.5)
    first.win(10, 0.5)
    assert not Contest(tmp_path, options, True, 15).is_better(0.4)
    assert Contest(tmp_path, options, True, 15).is_better(0.6)
    assert Contest(tmp_path, options, True, 5).is_better(0.4)
    assert not Contest(tmp_path, options, True, 20).is_better(float("nan"))


def test_wrong_options_are_named(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not among the metrics l1, psnr"):
        tiny(*EVERY, "validation.best=ssim")
    with pytest.raises(Exception, match="no metric 'sssim'; did you mean 'ssim'"):
        train(tiny("validation.every=2", 'validation.metrics=["sssim"]'), tmp_path / "run")
    assert not (tmp_path / "run").exists()
