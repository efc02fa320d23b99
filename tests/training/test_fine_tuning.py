"""Starting from weights, freezing, optimisers and schedules by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from posegen.config import ExperimentConfig, OptimizerConfig, ScheduleConfig, TrainingConfig
from posegen.core import ConfigError, WeightsError
from posegen.training import train
from posegen.training.checkpoint import complete
from posegen.training.freezing import Freezing
from posegen.training.initial import start_from
from posegen.training.optimizers import build_optimizer, learning_rate_factor

Tiny = Callable[..., ExperimentConfig]
CPU = torch.device("cpu")
#: Everything of PATN's generator but its decoder.
ALL_BUT_DECODER = (
    'training.freeze=["generator.image_encoder*", "generator.pose_encoder*", "generator.blocks*"]'
)


def state(run: Path, name: str) -> dict[str, torch.Tensor]:
    return load_file(complete(run / "checkpoints")[-1] / f"network-{name}.safetensors")


@pytest.fixture(scope="module")
def trained(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run, _ = train(tiny("training.ema=0.0"), tmp_path_factory.mktemp("runs") / "run")
    return run.path


def test_a_run_is_taken_whole_discriminators_too(trained: Path, tiny: Tiny, tmp_path: Path) -> None:
    config = tiny("training.ema=0.0", f"training.init={trained}", "optimizer.lr=1e-12")
    run, _ = train(config, tmp_path / "tuned")
    for name in ("generator", "appearance", "shape"):
        before, after = state(trained, name), state(run.path, name)
        for key in before:
            if "running" not in key and "pool" not in key and "num_batches" not in key:
                torch.testing.assert_close(after[key], before[key], atol=1e-6, rtol=0)


def test_what_does_not_fit_is_told(trained: Path) -> None:
    network = nn.Module()
    tensors = load_file(trained / "weights" / "model.safetensors")
    key = next(name for name in tensors if tensors[name].dim() == 4)
    *path, last = key.removeprefix("generator.").split(".")
    place = network
    for part in path:
        place.add_module(part, nn.Module())
        place = place.get_submodule(part)
    place.register_parameter(last, nn.Parameter(torch.zeros_like(tensors[key])))
    network.register_parameter("new", nn.Parameter(torch.zeros(1)))
    taken = start_from(trained / "weights", {"generator": network})
    assert taken.taken == (key,)
    assert taken.new == ("generator.new",)
    assert set(tensors) - {key} <= set(taken.left)
    assert torch.equal(place.get_parameter(last), tensors[key])
    assert any(line.startswith("new: generator.new") for line in taken.table())
    with pytest.raises(WeightsError, match="no tensor of these weights fits"):
        start_from(trained / "weights", {"generator": nn.Linear(1, 1)})


def test_frozen_tensors_are_bit_equal_and_cost_no_moments(
    trained: Path, tiny: Tiny, tmp_path: Path
) -> None:
    config = tiny("training.ema=0.0", f"training.init={trained}", ALL_BUT_DECODER)
    run, _ = train(config, tmp_path / "tuned")
    before, after = state(trained, "generator"), state(run.path, "generator")
    frozen = [key for key in before if not key.startswith("decoder")]
    assert len(frozen) > len(before) / 2
    assert all(torch.equal(before[key], after[key]) for key in frozen)
    assert not all(torch.equal(before[key], after[key]) for key in set(before) - set(frozen))
    moments = load_file(complete(run.checkpoints)[-1] / "optimizer-generator.safetensors")
    trained_parameters = [
        key for key in before if key.startswith("decoder") and "running" not in key
    ]
    assert len({key.partition(".")[0] for key in moments}) <= len(trained_parameters)
    resumed, outcome = train(
        tiny("training.ema=0.0", f"training.init={trained}", ALL_BUT_DECODER, "training.steps=8"),
        run.path,
        resume=True,
    )
    assert outcome.step == 8
    assert all(torch.equal(before[key], state(resumed.path, "generator")[key]) for key in frozen)


def test_a_pattern_that_names_nothing_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    config = tiny('training.freeze=["generator.decodr*"]')
    with pytest.raises(ConfigError, match=r"training.freeze: 'generator.decodr\*' names no tensor"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_frozen_norm_keeps_its_statistics() -> None:
    network = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2))
    freezing = Freezing({"generator": network}, ["generator.0.*"])
    freezing.train()
    assert [module.training for module in network] == [False, True]
    network(torch.randn(5, 2) + 3)
    assert not network[0].running_mean.any()
    assert network[1].running_mean.any()


@pytest.mark.parametrize(
    ("options", "cls"),
    [
        ({}, torch.optim.Adam),
        ({"name": "adamw", "weight_decay": 0.1}, torch.optim.AdamW),
        ({"name": "sgd", "options": {"momentum": 0.9}}, torch.optim.SGD),
        ({"name": "rmsprop"}, torch.optim.RMSprop),
        ({"networks": {"net": {"name": "sgd", "lr": 0.5}}}, torch.optim.SGD),
    ],
)
def test_optimisers_by_name(options: dict[str, object], cls: type) -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    optimizer = build_optimizer("net", network, OptimizerConfig.model_validate(options), CPU)
    assert type(optimizer) is cls
    assert optimizer is not None
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 4
    if "networks" in options:
        assert optimizer.param_groups[0]["lr"] == 0.5


def test_norms_and_biases_without_decay_by_choice() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    config = OptimizerConfig(name="adamw", weight_decay=0.1, decay_norms=False)
    optimizer = build_optimizer("net", network, config, CPU)
    assert optimizer is not None
    decays = {
        id(parameter): group["weight_decay"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert [decays[id(p)] for p in network.parameters()] == [0.1, 0, 0, 0]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "adm"}, r"optimizer.name=adm: torch.optim has no such; did you mean 'adam'"),
        ({"name": "lbfgs"}, "optimizer.name=lbfgs: torch.optim has no such"),
        ({"options": {"momentun": 1}}, "optimizer.options.momentun: adam has no such option"),
    ],
)
def test_wrong_optimisers_are_named(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        build_optimizer("net", nn.Linear(1, 1), OptimizerConfig.model_validate(options), CPU)


def test_schedules() -> None:
    training = TrainingConfig(steps=110, constant_epochs=1, decay_epochs=0)
    cosine = ScheduleConfig(name="cosine", warmup=10, floor=0.1)
    factors = [learning_rate_factor(training, cosine, step) for step in range(111)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9] == factors[10] == 1.0
    assert factors[60] == pytest.approx(0.55)
    assert factors[110] == pytest.approx(0.1)
    assert factors[10:] == sorted(factors[10:], reverse=True)
    constant = ScheduleConfig(name="constant", warmup=4)
    assert [learning_rate_factor(training, constant, step) for step in (0, 3, 500)] == [0.25, 1, 1]


@pytest.mark.slow
def test_fine_tuning_reaches_the_loss_of_the_run_on_other_data(tiny: Tiny, tmp_path: Path) -> None:
    """A run of 400 steps; from it 200 steps on other people; and 200 steps from nothing."""

    def loss(path: Path) -> float:
        lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
        return sum(line["generator/l1"] for line in lines[-20:]) / 20

    plain = ["method.weight=0", "optimizer.lr=1e-3", "training.ema=0", "generator.dropout=0"]
    plain += ["training.checkpoint_every=1000", "training.sample_every=1000", "data.identities=8"]
    first, _ = train(tiny(*plain, "training.steps=400"), tmp_path / "first")
    other = [*plain, "training.steps=200", "data.seed=7"]
    tuned, _ = train(tiny(*other, f"training.init={first.path}"), tmp_path / "tuned")
    alone, _ = train(tiny(*other), tmp_path / "alone")
    assert loss(tuned.path) < loss(first.path) * 1.05
    assert loss(tuned.path) < loss(alone.path)
