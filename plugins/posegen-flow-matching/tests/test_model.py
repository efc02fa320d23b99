"""The recipe, trained for a moment, and the weights in use."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import posegen
from posegen.training import train

TINY = [
    *("data.image_size=[32, 16]", "data.identities=2", "data.pictures=2"),
    *("data.test_identities=2", "generator.widths=[8, 16]", "training.steps=3"),
    *("training.batch_size=4", "training.log_every=1", "training.sample_pairs=1"),
    *("schedule.warmup=0", "optimizer.lr=1e-2", "training.ema=0"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> posegen.PoseTransfer:
    config = posegen.experiment(posegen.preset("flow-matching", "people"), overrides=TINY)
    run, _ = train(config, tmp_path_factory.mktemp("run") / "tiny")
    return posegen.load_model(run.path)


def test_a_clip_has_one_noise(model: posegen.PoseTransfer) -> None:
    """Two frames of one pose are one picture, whatever comes between."""
    pair = posegen.dataset("people", image_size=[32, 16], test_identities=2, pictures=2)[0]
    poses = [pair.target_keypoints, pair.source_keypoints, pair.target_keypoints]
    one, other, again = model.frames(pair.source, pair.source_keypoints, poses, batch_size=2)
    assert one.tobytes() == again.tobytes() != other.tobytes()


def test_the_spread_is_beside_the_scores_of_the_first_sample(model: posegen.PoseTransfer) -> None:
    plain = posegen.evaluate(model, ["l1"], limit=2)
    found = posegen.evaluate(model, ["l1"], limit=2, samples=3)
    assert found.scores["flow-matching"] == plain.scores["flow-matching"]
    assert found.subject["samples"] == 3
    assert found.subject["spread"] > 1e-3
    assert "spread" not in plain.subject


def test_options_of_sampling_change_the_picture(model: posegen.PoseTransfer) -> None:
    data = posegen.dataset("people", image_size=[32, 16], test_identities=2, pictures=2)
    batch = next(iter(posegen.batches(data, model.encoder, 2, device="cpu")))
    plain = model.run(batch).image
    for options in ({"steps": 3}, {"solver": "heun"}, {"source_guidance": 3.0, "guidance_from": 0}):
        changed = model.run(batch, **options).image
        assert (changed - plain).abs().mean() > 1e-5, options
    guided = {"source_guidance": 2.0, "pose_guidance": 2.0, "guidance": "apart"}
    assert torch.equal(model.run(batch, **guided).image, model.run(batch, **guided).image)


def test_presets_are_right_on_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "flow-matching.md").read_text()
    for name in ("people", "market1501", "deepfashion"):
        tree = posegen.preset("flow-matching", name)
        widths = ", ".join(map(str, tree["generator"]["widths"]))
        assert f"| {widths} |" in page or f" {widths} " in page, name
