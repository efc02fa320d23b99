"""What `config.json` and the header of `model.safetensors` say. Free of torch.

Both hold the same description. The header adds its digest, so that tensors and a description that
belong to different networks are told apart. Descriptions of older formats are migrated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from posegen.config import ComponentOptions, ExperimentConfig
from posegen.core.config import Config
from posegen.core.errors import UserError, WeightsError
from posegen.core.headers import Header, read_header, unique
from posegen.core.specs import CONTRACTS, Kind
from posegen.plugins import registry

TENSORS = "model.safetensors"
CONFIG = "config.json"
SCHEMA: Literal[2] = 2

#: The one key of the header's metadata. With two or more, safetensors writes them in random order,
#: and the same weights would have another sha256 each time.
METADATA_KEY = "posegen"
#: What the header has beside the description: the description's digest.
DIGEST_KEY = "config_sha256"

#: Bytes of a description.
_LIMIT = 2**20


class Normalisation(Config):
    """How images come to the network: (x / 255 − mean) / std, channels in this order."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    channels: str = "rgb"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)


class WeightsConfig(Config):
    """How to rebuild the generator, and what its weights are of."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    # "schema" is a method of pydantic's own, hence the alias.
    schema_: Literal[2] = Field(
        default=SCHEMA, alias="schema", description="version of this format"
    )
    model: str = Field(description="recipe that it was trained with")
    preset: str = ""
    generator: ComponentOptions
    encoder: ComponentOptions
    layout: str = Field(default="openpose18", description="layout of the keypoints")
    image_size: tuple[int, int] = Field(description="height and width in pixels")
    normalisation: Normalisation = Field(
        default=Normalisation(), description="how images come to the network"
    )
    contract: int = Field(
        default=CONTRACTS[Kind.GENERATOR], description="generator contract version"
    )
    packages: dict[str, str] = Field(default_factory=dict, description="package -> version")
    training: dict[str, Any] = Field(default_factory=dict, description="how it was trained")
    licence: str = Field(default="", description="SPDX expression; empty where not shared yet")

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
    found = {"posegen": _version("posegen") or "?"}
    for kind, name in sections:
        record = registry().get(kind, name).record
        found[record.package] = record.version
    return found


def canonical(tree: Mapping[str, Any]) -> str:
    """Return JSON with sorted keys and no spaces: one text for one content."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":"))


def digest(tree: Mapping[str, Any]) -> str:
    """Return the sha256 of a description as it is written."""
    return hashlib.sha256(canonical(tree).encode()).hexdigest()


def read_metadata(path: Path) -> dict[str, Any]:
    """Read the description in a `.safetensors` file; empty where posegen wrote none.

    Raises:
        WeightsError: where the file is missing or damaged, or its description was altered.
    """
    try:
        return described(read_header(path))
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file of weights.") from None
    except (OSError, ValueError) as error:
        if path.is_file() and is_tar(path):
            raise WeightsError(
                f"{path}: a tar file; `posegen weights pull {path}` makes its weights usable."
            ) from None
        raise WeightsError(f"{path}: damaged, or no safetensors file ({error}).") from None


def is_tar(path: Path) -> bool:
    """Return whether a file looks like a tar file."""
    with path.open("rb") as file:
        return file.read(512)[257:262] == b"ustar"


def described(header: Header) -> dict[str, Any]:
    """Return the description in a header, checked against its digest; empty where there is none.

    Raises:
        ValueError: with the reason, where it is no description or was altered.
    """
    if METADATA_KEY not in header.metadata:
        return {}
    tree = _object(header.metadata[METADATA_KEY])
    told = tree.pop(DIGEST_KEY, None)
    if told is not None and told != digest(tree):
        raise ValueError("the description in its header was altered")
    return tree


