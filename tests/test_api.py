"""The Python way in for notebooks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import posegen
from posegen.core import ConfigError, PluginError, PosegenError, TaskInfo


class Plain(nn.Module):
    """A module that knows nothing of posegen."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3 + 18, 3, 3, padding=1)

    def forward(self, source: Tensor, target_pose: Tensor) -> Tensor:
        return self.layer(torch.cat([source, target_pose], dim=1)).tanh()


def test_a_network_of_ones_own_is_trained_step_by_step() -> None:
    data = posegen.dataset("people", "train", image_size=[32, 16], identities=2, pictures=2)
    encoder = posegen.encoder("gaussian", sigma=2.0)
    torch.manual_seed(0)
    stepper = posegen.stepper(
        Plain(), (data, encoder), losses={"l1": 1.0}, optimizer={"lr": 0.01}, device="cpu"
    )
    losses = [
        float(stepper.step(batch)["generator/l1"])
        for batch in posegen.batches(data, encoder, 4, steps=12, device="cpu")
    ]
    assert len(losses) == 12
    assert losses[-1] < losses[0] * 0.9


def test_a_data_set_as_batches_in_order() -> None:
    data = posegen.dataset("people", image_size=[32, 16], test_identities=2, pictures=2)
    encoder = posegen.encoder("gaussian")
    listed = list(posegen.batches(data, encoder, 3, device="cpu"))
    assert [len(batch) for batch in listed] == [3, 1]
    assert listed[0].source.shape == (3, 3, 32, 16)
    assert -1 <= listed[0].source.min() < 0 < listed[0].source.max() <= 1
    assert listed[0].target_names == [data[index].target_name for index in range(3)]


def test_components_by_name() -> None:
    network = posegen.build("generator", "patn", TaskInfo((32, 16), 18), ngf=4, blocks=1)
    assert sum(parameter.numel() for parameter in network.parameters()) > 0
    same = torch.zeros(2, 3, 32, 16)
    assert posegen.metric("l1")(same, same) == 0
    with pytest.raises(ConfigError, match="no such kind of component; did you mean 'generator'"):
        posegen.build("generater", "patn")
    with pytest.raises(PluginError, match="did you mean 'patn'"):
        posegen.build("generator", "patm", TaskInfo((32, 16), 18))
    with pytest.raises(ConfigError, match="did you mean 'blocks'"):
        posegen.build("generator", "patn", TaskInfo((32, 16), 18), block=1)


def test_a_forward_that_asks_for_what_is_not_there_is_named() -> None:
    class Wrong(nn.Module):
        def forward(self, source: Tensor, target_pse: Tensor) -> Tensor:
            return source

    with pytest.raises(ConfigError, match=r"forward\(target_pse\).*did you mean 'target_pose'"):
        posegen.stepper(Wrong(), TaskInfo((32, 16), 18), device="cpu")


def test_a_network_of_ones_own_is_scored_and_left_as_it_was() -> None:
    class Copier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Dropout(0.5)  # must not drop while it is scored

        def forward(self, source: Tensor) -> Tensor:
            return self.layer(source)

    data = posegen.dataset("people", image_size=[32, 16], test_identities=2, pictures=2)
    network = Copier()
    network.layer.eval()  # a frozen part of a network in training
    found = posegen.evaluate_module(network, data, posegen.encoder(), ["l1", "ssim"], name="mine")
    assert list(found.scores) == ["mine", "copy the source"]
    for column in ("l1", "ssim"):
        mine, copied = (found.scores[row][column] for row in found.scores)
        assert mine.value == pytest.approx(copied.value, abs=1e-6)
    assert (network.training, network.layer.training) == (True, False)
    assert repr(found).splitlines()[2].startswith("    mine: l1 0.")

    class Wrong(nn.Module):
        def forward(self, source: Tensor) -> Tensor:
            return source[..., :-1]

    with pytest.raises(PosegenError, match="Wrong: made images of shape"):
        posegen.evaluate_module(Wrong(), data, posegen.encoder(), ["l1"])


def test_what_is_printed_says_what_it_is() -> None:
    data = posegen.dataset("people", image_size=[32, 16], test_identities=2, pictures=2)
    assert repr(data) == "PeopleDataset(4 pairs, 32×16, openpose18)"
    batch = next(posegen.batches(data, posegen.encoder(), 2, device="cpu"))
    assert repr(batch).startswith("Batch(source (2, 3, 32, 16), target (2, 3, 32, 16), ")
    assert repr(posegen.metric("l1")).startswith("l1 (lower is better): ")


def test_training_calls_back_after_each_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = ["data.image_size=[32,16]", "generator.ngf=4", "generator.blocks=1"]
    tiny += ["training.batch_size=2", "training.steps=3", "training.log_every=2"]
    config = posegen.experiment(
        posegen.preset("patn", "demo"), overrides=[*tiny, "losses.perceptual=none"]
    )
    seen: list[tuple[int, float]] = []
    run, _ = posegen.train(
        config,
        tmp_path / "run",
        on_step=lambda step, terms: seen.append((step, float(terms["generator/l1"]))),
        quiet=True,
        device="cpu",
    )
    assert [step for step, _ in seen] == [1, 2, 3]
    assert capsys.readouterr().out == ""
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    logged = {line["step"]: line["generator/l1"] for line in lines if "generator/l1" in line}
    assert logged == {step: pytest.approx(seen[step - 1][1]) for step in (2, 3)}
