"""What models and converters of weights promise."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posegen.core import Kind, TaskInfo, WeightsError
from posegen.plugins.build import build, component_config
from posegen.plugins.discovery import registry
from posegen.plugins.testing.component import Case
from posegen.plugins.testing.promises import Broken, NotApplicable, promise, require


class ModelCase(Case):
    """A model, whose parts must be installed; it is not built."""

    def build(self) -> Any:
        return self.target


@promise(Kind.MODEL)
def presets(case: ModelCase) -> None:
    """`presets` are configuration trees by name, and `default_preset` is one of them."""
    given = getattr(case.target, "presets", None)
    if not isinstance(given, Mapping) or not given:
        raise Broken(f"`presets` is {given!r}")
    default = getattr(case.target, "default_preset", None)
    require(default in given, f"`default_preset` is {default!r}")


@promise(Kind.MODEL)
def complete(case: ModelCase) -> None:
    """Every preset is a whole configuration: its parts are installed components, with options that
    they have."""
    # In a process of its own, since rooms above this one resolve configurations.
    code = "import sys, json; from posegen import config; config.experiment(json.load(sys.stdin))"
    for preset, tree in case.target.presets.items():
        data = registry().get(Kind.DATASET, tree["data"]["name"]).load_config()
        folder = {"root": "."} if data and "root" in data.model_fields else {}
        data_section = {**folder, **tree["data"]}
        whole = json.dumps({"model": case.spec.name, **tree, "data": data_section})
        done = subprocess.run(
            [sys.executable, "-c", code], input=whole, capture_output=True, text=True, check=False
        )
        said = done.stderr.strip().rpartition("\n")[2].partition(": ")[2].rstrip(".")
        require(not done.returncode, f"preset {preset!r}: {said}")


@dataclass(kw_only=True)
class ConverterCase(Case):
    """A converter, and what to convert.

    Attributes:
        published: the state dict of a generator as published, with any values; without it only
            refusals are tested.
    """

    published: Mapping[str, Tensor] | None = None

    def build(self) -> Any:
        return self.target()


@promise(Kind.CONVERTER, where="WeightsConverter.convert")
def refuses(case: ConverterCase) -> None:
    """Tensors of a network that it does not know are a WeightsError that names the file."""
    path = Path("somebody-elses.pth")
    for tensors in ({}, {"no.such.layer.weight": torch.zeros(3, 3, 3, 3)}):
        try:
            case.build().convert(tensors, path)
        except WeightsError as error:
            require(path.name in str(error), f"the error does not name the file: {error}")
        else:
            raise Broken("it takes tensors of a network that it cannot know")


@promise(Kind.CONVERTER, where="WeightsConverter.convert")
def converts(case: ConverterCase) -> None:
    """A tree with `generator`, `encoder` and `image_size`, and tensors that fit the generator."""
    if case.published is None:
        raise NotApplicable("no published state dict was given")
    tree, tensors = case.build().convert(dict(case.published), Path("published.pth"))
    for key in ("generator", "encoder", "image_size"):
        require(key in tree, f"the tree has no {key!r}")
    encoder = _part(Kind.ENCODER, tree["encoder"])
    height, width = tree["image_size"]
    task = TaskInfo((height, width), encoder.channels, encoder.skeleton)
    network = _part(Kind.GENERATOR, tree["generator"], task)
    network.load_state_dict(tensors)  # raises where one is missing, left over or misshapen


def _part(kind: Kind, section: Mapping[str, Any], *context: Any) -> Any:
    options = {key: value for key, value in section.items() if key != "name"}
    config = component_config(registry(), kind, section["name"], options, str(kind))
    return build(registry(), kind, section["name"], config, *context)
