"""`posegen export`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from posegen.config import ComponentOptions
from posegen.config.parts import build_generator
from posegen.core import TaskInfo
from posegen.weights.description import WeightsConfig
from posegen.weights.folder import join, save_weights

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    section = ComponentOptions.model_validate({"name": "patn", "ngf": 4, "blocks": 1})
    config = WeightsConfig(
        model="patn",
        generator=section,
        encoder=ComponentOptions(name="gaussian"),
        method=ComponentOptions(name="adversarial"),
        image_size=(32, 16),
    )
    network = build_generator(section, TaskInfo((32, 16), 18))
    save_weights(tmp_path / "weights", config, join({"generator": network}))
    return tmp_path / "weights"


def test_the_difference_is_told(weights: Path, tmp_path: Path, call: Call) -> None:
    file = tmp_path / "m.pt2"
    words = ["--format", "torch-export", "--inputs", "keypoints", "--size", "16x24"]
    code, out, err = call("export", weights, "--out", file, *words)
    assert code == 0, err
    assert out.startswith(f"{file}: images differ from the model's by ")
    points = torch.rand(3, 18, 3)
    network = torch.export.load(file).module()
    assert network(torch.rand(3, 3, 16, 24), points, points).shape == (3, 3, 16, 24)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--format", "jit"], "--format jit: no such format; known: onnx, torch-export."),
        (["--size", "16"], "--size 16: write it as HEIGHTxWIDTH"),
        (["--size", "18x16"], "--size 18x16: the generator needs"),
        (["--inputs", "both"], "--inputs both: there are maps and keypoints"),
    ],
)
def test_mistakes_get_a_sentence(
    words: list[str],
    sentence: str,
    weights: Path,
    tmp_path: Path,
    call: Call,
) -> None:
    code, out, err = call("export", weights, "--out", tmp_path / "m", *words)
    assert code == 2
    assert sentence in err
    assert len(err.strip().splitlines()) == 1
    assert out == ""
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("name", "format", "ending"),
    [("odd.txt", "onnx", ".onnx"), ("m.pt2", "onnx", ".onnx"), ("m.onnx", "torch-export", ".pt2")],
)
def test_files_are_not_written_under_another_ending(
    name: str, format: str, ending: str, weights: Path, tmp_path: Path, call: Call
) -> None:
    file = tmp_path / name
    code, _, err = call("export", weights, "--out", file, "--format", format)
    assert code == 2
    assert f"--out {file}: --format {format} writes {ending} files; " in err
    assert not file.exists()
