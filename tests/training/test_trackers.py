"""Trackers: what they write, that a resumed run goes on, and that a failing one harms nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from posegen.config import ExperimentConfig
from posegen.core import Config, ConfigError, Tracker
from posegen.training import train
from posegen.training.tracker_config import WandbConfig
from posegen.training.trackers import JsonLines, Trackers, WeightsAndBiases

Tiny = Callable[..., ExperimentConfig]


def test_lines_beyond_the_step_are_dropped(tmp_path: Path) -> None:
    first = JsonLines(Config(), tmp_path)
    first.start(0, {})
    for step in (1, 2, 3):
        first.scalars(step, {"a": step / 2})
    first.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "a"')  # killed in the middle
    again = JsonLines(Config(), tmp_path)
    again.start(2, {})
    again.scalars(3, {"a": 9.0})
    again.close()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [{"step": 1, "a": 0.5}, {"step": 2, "a": 1.0}, {"step": 3, "a": 9.0}]


class Failing(Tracker):
    def __init__(self) -> None:
        self.calls: list[str] = []

    def start(self, step: int, facts: Mapping[str, Any]) -> None:
        self.calls.append("start")

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self.calls.append("scalars")
        raise OSError("no space left")

    def picture(self, step: int, name: str, image: Tensor) -> None:
        self.calls.append("picture")

    def close(self) -> None:
        self.calls.append("close")


def test_a_failing_tracker_is_told_of_and_left_out() -> None:
    broken, notes = Failing(), []
    trackers = Trackers([broken])
    trackers.start(0, {}, notes.append)
    trackers.scalars(1, {"a": 1.0})
    trackers.scalars(2, {"a": 1.0})
    trackers.close()
    assert broken.calls == ["start", "scalars", "close"]  # and never again
    assert notes == ["The tracker Failing failed and is left out from now on: no space left"]


def test_trackers_are_chosen_by_name(tiny: Tiny, tmp_path: Path) -> None:
    config = tiny("trackers.tensorboard=none", "training.steps=2")
    run, _ = train(config, tmp_path / "run")
    assert (run.path / "metrics.jsonl").is_file()
    assert not (run.path / "tensorboard").exists()
    with pytest.raises(Exception, match="no tracker 'wandbb'; did you mean 'wandb'"):
        tiny("trackers.mine.name=wandbb")


def test_weights_and_biases_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    for step in (0, 3):
        tracker = WeightsAndBiases(WandbConfig(), tmp_path)
        tracker.start(step, {"training": {"steps": 6}})
        tracker.scalars(step + 1, {"generator/l1": 0.25})
        tracker.picture(step + 1, "samples", torch.zeros(3, 8, 8, dtype=torch.uint8))
        tracker.close()
    runs = sorted((tmp_path / "wandb").glob("offline-run-*"))
    identity = (tmp_path / "wandb-id").read_text()
    assert runs
    # Two starts in one second get a number behind the identity.
    assert all(f"-{identity}" in path.name for path in runs)
    data = b"".join(path.read_bytes() for run in runs for path in run.glob("*.wandb"))
    assert b"generator/l1" in data
    assert list((tmp_path / "wandb").rglob("samples_*.png"))


def test_without_the_package_the_error_tells_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "wandb", None)
    with pytest.raises(ConfigError, match=r"pip install 'posegen\[wandb\]'"):
        WeightsAndBiases(WandbConfig(), tmp_path)
