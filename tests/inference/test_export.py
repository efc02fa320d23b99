"""Exported files compute what the model does, for any batch, and say what they are."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import posegen
from posegen.core import ConfigError, PosegenError
from posegen.inference.export import export_model
from posegen.inference.export_formats import EXTRA_FILE, TorchExport

Weights = Callable[..., Path]


def keypoints(count: int, size: tuple[int, int], seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    points = torch.rand(count, 18, 3, generator=random) * torch.tensor([size[1], size[0], 1.5])
    points[..., 2] = points[..., 2].floor()
    return points


def image(count: int, size: tuple[int, int]) -> Tensor:
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(7)) * 2 - 1


@pytest.mark.parametrize(("norm", "inputs"), [("batch", "maps"), ("instance", "keypoints")])
def test_onnx_in_onnx_runtime(norm: str, inputs: str, weights: Weights, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    model = posegen.load_model(weights(norm=norm))
    path = tmp_path / "new" / "model.onnx"
    made = export_model(model, path, "onnx", inputs=inputs)  # type: ignore[arg-type]
    assert 0 <= made.difference < 1e-5
    assert list(path.parent.iterdir()) == [path]
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    kind = "pose" if inputs == "maps" else "keypoints"
    shape = ["batch", 18, 32, 16] if inputs == "maps" else ["batch", 18, 3]
    told = [(entry.name, entry.shape) for entry in session.get_inputs()]
    assert told == [
        ("source", ["batch", 3, 32, 16]),
        (f"source_{kind}", shape),
        (f"target_{kind}", shape),
    ]
    for count in (1, 3):
        points = [keypoints(count, (32, 16), seed) for seed in (1, 2)]
        maps = [model.encoder(each, (32, 16)) for each in points]
        wanted = model.generator(image(count, (32, 16)), *maps).image
        given = [image(count, (32, 16)), *(maps if inputs == "maps" else points)]
        feed = {name: x.numpy() for (name, _), x in zip(told, given, strict=True)}
        [found] = session.run(["image"], feed)
        assert np.abs(found - wanted.numpy()).max() < 1e-5
    about = session.get_modelmeta().custom_metadata_map
    assert about["posegen"] == posegen.__version__
    assert (about["model"], about["preset"], about["skeleton"]) == ("patn", "demo", "openpose18")
    assert about["inputs"] == inputs
    assert json.loads(about["image_size"]) == [32, 16]
    assert json.loads(about["normalisation"])["mean"] == [0.5, 0.5, 0.5]
    assert json.loads(about["encoder"]) == {"name": "gaussian", "sigma": 3.0}
    assert about["weights_sha256"] == model.fingerprint()["weights"]


def test_torch_export_is_loaded_without_posegen_and_at_another_size(
    weights: Weights, tmp_path: Path
) -> None:
    model = posegen.load_model(weights())
    path = tmp_path / "model.pt2"
    made = export_model(model, path, "torch-export", inputs="keypoints", size=(24, 40))
    assert made.difference < 1e-5
    extra = {EXTRA_FILE: ""}
    network = torch.export.load(path, extra_files=extra).module()
    for count in (1, 3):
        points = [keypoints(count, (24, 40), seed) for seed in (1, 2)]
        maps = [model.encoder(each, (24, 40)) for each in points]
        wanted = model.generator(image(count, (24, 40)), *maps).image
        torch.testing.assert_close(
            network(image(count, (24, 40)), *points), wanted, atol=1e-5, rtol=0
        )
    assert json.loads(extra[EXTRA_FILE]) == made.about
    assert made.about["image_size"] == [24, 40]


def test_an_opset_is_what_was_asked_for(weights: Weights, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    export_model(posegen.load_model(weights()), tmp_path / "m.onnx", "onnx", opset=18)
    found = onnx.load(tmp_path / "m.onnx").opset_import
    assert [(entry.domain, entry.version) for entry in found] == [("", 18)]


@pytest.mark.parametrize("difference", [0.01, float("nan")])
def test_a_file_that_computes_something_else_is_not_written(
    difference: float, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = TorchExport.read

    def wrong(self: TorchExport, path: Path) -> Callable[..., Tensor]:
        run = read(self, path)
        return lambda inputs: run(inputs) + difference * (len(inputs[0]) == 3)

    monkeypatch.setattr(TorchExport, "read", wrong)
    (tmp_path / "out").mkdir()
    with pytest.raises(PosegenError, match="not written, since what was exported"):
        export_model(posegen.load_model(weights()), tmp_path / "out" / "m.pt2", "torch-export")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_network_that_cannot_be_traced_is_named(weights: Weights, tmp_path: Path) -> None:
    model = posegen.load_model(weights())
    head = model.generator.decoder.head
    head.register_module("branching", Branching())
    with pytest.raises(PosegenError, match=r"patn: torch\.export cannot trace this generator"):
        export_model(model, tmp_path / "m.pt2", "torch-export")
    assert not (tmp_path / "m.pt2").exists()


class Branching(torch.nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"format": "onx"}, "--format onx: no such format; did you mean 'onnx'"),
        ({}, r"m: --format onnx writes \.onnx files; give a name that ends in \.onnx"),
        ({"inputs": "poses"}, "--inputs poses: there are maps and keypoints"),
        ({"size": (30, 16)}, "--size 30x16: the generator needs height and width divisible by 4"),
        ({"format": "torch-export", "opset": 18}, "--opset is about --format onnx"),
    ],
)
def test_wrong_options_are_named(
    options: dict[str, object], sentence: str, weights: Weights, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        export_model(
            posegen.load_model(weights()),
            tmp_path / "m",
            **{"format": "onnx", **options},  # type: ignore[arg-type]
        )


def test_without_the_extra_the_error_tells_how_to_get_it(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ConfigError, match=r"pip install 'posegen\[onnx\]'"):
        export_model(posegen.load_model(weights()), tmp_path / "m.onnx", "onnx")


def test_weights_that_one_onnx_file_cannot_hold_are_refused(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("posegen.inference.export_formats._ONNX_LIMIT", 1000)
    with pytest.raises(ConfigError, match="use --format torch-export"):
        export_model(posegen.load_model(weights()), tmp_path / "m.onnx", "onnx")
