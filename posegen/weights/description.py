"""What `config.json` and the header of `model.safetensors` say. Free of torch.

Both hold the same description. The header adds its digest, so that tensors and a description that
belong to different networks are told apart. Descriptions of older formats are migrated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pydantic
from pydantic import ConfigDict, ValidationError

from posegen.config import ComponentOptions, ExperimentConfig, title_of
from posegen.core.config import Config
from posegen.core.errors import UserError, WeightsError
from posegen.core.fields import Field
from posegen.core.files import read_regular
from posegen.core.headers import read_header, unique
from posegen.core.specs import CONTRACTS, Kind
from posegen.plugins import registry

if TYPE_CHECKING:
    from posegen.core.batches import TaskInfo

TENSORS = "model.safetensors"
CONFIG = "config.json"
SCHEMA: Literal[3] = 3

#: The one key of the header's metadata. With two or more, safetensors writes them in random order,
#: and the same weights would have another sha256 each time.
METADATA_KEY = "posegen"
#: What the header has beside the description: the description's digest.
DIGEST_KEY = "config_sha256"

#: Pixels of a side: what pose maps are made for must fit into memory.
_SIDE_LIMIT = 4096
#: Bytes of a description.
_LIMIT = 2**20

#: How images come to the network: (x / 255 − mean) / std, channels in this order.
NORMALISATION = {"channels": "rgb", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}


class WeightsConfig(Config):
    """How to rebuild what makes pictures, and what its weights are of.

    docs/weights.md says what each key means.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    # "schema" is a method of pydantic's own, hence the alias.
    schema_: Literal[3] = pydantic.Field(default=SCHEMA, alias="schema")
    model: str
    preset: str = ""
    generator: ComponentOptions
    encoder: ComponentOptions
    method: ComponentOptions
    sampling: dict[str, Any] = pydantic.Field(default_factory=dict)
    networks: tuple[str, ...] = ("generator",)
    skeleton: str = "openpose18"
    fields: dict[str, Field] = pydantic.Field(default_factory=dict)
    image_size: tuple[int, int]
    normalisation: dict[str, Any] = NORMALISATION
    contract: int = CONTRACTS[Kind.GENERATOR]
    packages: dict[str, str] = pydantic.Field(default_factory=dict)
    training: dict[str, Any] = pydantic.Field(default_factory=dict)
    licence: str = ""

    @property
    def title(self) -> str:
        """What it is called: its recipe, and the generator where that is another."""
        return title_of(self.model, self.preset, self.generator.name)

    def tree(self) -> dict[str, Any]:
        """Return it as plain values."""
        return self.model_dump(mode="json", by_alias=True)

    @classmethod
    def of_run(
        cls,
        config: ExperimentConfig,
        task: TaskInfo,
        networks: Iterable[str],
        training: Mapping[str, Any],
    ) -> WeightsConfig:
        """Describe what an experiment shares: the named networks, built for a task.

        `training` are facts about the training.
        """
        same = ("model", "preset", "generator", "encoder", "method", "sampling")
        return cls(
            **{key: getattr(config, key) for key in same},
            networks=tuple(networks),
            skeleton=task.skeleton,
            fields=dict(task.extra),
            image_size=task.image_size,
            packages=packages_of(config.generator, config.encoder, config.method),
            training={"seed": config.seed, "data": config.data.model_dump(mode="json"), **training},
        )


def packages_of(
    generator: ComponentOptions, encoder: ComponentOptions, method: ComponentOptions
) -> dict[str, str]:
    """Return the packages (and versions) that make pictures."""
    packages = {"posegen": _version("posegen") or "?"}
    sections = {Kind.GENERATOR: generator, Kind.ENCODER: encoder, Kind.METHOD: method}
    for kind, section in sections.items():
        record = registry().get(kind, section.name).record
        packages[record.package] = record.version
    return packages


