"""`posegen.evaluate` on a model that samples with noise."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch

from posegen.core import Config, ConfigError, DataError, GeneratorOutput, Noise
from posegen.evaluation import api
from posegen.evaluation.api import evaluate
from posegen.inference.model import PoseTransfer


class Options(Config):
    steps: int = 1


class Sampler(PoseTransfer):
    """Pictures of noise, of which there is less with more steps."""

    def __init__(self, encoder, options=None):
        self.encoder, self.device = encoder, torch.device("cpu")
        self.image_size, self.skeleton = (32, 24), "openpose18"
        self.config, self.speed = (
            SimpleNamespace(training={}, model="sampler", title="sampler"),
            SimpleNamespace(precision="32"),
        )
        self.sampling = options or Options()
        self.made = 0

    def with_sampling(self, **changes):
        return Sampler(self.encoder, Options(**changes))

    def fingerprint(self):
        return {"weights": "ab12", "sampling": self.sampling.model_dump()}

    def run(self, batch, *, seed=0, **sampling):
        self.made += len(batch)
        noise = Noise(seed, batch.names).uniform(3, 32, 24) / self.sampling.steps
        return GeneratorOutput(noise)


@pytest.fixture
def scored(pairs, encoder, monkeypatch):
    """`scored(model, **options)`: the record and the l1 of every pair."""
    dataset = pairs(5)
    monkeypatch.setattr(api, "build_dataset", lambda section, split: dataset)

    def call(model=None, **options):
        model = model or Sampler(encoder)
        evaluation = evaluate(model, ["l1"], data={"name": "pairs"}, **options)
        return evaluation.subject, evaluation.protocols[0].per_image["sampler"]["l1"]

    return call


def test_sampling_and_seed_are_used_and_recorded(scored):
    about, first = scored()
    assert (about["seed"], about["sampling"], about["weights"]) == (0, {"steps": 1}, "ab12")
    about, other = scored(seed=3)
    assert about["seed"] == 3
    assert other != first
    about, fewer = scored(sampling={"steps": 4})
    assert about["sampling"] == about["fingerprint"]["sampling"] == {"steps": 4}
    assert fewer != first
    assert json.loads(json.dumps(about)) == about


@pytest.mark.parametrize("options", [{"batch_size": 2}, {"limit": 3}])
def test_a_pairs_picture_depends_on_nothing_else(scored, options):
    whole, again = scored()[1], scored(**options)[1]
    assert again == pytest.approx(whole[: len(again)], rel=1e-12)


def test_saved_pictures_are_only_those_of_the_same_sampling(scored, encoder, tmp_path):
    model = Sampler(encoder)
    _, first = scored(model, save=tmp_path / "kept", limit=3)
    _, again = scored(model, save=tmp_path / "kept", batch_size=1)
    assert again[:3] == first
    assert model.made == 3 + 2
    for options, part in (({"seed": 1}, "seed"), ({"sampling": {"steps": 2}}, "sampling")):
        with pytest.raises(DataError, match=f"made with another {part}"):
            scored(save=tmp_path / "kept", **options)


def test_a_model_of_other_data_is_refused(scored, encoder):
    model = Sampler(encoder)
    model.skeleton = "coco17"
    with pytest.raises(
        ConfigError, match="keypoints are 'openpose18' and the model reads 'coco17'"
    ):
        scored(model)
