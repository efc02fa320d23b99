"""Fields of a data set's own reach augmentation, networks, weights and evaluation."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

import posegen
from posegen.config import ExperimentConfig, experiment
from posegen.config.parts import build_dataset, build_encoder
from posegen.core import ConfigError, skeleton
from posegen.data.augment import draw
from posegen.data.loading import collate, to_batch
from posegen.plugins import registry
from posegen.training import train


@pytest.fixture
def extras(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("POSEGEN_PLUGINS", "extras")
    registry.cache_clear()
    yield importlib.import_module("extras")
    registry.cache_clear()


def config(**more: object) -> ExperimentConfig:
    tree = {
        "model": "mine",
        "data": {"name": "parsed"},
        "encoder": {"name": "gaussian", "sigma": 1.0},
        "generator": {"name": "by-keypoints"},
        "discriminators": {"parsing": {"name": "parsing"}},
        "losses": {"l1": {"name": "l1"}},
        "method": {"name": "adversarial"},
        "augment": {"flip": 0.5, "shift": 0.1, "brightness": 0.1},
        "training": {"steps": 3, "batch_size": 4, "log_every": 1, "sample_pairs": 2},
    }
    return experiment({**tree, **more})


def test_a_flip_mirrors_the_map_and_swaps_its_sides(extras: ModuleType) -> None:
    plain = config()
    data, encoder = build_dataset(plain.data, "train"), build_encoder(plain.encoder)
    raw = collate([data[index] for index in range(4)], fields=data.fields)
    always = plain.augment.model_copy(update={"flip": 1.0, "shift": 0.0, "brightness": 0.0})
    drawn = draw(always, skeleton(data.skeleton), 4, torch.Generator(), data.fields)
    assert drawn is not None
    before, after = (to_batch(raw, encoder, torch.device("cpu"), a) for a in (None, drawn))
    swapped = list(range(20))
    for a, b in extras.SIDES:
        swapped[a], swapped[b] = b, a
    assert before.target_parsing[:, 2].any()
    assert torch.equal(after.target_parsing, before.target_parsing[:, swapped].flip(-1))
    assert torch.equal(after.source_style, before.source_style)
    assert torch.equal(after.target, before.target.flip(-1))


def test_training_evaluation_and_weights_know_the_fields(
    extras: ModuleType, tmp_path: Path
) -> None:
    run, outcome = train(config(), tmp_path / "run")
    assert outcome.step == 3
    model = posegen.load_model(run.path)
    assert set(model.config.fields) == {"target_parsing", "source_style"}
    scores = posegen.evaluate(model, ["psnr", "l1"]).protocols[0].scores[model.config.title]
    assert all(score.value is not None for score in scores.values())
    data = build_dataset(config().data, "test")
    [batch] = posegen.batches(data, model.encoder, 6, device="cpu")
    whole = model.run(batch).image
    alone = model.run(batch.part(2, 3)).image
    torch.testing.assert_close(alone, whole[2:3], atol=1e-5, rtol=0)
    # A photo has no parsing: the sentence says what is missing, and nothing is made up.
    with pytest.raises(ConfigError, match="asks for 'source_style', which the data set does not"):
        model.generate(data[0].source, data[0].source_keypoints, data[0].target_keypoints)


def test_a_data_set_without_the_field_is_refused_before_training(
    extras: ModuleType, tmp_path: Path
) -> None:
    other = config(data={"name": "people", "image_size": [16, 8]})
    with pytest.raises(ConfigError, match="asks for 'target_parsing', which the data does not"):
        train(other, tmp_path / "run")
    assert not (tmp_path / "run").exists()
