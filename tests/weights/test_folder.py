"""Folders of weights: what is in them, and what is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import posegen
from posegen.config import ComponentOptions
from posegen.config.parts import build_generator
from posegen.core import TaskInfo, WeightsError
from posegen.weights.folder import WeightsConfig, save_weights

GENERATOR = ComponentOptions.model_validate({"name": "patn", "ngf": 4, "blocks": 1})
CONFIG = WeightsConfig(
    model="patn",
    generator=GENERATOR,
    encoder=ComponentOptions(name="gaussian"),
    image_size=(32, 16),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = build_generator(GENERATOR, TaskInfo((32, 16), 18))
    save_weights(tmp_path / "w", CONFIG, network.to(memory_format=torch.channels_last).state_dict())  # type: ignore[call-overload]
    return tmp_path / "w"


def picture(path: Path) -> bytes:
    points = torch.tensor([[float(i % 16), float(i + 5), 1.0] for i in range(18)])
    image = torch.arange(3 * 32 * 16).reshape(3, 32, 16).remainder(255).byte()
    return posegen.load_model(path).generate(image, points, points.flip(0)).tobytes()


def test_the_same_weights_give_the_same_file_and_picture(folder: Path, tmp_path: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_weights(tmp_path / "again", CONFIG, tensors)
    digests = {
        hashlib.sha256((path / "model.safetensors").read_bytes()).hexdigest()
        for path in (folder, tmp_path / "again")
    }
    assert len(digests) == 1
    assert picture(folder) == picture(tmp_path / "again")
    assert picture(folder) == picture(folder / "model.safetensors")  # its header is enough


def edit(folder: Path, **changes: Any) -> None:
    tree = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**tree, **changes}))


def rewrite(folder: Path, change: Any) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def first(tensors: dict[str, torch.Tensor]) -> str:
    return sorted(tensors)[0]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda f: (f / "config.json").unlink(), "no config.json in it"),
        (lambda f: (f / "config.json").write_text("{"), "config.json: not readable as JSON"),
        (lambda f: edit(f, image_size=[32]), "image_size"),
        (lambda f: edit(f, schema=2), "schema"),
        (lambda f: edit(f, generator={"ngf": 4}), "generator.name: field required"),
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors: no such file"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\x80\x04junk"), "cannot be read"),
        (
            lambda f: (f / "model.safetensors").write_bytes(
                (f / "model.safetensors").read_bytes()[:-9]
            ),
            "model.safetensors: cannot be read",
        ),
        (lambda f: rewrite(f, lambda t: t.pop(first(t))), "is missing; it is of another network"),
        (lambda f: rewrite(f, lambda t: t.update(x=torch.zeros(1))), "holds 'x', which"),
        (
            lambda f: rewrite(f, lambda t: t.update({first(t): torch.zeros(1, 2)})),
            "it is of another configuration",
        ),
    ],
)
def test_damage_is_named(folder: Path, damage: Any, sentence: str) -> None:
    damage(folder)
    with pytest.raises(WeightsError, match=sentence) as error:
        posegen.load_model(folder)
    assert str(folder) in str(error.value)


def test_a_foreign_safetensors_file_says_what_to_do(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match=r"does not say which model .*posegen weights convert"):
        posegen.load_model(tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match="no such run or weights"):
        posegen.load_model(tmp_path / "none")
