"""The plugin guide is a package that works: it is written out, tested and trained."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
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
import posegen.plugins.testing
from posegen.core import Batch, GeneratorOutput, Kind, Parts, ScoredBatch, StepContext, TaskInfo
from posegen.plugins.hookspecs import HOOKS

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
        "WeightsConverter", "Config",
    }  # fmt: skip
    assert not [cls for cls in made if inspect.isabstract(cls)]


SPECS = {
    "encoder": ("DiscEncoder", "DiscConfig"),
    "discriminator": ("PatchDiscriminator", "PatchConfig"),
    "loss": ("TotalVariation", None),
    "dataset": ("NoiseDataset", "NoiseConfig"),
    "method": ("Regression", None),
    "converter": ("HourglassConverter", None),
}


@pytest.mark.parametrize("kind", [*SPECS, "metric"])
def test_the_other_examples_pass_the_kit(
    kind: str, examples: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = types.ModuleType("guide")
    vars(guide).update(examples)
    monkeypatch.setitem(sys.modules, "guide", guide)
    if kind == "metric":
        spec = dataclasses.replace(examples["SPEC"], target="guide:MeanColour")
    else:
        target, config = SPECS[kind]
        by_kind = {spec.kind: spec for spec in HOOKS.values()}
        spec = by_kind[Kind(kind)](
            name="example",
            summary="x",
            target=f"guide:{target}",
            config=config and f"guide:{config}",
            contract=1,
        )
    check = getattr(posegen.plugins.testing, f"check_{kind}")
    check(spec, skip={"light": "all examples are in one module here"}).raise_on_failure()


def test_every_check_is_in_the_guide(pages: dict[str, str]) -> None:
    table = pages[PAGE].partition("<!-- checks -->")[2].partition("<!-- end -->")[0]
    rows = dict(re.findall(r"^\| (.+) \| (`.+`) \|$", table, re.MULTILINE))
    listed = {title: set(re.findall(r"`([\w-]+)`", cell)) for title, cell in rows.items()}
    kit = posegen.plugins.testing
    named = {kind: {check.name for check in checks_of(kind)} for kind in Kind}
    network = {check.name for check in kit.networks.NETWORK}
    assert listed.pop("a plugin module") == {check.name for check in kit.plugin.PLUGIN}
    assert listed.pop("generator, discriminator") == network
    common = {check.name for check in kit.subject.COMMON} | {"build"}
    assert listed.pop("every component") == common
    for kind in (Kind.GENERATOR, Kind.DISCRIMINATOR):
        named[kind] -= network
    assert listed == {str(kind): names for kind, names in named.items()}


def checks_of(kind: Kind) -> list[Any]:
    module = importlib.import_module(f"posegen.plugins.testing.{kind}")
    checks: list[Any] = list(getattr(module, kind.upper()))
    return checks


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
    batch = Batch(images, images, points, points, maps, maps)
    task = TaskInfo(size, pose_channels=18)
    patch = examples["PatchDiscriminator"](examples["PatchConfig"](), task)
    assert patch(images, batch.condition(patch.conditions)).shape == (2, 1, 4, 2)
    loss = examples["TotalVariation"](posegen.core.Config(), task)
    assert loss(GeneratorOutput(torch.zeros_like(images)), batch) == 0

    class Copy(torch.nn.Module):
        def forward(self, source: Any, *poses: Any) -> GeneratorOutput:
            return GeneratorOutput(source)

    parts = Parts(Copy(), losses={"smooth": posegen.core.WeightedLoss(2.0, loss)})
    method = examples["Regression"](posegen.core.Config(), parts)
    total, terms = method.loss("generator", batch, StepContext(method.networks, torch.Generator()))
    assert total == terms["smooth"] > 0
    metric = examples["MeanColour"](posegen.core.Config())
    pictures = torch.stack([pair.source for pair in pairs])
    metric.update(ScoredBatch(pictures, pictures, pictures, points))
    assert metric.compute() == 0
    with pytest.raises(posegen.core.WeightsError, match="not an hourglass"):
        examples["HourglassConverter"]().convert({}, Path("x.pth"))
