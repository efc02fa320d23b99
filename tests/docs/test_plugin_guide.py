"""The plugin guide is a package that works: it is written out, tested and trained."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import posegen.core
from posegen.core import (
    CONTRACTS,
    Batch,
    GeneratorOutput,
    Kind,
    Noise,
    Parts,
    StepContext,
    TaskInfo,
)
from posegen.plugins.hookspecs import HOOKS
from posegen.plugins.testing import check
from posegen.plugins.testing.promises import PROMISES

PAGE = "docs/writing-a-plugin.md"
FILES = {
    "pyproject.toml",
    "src/posegen_hourglass/plugin.py",
    "src/posegen_hourglass/config.py",
    "src/posegen_hourglass/model.py",
    "tests/test_hourglass.py",
}
TINY = """
[data]
image_size = [32, 16]
identities = 2
pictures = 2
test_identities = 2
[generator]
name = "hourglass"
width = 4
[discriminators.appearance]
ngf = 4
blocks = 1
[discriminators.shape]
ngf = 4
blocks = 1
[training]
batch_size = 2
steps = 1
sample_pairs = 1
"""


@pytest.fixture
def package(
    pages: dict[str, str], blocks: Callable[[str], list[Any]], tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The guide's package in a folder; call it to run Python there, with the plugin loaded."""
    for block in blocks(pages[PAGE]):
        if block.title:
            path = tmp_path / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code, encoding="utf-8")
    (tmp_path / "src/posegen_hourglass/__init__.py").touch()
    assert {
        str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*") if p.stat().st_size
    } == FILES

    def run(*words: str, plugin: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
        if plugin:
            environment["POSEGEN_PLUGINS"] = "posegen_hourglass.plugin"
        command = [sys.executable, *words]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return run


Package = Callable[..., subprocess.CompletedProcess[str]]


def test_the_package_passes_its_own_test(package: Package) -> None:
    done = package("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", plugin=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_the_backbone_trains(package: Package, tmp_path: Path) -> None:
    entry = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]["entry-points"]
    assert entry == {"posegen": {"hourglass": "posegen_hourglass.plugin"}}
    (tmp_path / "tiny.toml").write_text(TINY)
    train = ["train", "--model", "patn", "--generator", "hourglass", "--config", "tiny.toml"]
    done = package("-m", "posegen", *train, "--out", "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "step 1/1" in done.stdout
    config = tomllib.loads((tmp_path / "run/config.toml").read_text())
    assert config["generator"] == {"name": "hourglass", "width": 4, "depth": 3}
    assert (tmp_path / "run/weights/model.safetensors").is_file()


def test_every_hook_and_contract_is_in_the_guide(pages: dict[str, str]) -> None:
    for hook, spec in HOOKS.items():
        assert f"`{hook}`" in pages[PAGE]
        assert f"`{spec.__name__}`" in pages[PAGE]
        assert f"| {spec.kind} |" in pages[PAGE]


@pytest.fixture
def examples(pages: dict[str, str], blocks: Callable[[str], list[Any]]) -> dict[str, Any]:
    """What the blocks of the other kinds define."""
    names: dict[str, Any] = {"__name__": "guide"}
    for block in blocks(pages[PAGE]):
        if block.language == "python" and block.title is None:
            exec(block.code, names)
    return names


def test_the_other_examples_fulfil_their_contracts(examples: dict[str, Any]) -> None:
    made = [v for v in examples.values() if inspect.isclass(v) and v.__module__ == "guide"]
    contracts = {
        next(base.__name__ for base in cls.__mro__[1:] if hasattr(posegen.core, base.__name__))
        for cls in made
    }
    assert contracts == {
        "PoseEncoder", "Discriminator", "Loss", "PerImageMetric", "PairDataset", "Method", "Model",
        "WeightsConverter", "Config", "Generator", "Tracker",
    }  # fmt: skip
    assert not [cls for cls in made if inspect.isabstract(cls)]


SPECS = {
    "ByKeypoints": ("generator", None),
    "DiscEncoder": ("encoder", "DiscConfig"),
    "PatchDiscriminator": ("discriminator", "PatchConfig"),
    "TotalVariation": ("loss", None),
    "NoiseDataset": ("dataset", "NoiseConfig"),
    "Regression": ("method", None),
    "HourglassConverter": ("converter", None),
    "Lines": ("tracker", None),
}
SKIP = {"light": "all examples are in one module here"}


@pytest.fixture
def guide(examples: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The examples as a module that specs can name."""
    module = types.ModuleType("guide")
    vars(module).update(examples)
    monkeypatch.setitem(sys.modules, "guide", module)
    return module


@pytest.mark.parametrize("target", SPECS)
def test_the_other_examples_pass_the_kit(target: str, guide: types.ModuleType) -> None:
    kind, config = SPECS[target]
    by_kind = {spec.kind: spec for spec in HOOKS.values()}
    spec = by_kind[Kind(kind)](
        name="example",
        summary="x",
        target=f"guide:{target}",
        config=config and f"guide:{config}",
        contract=CONTRACTS[Kind(kind)],
    )
    given = {"steps": logged} if kind == "tracker" else {}
    report = check(spec, skip=SKIP, **given)
    report.raise_on_failure()
    assert report["build"].ok


def logged(run: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (run / "lines.jsonl").read_text().splitlines()]


def test_the_examples_that_have_specs_pass_the_kit(guide: types.ModuleType) -> None:
    metric = dataclasses.replace(guide.SPEC, target="guide:MeanColour")
    check(metric, skip=SKIP).raise_on_failure()
    denoiser = dataclasses.replace(guide.DENOISER, target="guide:Denoiser")
    denoising = dataclasses.replace(
        guide.DENOISING, target="guide:Denoising", sampling="guide:Sampling"
    )
    for spec in (denoiser, denoising):
        report = check(spec, skip=SKIP, inputs=guide.MADE)
        report.raise_on_failure()
        assert report["independent"].ok


def test_every_promise_is_in_the_guide(pages: dict[str, str]) -> None:
    table = pages[PAGE].partition("<!-- checks -->")[2].partition("<!-- end -->")[0]
    rows = dict(re.findall(r"^\| (.+) \| (`.+`) \|$", table, re.MULTILINE))
    listed = {title: set(re.findall(r"`([\w-]+)`", cell)) for title, cell in rows.items()}
    named = {kind: {promise.name for promise in PROMISES[kind]} for kind in Kind}
    assert listed.pop("a plugin module") == {promise.name for promise in PROMISES["plugin"]}
    common = set.intersection(*named.values())
    assert listed.pop("every component") == common
    network = named[Kind.GENERATOR] & named[Kind.DISCRIMINATOR] - common
    assert listed.pop("generator, discriminator") == network
    for kind in (Kind.GENERATOR, Kind.DISCRIMINATOR):
        named[kind] -= network
    assert listed == {str(kind): names - common for kind, names in named.items()}


def test_the_section_that_discovery_names_is_there(pages: dict[str, str]) -> None:
    assert "\n## Moving a plugin from contract 1 to 2\n" in pages[PAGE]


def test_the_other_examples_work_together(examples: dict[str, Any]) -> None:
    size = (16, 8)
    data = examples["NoiseDataset"](examples["NoiseConfig"](image_size=size, length=2), "test")
    pairs = [data[0], data[1]]
    assert torch.equal(data[0].source, data[-2].source)
    encoder = examples["DiscEncoder"](examples["DiscConfig"]())
    points = torch.stack([pair.target_keypoints for pair in pairs])
    maps = encoder(points, size)
    assert maps.shape == (2, 18, *size)
    assert set(maps.unique().tolist()) == {0.0, 1.0}
    x, y, _ = points[0, 3].round().long().clamp(max=7).tolist()
    assert maps[0, 3, y, x] == 1
    images = torch.stack([pair.source for pair in pairs]).float() / 127.5 - 1
    parts = torch.stack([pair.extra["target_parts"] for pair in pairs]).float()
    assert parts.sum(dim=1).eq(1).all()  # each place is of one part
    tensors = {"source": images, "target": images, "target_pose": maps, "target_parts": parts}
    batch = Batch(tensors, source_names=["a", "b"], target_names=["c", "d"])
    task = TaskInfo(size, pose_channels=18, extra=data.fields)
    config = examples["PatchConfig"](inputs=("source", "target_parts"))
    patch = examples["PatchDiscriminator"](config, task)
    assert patch.layers[0].in_channels == 3 + 3 + 20
    assert patch(images, **batch.select(patch.inputs)).shape == (2, 1, 4, 2)
    loss = examples["TotalVariation"](posegen.core.Config(), task)
    assert loss(GeneratorOutput(torch.zeros_like(images)), batch) == 0

    class Copy(torch.nn.Module):
        inputs = ("source",)

        def forward(self, source: Any) -> GeneratorOutput:
            return GeneratorOutput(source)

    model = Parts(Copy(), task, losses={"smooth": posegen.core.WeightedLoss(2.0, loss)})
    method = examples["Regression"](posegen.core.Config(), model)
    context = StepContext(method.networks, torch.Generator(), Noise(0, batch.names))
    total, terms = method.loss("generator", batch, context)
    assert total == terms["smooth"] > 0
    metric = examples["MeanColour"](posegen.core.Config())
    pictures = torch.stack([pair.source for pair in pairs])
    metric.update(Batch({"generated": pictures, "target": pictures}))
    assert metric.compute() == 0
    with pytest.raises(posegen.core.WeightsError, match="not an hourglass"):
        examples["HourglassConverter"]().convert({}, Path("x.pth"))
