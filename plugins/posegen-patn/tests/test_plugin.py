from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import posegen_patn
import pytest
from posegen_patn import plugin
from posegen_patn.model import PATN

from posegen.core import Discriminator, Generator, Model, WeightsConverter
from posegen.core.specs import Kind
from posegen.plugins import component_config, registry

SOURCE = Path(posegen_patn.__file__).parent
CONTRACTS = {
    (Kind.GENERATOR, "patn"): Generator,
    (Kind.DISCRIMINATOR, "patn-resnet"): Discriminator,
    (Kind.MODEL, "patn"): Model,
    (Kind.CONVERTER, "patn-official"): WeightsConverter,
}


@pytest.mark.parametrize(("kind", "name"), CONTRACTS)
def test_the_engine_finds_each_component(kind: Kind, name: str) -> None:
    component = registry().get(kind, name)
    assert component.record.package == "posegen-patn"
    assert not component.record.reason
    assert issubclass(component.load(), CONTRACTS[kind, name])
    config = component.load_config()
    if config is not None:
        assert all(field.description for field in config.model_fields.values())


def test_nothing_is_left_out_of_the_table() -> None:
    specs = [spec for record in registry().records for spec in record.specs]
    ours = {(s.kind, s.name) for s in specs if s.target.startswith("posegen_patn.")}
    assert ours == CONTRACTS.keys()


@pytest.mark.parametrize("module", ["plugin", "config", "model"])
def test_it_imports_no_torch(module: str) -> None:
    code = f"import sys, posegen_patn.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_it_imports_only_the_public_contracts() -> None:
    imported = set()
    for path in SOURCE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module)
    assert {name for name in imported if name.split(".")[0] == "posegen"} == {"posegen.core"}


def test_the_contract_version_is_a_literal() -> None:
    tree = ast.parse(Path(plugin.__file__).read_text())
    values = [n.value for n in ast.walk(tree) if isinstance(n, ast.keyword) and n.arg == "contract"]
    assert len(values) == len(CONTRACTS)
    assert all(isinstance(value, ast.Constant) for value in values)


#: The table of the published runs, column by column.
PUBLISHED = {
    "market1501": {
        "image_size": [128, 64],
        "encoder": "gaussian",
        "norm": "batch",
        "objective": "bce",
        "weights": (10, 10, 5),
        "batch_size": 32,
        "pool_size": 50,
    },
    "deepfashion": {
        "image_size": [256, 176],
        "encoder": "one-hot",
        "norm": "instance",
        "objective": "lsgan",
        "weights": (1, 1, 5),
        "batch_size": 7,
        "pool_size": 0,
    },
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_presets_are_the_published_runs(name: str) -> None:
    preset, wanted = PATN.presets[name], PUBLISHED[name]
    assert preset["data"] == {"name": name, "image_size": wanted["image_size"]}
    assert preset["encoder"]["name"] == wanted["encoder"]
    assert preset["generator"] == {
        "name": "patn",
        "ngf": 64,
        "blocks": 9,
        "norm": wanted["norm"],
        "dropout": 0.5,
    }
    judge = {
        "name": "patn-resnet",
        "ngf": 64,
        "blocks": 3,
        "norm": wanted["norm"],
        "dropout": 0.5,
        "pool_size": wanted["pool_size"],
    }
    assert preset["discriminators"] == {
        "appearance": {**judge, "conditions": ["source"]},
        "shape": {**judge, "conditions": ["target_pose"]},
    }
    assert list(preset["discriminators"]) == ["appearance", "shape"]  # the order of the updates
    l1, perceptual, adversarial = wanted["weights"]
    assert preset["losses"] == {
        "l1": {"name": "l1", "weight": l1},
        "perceptual": {"name": "vgg19", "weight": perceptual, "layers": ["relu1_2"]},
    }
    assert preset["method"] == {
        "name": "adversarial",
        "objective": wanted["objective"],
        "weight": adversarial,
    }
    assert preset["optimizer"] == {"lr": 2e-4, "beta1": 0.5, "beta2": 0.999}
    assert preset["training"] == {
        "batch_size": wanted["batch_size"],
        "epoch_pairs": 4000,
        "constant_epochs": 500,
        "decay_epochs": 200,
    }


@pytest.mark.parametrize("name", PATN.presets)
def test_options_of_presets_are_valid(name: str) -> None:
    preset = PATN.presets[name]
    parts = [(Kind.GENERATOR, "generator", preset["generator"])]
    parts += [(Kind.DISCRIMINATOR, key, part) for key, part in preset["discriminators"].items()]
    parts += [(Kind.LOSS, key, part) for key, part in preset["losses"].items()]
    for kind, where, part in parts:
        options = {key: part[key] for key in part.keys() - {"name", "weight"}}
        component_config(registry(), kind, part["name"], options, where)


def test_the_default_preset_needs_no_download() -> None:
    preset = PATN.presets[PATN.default_preset]
    assert preset["data"]["name"] == "people"
    assert preset["losses"]["perceptual"]["name"] == "random-vgg"
