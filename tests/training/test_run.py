"""Runs: what is written, that they resume to the bit, and that nothing is ever lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from posegen.compute.process import Process
from posegen.config import ExperimentConfig, experiment, read_toml
from posegen.core import ConfigError, TrainingError, WeightsError
from posegen.core.writing import PART
from posegen.training import Run, train
from posegen.training import loop as loop_module
from posegen.training.checkpoint import complete
from posegen.training.run import latest

Tiny = Callable[..., ExperimentConfig]
POSEGEN = [sys.executable, "-m", "posegen"]


def losses(path: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "images_per_second"} for line in lines]


def assert_equal_weights(a: Path, b: Path) -> None:
    for file in ("network-generator", "network-appearance", "average-generator", "optimizer-shape"):
        one, two = (load_file(p / f"{file}.safetensors") for p in (a, b))
        assert one.keys() == two.keys()
        for name in one:
            assert torch.equal(one[name], two[name]), (file, name)


def test_a_run_is_complete(tiny: Tiny, tmp_path: Path) -> None:
    run, outcome = train(tiny(), tmp_path / "run")
    assert (outcome.step, outcome.interrupted) == (6, False)
    assert experiment(read_toml(run.path / "config.toml")) == tiny()
    assert [line["step"] for line in losses(run.path)] == [1, 2, 3, 4, 5, 6]
    assert {"generator/l1", "generator/total", "appearance/real", "lr", "epoch"} <= set(
        losses(run.path)[0]
    )
    assert [p.name for p in complete(run.checkpoints)] == ["step-00000004", "step-00000006"]
    assert not list(run.path.rglob(f"*{PART}"))
    assert not [p for p in run.path.rglob("*") if p.suffix in (".pt", ".pth", ".pkl", ".bin")]
    assert [p.name for p in sorted(run.samples.iterdir())] == [
        "step-00000004.png",
        "step-00000006.png",
    ]
    with Image.open(run.samples / "step-00000006.png") as grid:
        assert grid.width > 6 * 96
        assert grid.height > 2 * 192
    assert list((run.path / "tensorboard").glob("events.*"))
    assert json.loads((run.path / "environment.json").read_text())["packages"]["posegen-patn"]


def test_an_occupied_folder_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="not an empty folder"):
        train(tiny(), tmp_path)
    with pytest.raises(ConfigError, match="no run to continue"):
        train(tiny(), tmp_path, resume=True)


def test_what_is_missing_is_said_before_anything_is_written(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("POSEGEN_OFFLINE", "1")
    vgg = ["losses.perceptual.name=vgg19", "losses.perceptual.weight=1.0"]
    with pytest.raises(WeightsError, match=r"losses\.perceptual\.weights=FILE.*name=random-vgg"):
        train(tiny(*vgg), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "extra",
    [
        [],
        ["training.accumulate=2", "training.clip_norm=1.0"],
        ["augment.flip=0.5", "augment.rotate=9", "augment.brightness=0.2"],
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one(
    tiny: Tiny, tmp_path: Path, extra: list[str]
) -> None:
    """Batch norm, dropout, the image pool and the average included; bit for bit."""
    extra = ["training.ema=0.9", *extra]
    whole, _ = train(tiny(*extra), tmp_path / "whole")
    part, _ = train(tiny("training.steps=3", *extra), tmp_path / "part")
    # Logged beyond the checkpoint, as by a process that was killed: must go.
    with (part.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 5, "generator/l1": 9.9}\n{"step": 6, "gen')
    (part.checkpoints / f".step-00000005.1{PART}").mkdir()
    (part.weights / f".model.safetensors.1{PART}").mkdir()
    assert Run.open(part.path).config() == tiny("training.steps=3", *extra)
    assert list(part.path.rglob(f"*{PART}"))  # looking at a run deletes nothing: it may be running
    again, outcome = train(tiny(*extra), part.path, resume=True)
    assert outcome.step == 6
    assert losses(again.path) == losses(whole.path)
    assert_equal_weights(whole.checkpoints / "step-00000006", again.checkpoints / "step-00000006")
    assert not list(again.path.rglob(f"*{PART}"))


def test_options_changed_on_resuming_hold(tiny: Tiny, tmp_path: Path) -> None:
    run, _ = train(tiny("training.steps=2"), tmp_path / "run")
    config = run.config(["optimizer.beta1=0.1", "training.steps=3"])
    trainer = loop_module.Trainer(run, config, Process(torch.device("cpu")))
    assert trainer.stepper.index == 2
    for optimizer in trainer.stepper.optimizers.values():
        assert optimizer.param_groups[0]["betas"] == (0.1, 0.999)
        assert all(state["step"] == 2 for state in optimizer.state.values())


def test_kill_and_resume(tiny_flags: list[str], tiny: Tiny, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    # Too many steps to end before the kill.
    long = ["--set", "training.steps=100000", "--set", "training.ema=0.9"]
    process = subprocess.Popen(
        [*POSEGEN, "train", *tiny_flags, *long, "--out", str(out)], stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while len(complete(out / "checkpoints")) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.wait()
    reached = int(complete(out / "checkpoints")[-1].name.removeprefix("step-"))
    total = reached + 3
    resumed, outcome = train(Run.open(out).config([f"training.steps={total}"]), out, resume=True)
    assert outcome.step == total
    whole, _ = train(tiny(f"training.steps={total}", "training.ema=0.9"), tmp_path / "whole")
    assert losses(resumed.path) == losses(whole.path)


def test_ctrl_c_saves_and_stops(tiny_flags: list[str], tmp_path: Path) -> None:
    out = tmp_path / "run"
    many = ["--set", "training.steps=100000", "--set", "training.checkpoint_every=100000"]
    process = subprocess.Popen(
        [*POSEGEN, "train", *tiny_flags, "--out", str(out), *many],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not (out / "metrics.jsonl").exists() or not (out / "metrics.jsonl").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "step 1/100000" in printed
    assert "--resume" in said
    saved = complete(out / "checkpoints")
    assert len(saved) == 1
    assert losses(out)[-1]["step"] <= int(saved[0].name.removeprefix("step-"))


def test_a_loss_that_is_not_finite_stops_with_what_was_good(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = loop_module.to_batch

    def poison(*arguments: Any) -> Any:
        batch = real(*arguments)
        poison.calls += 1  # type: ignore[attr-defined]
        if poison.calls == 5:  # type: ignore[attr-defined]
            batch.source.fill_(float("nan"))
        return batch

    poison.calls = 0  # type: ignore[attr-defined]
    monkeypatch.setattr(loop_module, "to_batch", poison)
    with pytest.raises(TrainingError, match=r"generator/total is nan in step 4.*step-00000004"):
        train(tiny("training.sample_every=100"), tmp_path / "run")
    monkeypatch.undo()
    assert [p.name for p in complete(tmp_path / "run/checkpoints")][-1] == "step-00000004"
    _, outcome = train(tiny(), tmp_path / "run", resume=True)
    assert outcome.step == 6


def test_a_run_that_was_killed_at_once_can_be_resumed(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.new(tmp_path / "runs" / "a")
    run.begin(tiny("training.steps=1"))
    for path in run.path.iterdir():
        if path.is_dir():
            path.rmdir()
        elif path.name != "config.toml":
            path.unlink()
    monkeypatch.chdir(tmp_path)
    assert latest().resolve() == run.path
    _, outcome = train(run.config(), run.path, resume=True)
    assert outcome.step == 1
    half = tmp_path / "half"
    half.mkdir()
    (half / f".config.toml.1{PART}").mkdir()
    assert Run.new(half).path == half


def test_a_damaged_checkpoint_is_named(tiny: Tiny, tmp_path: Path) -> None:
    run, _ = train(tiny("training.steps=2"), tmp_path / "run")
    file = complete(run.checkpoints)[-1] / "network-generator.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=r"network-generator\.safetensors"):
        train(tiny(), run.path, resume=True)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision_trains(tiny: Tiny, tmp_path: Path, precision: str) -> None:
    run, _ = train(tiny(f"training.precision={precision}", "training.steps=3"), tmp_path / "run")
    exact, _ = train(tiny("training.steps=3"), tmp_path / "exact")
    near, true = losses(run.path)[0]["generator/l1"], losses(exact.path)[0]["generator/l1"]
    assert near != true
    assert near == pytest.approx(true, rel=0.05)


def test_two_processes_equal_one(tiny_flags: list[str], tiny: Tiny, tmp_path: Path) -> None:
    """Instance norm and no dropout: then the parts of a batch do not touch one another."""
    plain = [
        "generator.norm=instance",
        "generator.dropout=0.0",
        "discriminators.appearance.dropout=0.0",
        "discriminators.appearance.pool_size=0",
        "discriminators.appearance.norm=instance",
        "discriminators.shape.norm=instance",
        "training.steps=3",
    ]
    one, _ = train(tiny(*plain), tmp_path / "one")
    flags = [word for text in plain for word in ("--set", text)]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*torchrun, "--nproc-per-node", "2", "-m", "posegen", "train", *tiny_flags, *flags]
    subprocess.run(
        [*command, "--device", "cpu", "--out", str(tmp_path / "two")],
        check=True,
        capture_output=True,
        timeout=240,
    )
    for step, (a, b) in enumerate(zip(losses(one.path), losses(tmp_path / "two"), strict=True)):
        # From the second step on, Adam makes full steps of what is a rounding error at first.
        assert a == pytest.approx(b, rel=1e-2 if step else 1e-4)


def test_workers_change_nothing(tiny: Tiny, tmp_path: Path) -> None:
    alone, _ = train(tiny("training.steps=2"), tmp_path / "alone")
    helped, _ = train(tiny("training.steps=2", "training.workers=1"), tmp_path / "helped")
    assert losses(alone.path) == losses(helped.path)
