"""Two processes on a CPU: what they compute, and that runs go on with another number of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import tomli_w
import torch
from safetensors.torch import load_file

from posegen.compute.process import Process
from posegen.config import ExperimentConfig, experiment, preset
from posegen.core import ConfigError, TaskInfo
from posegen.training import Stepper, build_method, train
from posegen.training.checkpoint import complete

CPU = torch.device("cpu")
Tiny = Callable[..., ExperimentConfig]
Task = tuple[Path, ExperimentConfig, bool]

#: Then the parts of a batch do not touch one another, and two processes do what one does.
ALONE = [
    "generator.norm=instance",
    "generator.dropout=0.0",
    "discriminators.appearance.dropout=0.0",
    "discriminators.appearance.pool_size=0",
    "discriminators.appearance.norm=instance",
    "discriminators.shape.norm=instance",
]


def losses(path: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "images_per_second"} for line in lines]


def train_in_two(folder: Path, tasks: Sequence[Task]) -> None:
    """Do all tasks in the same two processes: starting those takes far longer than training."""
    listed = []
    for number, (out, config, resume) in enumerate(tasks):
        file = folder / f"{number}.toml"
        file.write_text(tomli_w.dumps(config.tree()))
        listed.append({"out": str(out), "config": str(file), "resume": resume})
    (folder / "tasks.json").write_text(json.dumps(listed))
    script = Path(__file__).with_name("processes.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, str(script), str(folder / "tasks.json")], capture_output=True, timeout=240
    )
    assert done.returncode == 0, done.stderr.decode()


def flow_matching() -> ExperimentConfig:
    """Return a method that draws noise, on pairs in both directions."""
    size = "data.image_size=[32, 16]"
    few = ["data.identities=2", "data.pictures=2", "data.test_identities=2", size]
    network = ["generator.widths=[8, 8]", "generator.patch=2"]
    steps = ["training.batch_size=4", "training.steps=4", "training.log_every=1"]
    rest = ["training.sample_pairs=1", "schedule.warmup=0", "augment.rotate=5"]
    preset_ = preset("flow-matching", "people")
    return experiment(preset_, overrides=[*few, *network, *steps, *rest])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def in_two(runs: Path, tiny: Tiny) -> Path:
    """Every run of this file that needs two processes, below one folder."""

    def short(options: list[str]) -> ExperimentConfig:
        return tiny(*options, "training.steps=3")

    train(short(ALONE), runs / "one-then-two")
    train_in_two(
        runs,
        [
            (runs / "one-then-two", tiny(*ALONE), True),
            (runs / "two-then-one", short(ALONE), False),
            (runs / "flow-matching", flow_matching(), False),
            (runs / "random", tiny(), False),
            (runs / "random-resumed", short([]), False),
            (runs / "random-resumed", tiny(), True),
        ],
    )
    return runs


def last(path: Path) -> Path:
    return complete(path / "checkpoints")[-1]


def state(path: Path, name: str) -> dict[str, torch.Tensor]:
    return load_file(last(path) / f"{name}.safetensors")


def assert_near(path: Path, whole: Path) -> None:
    found, wanted = losses(path), losses(whole)
    assert [line["step"] for line in found] == [line["step"] for line in wanted]
    for step, (a, b) in enumerate(zip(found, wanted, strict=True)):
        # From the second step on, Adam makes full steps of what is a rounding error at first.
        assert a == pytest.approx(b, rel=2e-2 if step else 1e-4)


def test_a_run_goes_on_with_another_number_of_processes(
    in_two: Path, tiny: Tiny, tmp_path: Path
) -> None:
    whole, _ = train(tiny(*ALONE), tmp_path / "whole")
    assert_near(in_two / "one-then-two", whole.path)
    train(tiny(*ALONE), in_two / "two-then-one", resume=True)
    assert_near(in_two / "two-then-one", whole.path)


def test_noise_and_both_directions_are_those_of_one_process(in_two: Path, tmp_path: Path) -> None:
    whole, _ = train(flow_matching(), tmp_path / "whole")
    assert_near(in_two / "flow-matching", whole.path)


def test_both_directions_need_an_even_share(tiny: Tiny, tmp_path: Path) -> None:
    odd = tiny("training.both_directions=true", "training.batch_size=3")
    with pytest.raises(ConfigError, match=r"batch_size=3: .*must be a multiple of 2"):
        train(odd, tmp_path / "odd")


def test_synchronised_batch_norm_needs_a_gpu(tiny: Tiny) -> None:
    config = tiny("training.sync_batch_norm=true")
    with pytest.raises(ConfigError, match="synchronises batch norm on NVIDIA GPUs only"):
        Stepper.of(build_method(config, TaskInfo((32, 16), 18)), config, Process(CPU, 0, 2))


def test_two_processes_go_on_to_the_bit(in_two: Path) -> None:
    """With dropout, batch norm of each process's part, and a pool of each process's images."""
    assert losses(in_two / "random") == losses(in_two / "random-resumed")
    names = [file.stem for file in last(in_two / "random").glob("*.safetensors")]
    assert "buffers-1" in names
    for name in names:
        one, other = (state(in_two / path, name) for path in ("random", "random-resumed"))
        assert all(torch.equal(one[key], other[key]) for key in one), name
    first = state(in_two / "random", "network-appearance")["pool.images"]
    second = state(in_two / "random", "buffers-1")["appearance.pool.images"]
    assert not torch.equal(first, second)
