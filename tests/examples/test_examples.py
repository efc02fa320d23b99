"""The scripts and the notebook in `examples/` run, at tiny sizes."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import posegen
from posegen.core.batches import GeneratorOutput
from posegen.evaluation.result import Evaluation

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """`run("name", *words)` runs a script and returns what it prints."""

    def call(name: str, *words: str | Path) -> str:
        monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return call


def test_photo_in_motion(run: Any, tmp_path: Path) -> None:
    data = posegen.dataset("people", image_size=[256, 128], test_identities=1, pictures=2)
    Image.fromarray(data[0].source.permute(1, 2, 0).numpy()).save(tmp_path / "me.png")
    said = run("photo_in_motion", tmp_path / "me.png", "run", tmp_path / "run.webp")
    assert "PoseTransfer(limbs, 128×64" in said
    with Image.open(tmp_path / "run.webp") as clip:
        assert (clip.n_frames, clip.size) == (24, (64, 128))


def test_train_and_score(run: Any, tmp_path: Path) -> None:
    tiny = ["data.image_size=[32,16]", "generator.ngf=4", "training.batch_size=2"]
    tiny += ["training.log_every=2", "losses.perceptual=none"]
    words = [word for value in tiny for word in ("--set", value)]
    said = run("train_and_score", tmp_path / "run", "--steps", "4", *words)
    assert "patn (demo) on people: 4 steps, batch 2" in said
    assert "step 4/4" in said
    assert ": 4 steps, l1 from " in said
    assert "Evaluation of 64 pairs" in said
    assert "    patn: ssim 0." in said


def test_own_network(run: Any) -> None:
    said = run("own_network", "--steps", "3")
    assert "PeopleDataset(" in said
    assert "    Painter: ssim 0." in said
    assert "    copy the source: ssim 0." in said


def test_the_notebook() -> None:
    notebook = json.loads((EXAMPLES / "tour.ipynb").read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
            exec(compile(source, cell["id"], "exec"), names)
    assert isinstance(names["output"], GeneratorOutput)
    assert isinstance(names["evaluation"], Evaluation)
    assert names["evaluation"].pairs == 16
    again = names["model"].run(names["batch"]).image
    assert torch.equal(names["output"].image, again)