def tensors_of(path: Path) -> Path:
    """Return the file of tensors of a folder of weights, or the file itself."""
    return path / TENSORS if path.is_dir() else path


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
        tree = _object(read_header(path).metadata.get(METADATA_KEY, "{}"))
        if tree.pop(DIGEST_KEY, None) not in (None, digest(tree)):
            raise ValueError("the description in its header was altered")
        return tree
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


def schema_of(path: Path) -> int:
    """Return the version of the format that a folder or file was written in."""
    return int(_tree(path).get("schema", SCHEMA))


def read_config(path: Path) -> WeightsConfig:
    """Read the description of a folder, or of a `.safetensors` file from its header.

    Raises:
        WeightsError: where it is missing, cannot be read, was made for another contract or
            normalisation of images, or is not what a folder's tensors were saved with.
    """
    file = path / CONFIG if path.is_dir() else path
    tree = _tree(path)
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
    # Tensors without a description, as other programs write them, are taken as they are.
    inner = read_metadata(path / TENSORS) if path.is_dir() else {}
    if inner and inner != tree:
        key = next(k for k in sorted({*inner, *tree}) if inner.get(k, ...) != tree.get(k, ...))
        raise WeightsError(
            f"{file}: {key!r} is not what {TENSORS} was saved with; give a folder as it was "
            "written."
        )
    return config


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


def _tree(path: Path) -> dict[str, Any]:
    """Read what a folder or a file says, in the format that it was written in."""
    if not path.is_dir():
        return read_metadata(path)
    file = path / CONFIG
    try:
        return _object(read_regular(file, _LIMIT))
    except FileNotFoundError:
        raise WeightsError(f"{path}: no {CONFIG} in it, so not a folder of weights.") from None
    except (OSError, ValueError) as error:
        raise WeightsError(f"{file}: not readable as JSON ({error}).") from None


def _migrated(tree: dict[str, Any], file: Path) -> dict[str, Any]:
    """Bring a description to the present format.

    Formats 1 and 2 knew one network, sampled in one pass, and called a skeleton a layout. Version 2
    of the generator contract asks nothing of weights that version 1 did not.
    """
    schema = tree.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise WeightsError(f"{file}: schema: {schema!r} is no version of this format.")
    if schema > SCHEMA:
        raise WeightsError(
            f"{file}: schema: {schema}, written by a newer posegen; this one reads up to {SCHEMA}, "
            "so upgrade it."
        )
    if schema == SCHEMA:
        return tree
    contract = tree.get("contract")
    new = {
        "schema": SCHEMA,
        "skeleton": tree.get("layout", "openpose18"),
        "method": {"name": "adversarial"},
        "contract": 2 if contract == 1 else contract,
    }
    return {**tree, **new}


def _check(config: WeightsConfig, file: Path) -> None:
    ours = CONTRACTS[Kind.GENERATOR]
    if "generator" not in config.networks:
        raise WeightsError(f"{file}: networks: the generator is not among them.")
    if not all(1 <= side <= _SIDE_LIMIT for side in config.image_size):
        raise WeightsError(f"{file}: image_size: {config.image_size} is no size of pictures.")
    if any(field.channels > 4096 for field in config.fields.values()):
        raise WeightsError(f"{file}: fields: one has more than 4096 channels.")
    if any(field.channels < 1 for field in config.fields.values()):
        raise WeightsError(f"{file}: fields: one has no channels.")
    if config.contract != ours:
        fix = "upgrade posegen" if config.contract > ours else "train or convert them again"
        raise WeightsError(
            f"{file}: contract: made for version {config.contract} of the generator contract, and "
            f"this posegen speaks {ours}; {fix}."
        )
    if config.normalisation != NORMALISATION:
        raise WeightsError(
            f"{file}: normalisation: made for images as {canonical(config.normalisation)}, and "
            f"this posegen's are {canonical(NORMALISATION)}."
        )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except (PackageNotFoundError, ValueError):  # ValueError: no name of a package at all
        return None
