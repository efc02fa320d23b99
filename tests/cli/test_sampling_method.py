"""A method that samples with noise, from the scaffold to shared weights, by the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import posegen
from posegen.core import Kind
from posegen.plugins import registry
from posegen.plugins.scaffold import scaffold
from posegen.plugins.testing import check

Call = Callable[..., tuple[int, str, str]]
TINY = """
method = {name = "walker", width = 8}
discriminators = {}
sampling = {steps = 3}
[data]
image_size = [32, 16]
identities = 2
pictures = 2
test_identities = 2
[generator]
ngf = 4
blocks = 1
[losses.perceptual]
weight = 0
[training]
batch_size = 4
steps = 4
log_every = 1
sample_pairs = 1
[validation]
every = 2
pairs = 2
metrics = ["l1"]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run of the scaffolded method, whose package is on the path as long as the tests last."""
    folder = tmp_path_factory.mktemp("walker")
    made = scaffold("walker", Kind.METHOD, folder / "package")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(made.folder / "src"))
        patch.setenv("POSEGEN_PLUGINS", "posegen_walker.plugin")
        patch.setenv("POSEGEN_CACHE", str(folder / "cache"))
        registry.cache_clear()
        preset = posegen.preset("patn", "demo")
        (folder / "tiny.toml").write_text(TINY)
        without = [f"discriminators.{name}=none" for name in preset["discriminators"]]
        from posegen.config import read_toml

        config = posegen.experiment(preset, read_toml(folder / "tiny.toml"), overrides=without)
        yield posegen.train(config, folder / "run", device="cpu")[0].path
        for name in [name for name in sys.modules if name.startswith("posegen_walker")]:
            del sys.modules[name]
    registry.cache_clear()


def made_with(call: Call, run: Path, tmp_path: Path, name: str, *words: str) -> np.ndarray:  # type: ignore[type-arg]
    source = tmp_path / "me.png"
    Image.fromarray((np.arange(32 * 16 * 3) % 251).reshape(32, 16, 3).astype(np.uint8)).save(source)
    pose = {"size": [32, 16], "keypoints": [[8, joint + 4, 1] for joint in range(18)]}
    (tmp_path / "pose.json").write_text(json.dumps(pose))
    given = ["--source", source, "--source-pose", tmp_path / "pose.json"]
    code, _, err = call(
        "generate", "--weights", run, *given, "--target-pose", tmp_path / "pose.json",
        "--out", tmp_path / name, "--device", "cpu", *words,
    )  # fmt: skip
    assert code == 0, err
    with Image.open(tmp_path / name / "me_pose.png") as picture:
        return np.asarray(picture).astype(int)


def test_the_kit_keeps_its_promises(run: Path) -> None:
    assert check(registry().get(Kind.METHOD, "walker").spec).ok


def test_both_networks_are_trained_shared_and_validated(run: Path) -> None:
    tensors = load_file(run / "weights" / "model.safetensors")
    assert {name.partition(".")[0] for name in tensors} == {"generator", "refiner"}
    checkpoint = sorted((run / "checkpoints").glob("step-*"))[-1]
    networks = {file.stem for file in checkpoint.glob("network-*")}
    assert networks == {"network-generator", "network-refiner"}  # not the frozen blur
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert any("validation/l1" in line for line in lines)
    assert any("picture/direction" in line for line in lines)
    assert (run / "best" / "model.safetensors").is_file()


def test_sampling_and_seed_change_the_picture_and_nothing_else_does(
    run: Path, call: Call, tmp_path: Path
) -> None:
    plain = made_with(call, run, tmp_path, "a")
    assert np.array_equal(plain, made_with(call, run, tmp_path, "b"))
    assert np.array_equal(plain, made_with(call, run, tmp_path, "c", "--sampling", "steps=3"))
    assert not np.array_equal(plain, made_with(call, run, tmp_path, "d", "--sampling", "steps=1"))
    assert not np.array_equal(plain, made_with(call, run, tmp_path, "e", "--seed", "1"))
    code, _, err = call(
        "generate", "--weights", run, "--source", tmp_path / "me.png", "--source-pose",
        tmp_path / "pose.json", "--target-pose", tmp_path / "pose.json", "--out", tmp_path / "f",
        "--sampling", "stps=4",
    )  # fmt: skip
    assert code == 2
    assert "sampling.stps: the sampling of 'walker' has no such option; did you mean 'steps'" in err


def test_a_picture_is_the_same_alone_and_in_a_batch(run: Path) -> None:
    model = posegen.load_model(run)
    data = posegen.dataset("people", image_size=[32, 16], test_identities=2, pictures=2)
    [whole] = posegen.batches(data, model.encoder, 4, device="cpu")
    alone = model.run(whole.part(2, 3), seed=5).image
    torch.testing.assert_close(model.run(whole, seed=5).image[2:3], alone, atol=1e-4, rtol=0)
    assert (model.run(whole, seed=6).image[2:3] - alone).abs().max() > 1e-3


def test_scores_say_how_it_was_sampled(run: Path, call: Call, tmp_path: Path) -> None:
    words = ["--metrics", "l1", "--sampling", "steps=2", "--seed", "3", "--device", "cpu"]
    code, out, err = call("eval", run, *words, "--save", tmp_path / "kept", "--json")
    assert code == 0, err
    subject = json.loads(out)["subject"]
    assert (subject["sampling"]["steps"], subject["seed"]) == (2, 3)
    code, _, err = call("eval", run, "--metrics", "l1", "--save", tmp_path / "kept")
    assert code == 2  # pictures of two steps are not taken for those of three
    assert "sampling" in err


def test_it_is_pushed_and_pulled_and_export_says_why_not(
    run: Path, call: Call, tmp_path: Path
) -> None:
    assert call("weights", "push", run, tmp_path / "w.tar", "--licence", "CC0-1.0")[0] == 0
    code, _, err = call("weights", "pull", tmp_path / "w.tar", "--name", "walker-tiny")
    assert code == 0, err
    plain = made_with(call, run, tmp_path, "run")
    assert np.array_equal(plain, made_with(call, Path("walker-tiny"), tmp_path, "pulled"))
    code, _, err = call("export", run, "--out", tmp_path / "m.onnx", "--format", "onnx")
    assert code == 2
    assert "the method 'walker' samples pictures with noise or in steps" in err