def read_config(path: Path) -> WeightsConfig:
    """Read the description of a folder, or of a `.safetensors` file from its header.

    Raises:
        WeightsError: where it is missing, not of a format that this version reads, or made for
            another contract or normalisation of images.
    """
    file = path / CONFIG if path.is_dir() else path
    tree = _read_json(file) if path.is_dir() else read_metadata(path)
    if not tree:
        raise WeightsError(
            f"{path}: its header does not say which model it is of; give the folder with its "
            f"{CONFIG}, or convert it with `posegen weights convert`."
        )
    try:
        config = WeightsConfig.model_validate(_migrated(tree, file))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise WeightsError(f"{file}: {place}: {first['msg'].lower()}.") from None
    _check(config, file)
    return config


def check_pair(folder: Path) -> None:
    """Check that a folder's `config.json` is the description that its tensors were saved with.

    Tensors without a description, as other programs write them, are taken as they are.

    Raises:
        WeightsError: naming the first key that differs.
    """
    inner, outer = read_metadata(folder / TENSORS), _read_json(folder / CONFIG)
    if inner and inner != outer:
        key = next(k for k in sorted({*inner, *outer}) if inner.get(k) != outer.get(k))
        raise WeightsError(
            f"{folder / CONFIG}: {key!r} is not what {TENSORS} was saved with; give a folder as "
            "it was written."
        )


def differences(config: WeightsConfig) -> list[str]:
    """Say how the installed packages differ from those that weights were made with."""
    found = []
    for package, made in config.packages.items():
        here = _version(package)
        if here is None:
            found.append(f"{package} {made} is not installed")
        elif here != made:
            found.append(f"made with {package} {made}, and {here} is installed")
    return found


@contextmanager
def versions_named(config: WeightsConfig) -> Iterator[None]:
    """Add to a user's error what differs from the versions that the weights were made with."""
    try:
        yield
    except UserError as error:
        found = differences(config)
        if not found:
            raise
        raise type(error)(f"{error} (The weights: {'; '.join(found)}.)") from error


def _object(text: str | bytes) -> dict[str, Any]:
    """Read a JSON object; ValueError where it is none, or is not what a description can be."""
    try:
        value = json.loads(text, object_pairs_hook=unique)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    # Names in it come to the terminal, in messages; an escape sequence must not.
    if any(not part.isprintable() for part in _texts(value)):
        raise ValueError("control characters in a text")
    return value


def _texts(value: object) -> Iterator[str]:
    """Yield every text in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > _LIMIT:
            raise ValueError(f"larger than {_LIMIT:,} bytes")
        return _object(file.read_bytes())
    except FileNotFoundError:
        raise WeightsError(
            f"{file.parent}: no {CONFIG} in it, so not a folder of weights."
        ) from None
    except (OSError, ValueError) as error:
        raise WeightsError(f"{file}: not readable as JSON ({error}).") from None


def _migrated(tree: dict[str, Any], file: Path) -> dict[str, Any]:
    """Bring a description to the present format, one version at a time."""
    schema = tree.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise WeightsError(f"{file}: schema: {schema!r} is no version of this format.")
    if schema > SCHEMA:
        raise WeightsError(
            f"{file}: schema: {schema}, written by a newer posegen; this one reads up to {SCHEMA}, "
            "so upgrade it."
        )
    for step in range(schema, SCHEMA):
        tree = _MIGRATIONS[step](tree)
    return tree


def _from_1(tree: dict[str, Any]) -> dict[str, Any]:
    """Format 1 named no normalisation, because there was one only, and no licence."""
    return {**tree, "schema": 2, "normalisation": Normalisation().model_dump(), "licence": ""}


_MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1}


def _check(config: WeightsConfig, file: Path) -> None:
    ours = CONTRACTS[Kind.GENERATOR]
    if config.contract != ours:
        fix = "upgrade posegen" if config.contract > ours else "train or convert them again"
        raise WeightsError(
            f"{file}: contract: made for version {config.contract} of the generator contract, and "
            f"this posegen speaks {ours}; {fix}."
        )
    if config.normalisation != Normalisation():
        told = canonical(config.normalisation.model_dump(mode="json"))
        own = canonical(Normalisation().model_dump(mode="json"))
        raise WeightsError(
            f"{file}: normalisation: made for images as {told}, and this posegen's are {own}."
        )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except (PackageNotFoundError, ValueError):  # ValueError: no name of a package at all
        return None
