"""Folders of weights: what is in them, and what is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import posegen
from posegen.core import UserError, WeightsError
from posegen.core.headers import read_header
from posegen.weights.bundle import pack
from posegen.weights.description import read_config
from posegen.weights.folder import WeightsConfig, save_weights
from posegen.weights.pull import pull, request
from posegen.weights.push import push

Picture = Callable[[str | Path], bytes]


def test_the_same_weights_give_the_same_file_and_picture(
    folder: Path, tmp_path: Path, config: Callable[..., WeightsConfig], picture: Picture
) -> None:
    tensors = load_file(folder / "model.safetensors")
    last = {name: tensor.to(memory_format=_last(tensor)) for name, tensor in tensors.items()}
    save_weights(tmp_path / "again", config(), last)
    digests = {
        hashlib.sha256((path / "model.safetensors").read_bytes()).hexdigest()
        for path in (folder, tmp_path / "again")
    }
    assert len(digests) == 1
    assert picture(folder) == picture(tmp_path / "again")
    assert picture(folder) == picture(folder / "model.safetensors")  # its header is enough


def _last(tensor: torch.Tensor) -> torch.memory_format:
    return torch.channels_last if tensor.dim() == 4 else torch.contiguous_format


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
        (lambda f: edit(f, schema=4), "schema"),
        (lambda f: edit(f, generator={"ngf": 4}), "generator.name: field required"),
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors: no such file"),
        (
            lambda f: (f / "model.safetensors").write_bytes(b"\x80\x04junk"),
            "damaged, or no safetensors file",
        ),
        (
            lambda f: (f / "model.safetensors").write_bytes(
                (f / "model.safetensors").read_bytes()[:-9]
            ),
            "model.safetensors: damaged",
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


def as_format(schema: int, folder: Path) -> None:
    """Make a folder what posegen wrote when its format was 1 or 2."""
    tree = json.loads((folder / "config.json").read_text())
    new = {"method", "sampling", "networks", "fields", "skeleton"}
    new |= {"normalisation", "licence"} if schema == 1 else set()
    old = {key: value for key, value in tree.items() if key not in new}
    old |= {"schema": schema, "layout": tree["skeleton"], "contract": 1}
    (folder / "config.json").write_text(json.dumps(old))
    tensors = load_file(folder / "model.safetensors")
    plain = {name.removeprefix("generator."): tensor for name, tensor in tensors.items()}
    header = {"posegen": json.dumps(old, sort_keys=True)}
    save_file(plain, folder / "model.safetensors", metadata=header)


@pytest.mark.parametrize("schema", [1, 2])
def test_formats_before_are_migrated(folder: Path, picture: Picture, schema: int) -> None:
    before = picture(folder)
    as_format(schema, folder)
    for path in (folder, folder / "model.safetensors"):
        assert picture(path) == before
        assert read_config(path).tree()["schema"] == 3
        assert read_config(path).normalisation["mean"] == [0.5, 0.5, 0.5]
    assert picture(pull(request(str(folder))).folder) == before
    push(folder, str(folder.parent / "shared"), licence="MIT")
    assert picture(folder.parent / "shared") == before


def test_the_header_says_what_the_folder_says(folder: Path) -> None:
    header = read_header(folder / "model.safetensors")
    assert list(header.metadata) == ["posegen"]
    told = json.loads(header.metadata["posegen"])
    text = json.dumps(
        json.loads((folder / "config.json").read_text()), sort_keys=True, separators=(",", ":")
    )
    assert told.pop("config_sha256") == hashlib.sha256(text.encode()).hexdigest()
    assert told == json.loads(text)
    for key in ("model", "packages", "contract", "skeleton", "normalisation"):
        assert told[key]
    tensors = load_file(folder / "model.safetensors")
    assert {name: entry.shape for name, entry in header.tensors.items()} == {
        name: tuple(tensor.shape) for name, tensor in tensors.items()
    }


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"generator": {"name": "unet2"}, "packages": {"posegen-unet2": "1.0"}},
            r"no generator 'unet2'; .*The weights: posegen-unet2 1\.0 is not installed",
        ),
        (
            {"generator": {"name": "patn", "stages": 9}, "packages": {"posegen-patn": "9.0"}},
            r"generator\.stages: .*made with posegen-patn 9\.0, and 0\.1\.0 is installed",
        ),
        (
            {"generator": {"name": "patn", "ngf": 8}, "packages": {"posegen-patn": "9.0"}},
            r"another configuration\. \(The weights: made with posegen-patn 9\.0",
        ),
        ({"generator": {"name": "patn", "ngf": 8}}, r"another configuration\.$"),
        ({"contract": 9}, r"version 9 of the generator contract, .* upgrade posegen"),
    ],
)
def test_other_versions_are_named(
    folder: Path,
    tmp_path: Path,
    config: Callable[..., WeightsConfig],
    changes: dict[str, Any],
    sentence: str,
) -> None:
    changed = WeightsConfig.model_validate({**config().tree(), **changes})
    save_weights(tmp_path / "v", changed, load_file(folder / "model.safetensors"))
    with pytest.raises(UserError, match=sentence):
        posegen.load_model(tmp_path / "v")


def test_nothing_half_written_stays(folder: Path, config: Callable[..., WeightsConfig]) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    shared = torch.zeros(4)
    with pytest.raises(RuntimeError, match="share memory"):
        save_weights(folder, config(preset="new"), {"a": shared, "b": shared})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_tar_says_that_it_is_to_be_pulled(folder: Path, tmp_path: Path) -> None:
    pack(folder, tmp_path / "a.tar")
    with pytest.raises(WeightsError, match=r"a\.tar: a tar file; `posegen weights pull .*a\.tar`"):
        posegen.load_model(tmp_path / "a.tar")
