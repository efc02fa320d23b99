"""A shared model is a folder: `model.safetensors` and `config.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError
from torch import Tensor, nn

from posegen.config import ComponentOptions, ExperimentConfig
from posegen.core.config import Config
from posegen.core.errors import WeightsError
from posegen.core.specs import CONTRACTS, Kind
from posegen.plugins import registry
from posegen.weights.files import read_metadata, write_json, write_tensors

TENSORS = "model.safetensors"
CONFIG = "config.json"


class WeightsConfig(Config):
    """What `config.json` and the header of the tensors say: how to rebuild the generator."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    # "schema" is a method of pydantic's own, hence the alias.
    schema_: Literal[1] = Field(default=1, alias="schema", description="version of this format")
    model: str = Field(description="recipe that it was trained with")
    preset: str = ""
    generator: ComponentOptions
    encoder: ComponentOptions
    layout: str = Field(default="openpose18", description="layout of the keypoints")
    image_size: tuple[int, int] = Field(description="height and width in pixels")
    contract: int = Field(
        default=CONTRACTS[Kind.GENERATOR], description="generator contract version"
    )
    packages: dict[str, str] = Field(default_factory=dict, description="package -> version")
    training: dict[str, Any] = Field(default_factory=dict, description="how it was trained")

    def tree(self) -> dict[str, Any]:
        """Return it as plain values."""
        return self.model_dump(mode="json", by_alias=True)

    @classmethod
    def of_run(
        cls,
        config: ExperimentConfig,
        layout: str,
        size: tuple[int, int],
        training: Mapping[str, Any],
    ) -> WeightsConfig:
        """Describe the generator of an experiment."""
        return cls(
            model=config.model,
            preset=config.preset,
            generator=config.generator,
            encoder=config.encoder,
            layout=layout,
            image_size=size,
            packages=packages_of(config.generator, config.encoder),
            training={"seed": config.seed, "data": config.data.model_dump(mode="json"), **training},
        )


def packages_of(generator: ComponentOptions, encoder: ComponentOptions) -> dict[str, str]:
    """Return the packages (and versions) that a generator and its encoder are from."""
    sections = ((Kind.GENERATOR, generator.name), (Kind.ENCODER, encoder.name))
    found = {"posegen": _version("posegen")}
    for kind, name in sections:
        record = registry().get(kind, name).record
        found[record.package] = record.version
    return found


def save_weights(folder: Path, config: WeightsConfig, tensors: Mapping[str, Tensor]) -> None:
    """Write the folder; each file atomically, the description last."""
    folder.mkdir(parents=True, exist_ok=True)
    tree = config.tree()
    write_tensors(folder / TENSORS, tensors, tree)
    write_json(folder / CONFIG, tree)


def read_config(path: Path) -> WeightsConfig:
    """Read the description of a folder, or of a `.safetensors` file from its header.

    Raises:
        WeightsError: where it is missing, or not of this format.
    """
    if path.is_dir():
        file = path / CONFIG
        try:
            tree = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise WeightsError(f"{path}: no {CONFIG} in it, so not a folder of weights.") from None
        except (OSError, ValueError) as error:
            raise WeightsError(f"{file}: not readable as JSON ({error}).") from None
    else:
        file, tree = path, read_metadata(path)
        if not tree:
            raise WeightsError(
                f"{path}: its header does not say which model it is of; give the folder with its "
                f"{CONFIG}, or convert it with `posegen weights convert`."
            )
    try:
        return WeightsConfig.model_validate(tree)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise WeightsError(f"{file}: {place}: {first['msg'].lower()}.") from None


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Put tensors into a network; every name and shape must match.

    Raises:
        WeightsError: naming the first one that does not.
    """
    wanted = network.state_dict()
    for name, tensor in wanted.items():
        if name not in tensors:
            raise WeightsError(f"{path}: the tensor {name!r} is missing; it is of another network.")
        if tensors[name].shape != tensor.shape:
            raise WeightsError(
                f"{path}: {name!r} has shape {tuple(tensors[name].shape)} and the network's has "
                f"{tuple(tensor.shape)}; it is of another configuration."
            )
    extra = sorted(set(tensors) - set(wanted))
    if extra:
        raise WeightsError(f"{path}: holds {extra[0]!r}, which the network does not have.")
    network.load_state_dict(dict(tensors))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "?"
