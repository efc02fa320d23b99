from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from posegen.core.errors import ConfigError
from posegen.experiments.effects import to_json, to_markdown
from posegen.experiments.sweeps.config import plan, read_sweep
from posegen.experiments.sweeps.folder import SweepFolder
from posegen.experiments.sweeps.table import compare_runs
from posegen.experiments.sweeps.work import Stopped, work
from posegen.training.stepper import Stepper


def begun(tiny: Path, out: Path, *overrides: str) -> SweepFolder:
    return SweepFolder.begin(out, plan(*read_sweep(str(tiny)), overrides))


class Killed(BaseException):
    """As near to SIGKILL as one process can come: nothing that handles errors handles it."""


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of steps, counted over all trainings, at which the process is killed."""
    steps: list[int] = []
    real, count = Stepper.step, 0

    def step(self, batch):
        nonlocal count
        count += 1
        if count in steps:
            raise Killed
        return real(self, batch)

    monkeypatch.setattr(Stepper, "step", step)
    return steps


def test_killed_twice_it_ends_with_the_same_table(tiny, tmp_path, kills):
    whole = begun(tiny, tmp_path / "whole")
    work(whole.path)
    expected = to_json(compare_runs(whole))
    assert expected["variants"]["deep"][0]["difference"] != 0
    done = 4 * len(whole.plan.runs)
    kills += [done + 3, done + 11]  # the third step of the first run, later one in the third
    for _ in range(2):
        broken = begun(tiny, tmp_path / "broken")
        with pytest.raises(Killed):
            work(broken.path)
        assert broken.unfinished()
    broken = begun(tiny, tmp_path / "broken")
    work(broken.path)
    assert not broken.unfinished()
    assert to_json(compare_runs(broken)) == expected


def test_a_run_that_fails_is_written_down_and_the_others_are_done(tiny, tmp_path, monkeypatch):
    real = Stepper.step

    def step(self, batch):
        if len(self.method.networks["generator"].blocks) == 2:
            raise ValueError("the disk is full")
        return real(self, batch)

    with monkeypatch.context() as patched:
        patched.setattr(Stepper, "step", step)
        folder = begun(tiny, tmp_path / "s")
        work(folder.path)
    assert folder.failed() == {
        "deep--1": "ValueError: the disk is full",
        "deep--2": "ValueError: the disk is full",
    }
    table = compare_runs(folder)
    assert list(table.effects) == ["plain"]
    assert table.missing == {"deep": [1, 2]}
    assert "deep: without seeds 1, 2" in to_markdown(table)
    again = begun(tiny, tmp_path / "s")  # and the same command tries these again
    work(again.path)
    assert not again.failed()
    assert list(compare_runs(again).effects) == ["plain", "deep"]


def test_ctrl_c_leaves_a_run_that_goes_on(tiny, tmp_path, monkeypatch):
    real, steps = Stepper.step, []

    def step(self, batch):
        steps.append(self.index)
        if len(steps) == 2:
            signal.raise_signal(signal.SIGINT)
        return real(self, batch)

    monkeypatch.setattr(Stepper, "step", step)
    folder = begun(tiny, tmp_path / "s")
    with pytest.raises(Stopped):
        work(folder.path)
    work(folder.path)
    assert not folder.unfinished()
    assert len(steps) == 16  # no step was done twice


def test_another_sweep_does_not_get_into_the_folder(tiny, tmp_path):
    begun(tiny, tmp_path / "s")
    with pytest.raises(ConfigError, match="generator of its run plain--1 is other"):
        begun(tiny, tmp_path / "s", "generator.ngf=5")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(ConfigError, match="no sweep's"):
        begun(tiny, tmp_path / "full")


def test_a_dead_worker_fails_the_run_it_was_at(tiny, tmp_path):
    from posegen.experiments.sweeps.folder import State

    folder = begun(tiny, tmp_path / "s")
    first, second, *_ = folder.plan.runs
    for run in (first, second):
        folder.set_state(run, State(state="running"))
    with folder.take(second, wait=False):  # somebody is at work on this one
        folder.fail_orphans("SIGKILL")
    assert folder.failed() == {first.name: "SIGKILL"}


def test_differences_are_of_the_same_pairs_and_seeds(tiny, tmp_path):
    from posegen.evaluation.record import read

    folder = begun(tiny, tmp_path / "s")
    work(folder.path)
    table = compare_runs(folder)
    ssim = table.effects["deep"][0]
    scores = {
        run.name: read(folder.run(run)).scores["patn"]["ssim"].value for run in folder.plan.runs
    }
    changes = [scores[f"deep--{seed}"] - scores[f"plain--{seed}"] for seed in (1, 2)]
    assert ssim.difference == pytest.approx(sum(changes) / 2)
    assert ssim.means[2] == pytest.approx(scores["deep--2"])
    assert ssim.interval[0] < ssim.difference < ssim.interval[1]
    assert table.effects["plain"][0].difference is None


@pytest.mark.slow
def test_killed_by_the_system_it_goes_on(tiny, tmp_path):
    words = [sys.executable, "-m", "posegen", "sweep", str(tiny), "--set", "training.steps=12"]

    def table(out: Path) -> object:
        subprocess.run([*words, "--out", str(out)], check=True, capture_output=True)
        return json.loads((out / "table.json").read_text())

    expected, out = table(tmp_path / "whole"), tmp_path / "killed"
    for _ in range(2):
        process = subprocess.Popen([*words, "--out", str(out)], stderr=subprocess.DEVNULL)
        before = len(list(out.glob("runs/*/checkpoints/step-*")))
        deadline = time.monotonic() + 300
        while len(list(out.glob("runs/*/checkpoints/step-*"))) <= before:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)  # its worker lives on for as long as it likes
        process.wait()
    assert table(out) == expected


@pytest.mark.slow
def test_submitit_s_local_executor_does_it_too(tiny, tmp_path):
    pytest.importorskip("submitit")
    words = [sys.executable, "-m", "posegen", "sweep", str(tiny), "--out", str(tmp_path / "s")]
    options = ["--submit", "local", "--jobs", "2", "--option", "timeout_min=10"]
    subprocess.run([*words, *options], check=True, capture_output=True)
    work(begun(tiny, tmp_path / "here").path)
    here = to_json(compare_runs(SweepFolder.open(tmp_path / "here")))
    assert json.loads((tmp_path / "s" / "table.json").read_text()) == here
