"""Protocol files: which there are, reading one, and choosing its variant. Free of torch.

An abbreviation keeps the files short, and is resolved here: `like = "OTHER"` takes over what a
variant does not say itself from one above it, column by column.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeGuard

from pydantic import ValidationError

from posegen.core.errors import ConfigError, suggest
from posegen.core.texts import parse_toml, read_text
from posegen.evaluation.protocols.schema import Protocol, Steps, Variant

_SUFFIX = ".toml"


def names() -> list[str]:
    """Return the names of posegen's own protocols, sorted."""
    folder = files("posegen.evaluation.protocols")
    own = (file.name for file in folder.iterdir() if file.name.endswith(_SUFFIX))
    return sorted(name.removesuffix(_SUFFIX) for name in own)


def parse(text: str) -> tuple[str, str | None]:
    """Split `NAME`, `NAME:VARIANT`, `FILE.toml` or `FILE.toml:VARIANT` into its two parts."""
    name, colon, variant = text.rpartition(":")
    if not colon or variant.endswith(_SUFFIX):
        return text, None
    return name, variant


def load(name: str | Path) -> Protocol:
    """Read a protocol.

    Args:
        name: one of `names()`, or the path of a protocol file, which ends in `.toml`.

    Raises:
        ConfigError: for an unknown name (with the nearest ones), a file that is not there, or one
            that is malformed, naming the file and the key.
    """
    text = str(name)
    if text.endswith(_SUFFIX):
        path = Path(text).expanduser()
        try:
            return _read(read_text(path), str(path))
        except FileNotFoundError:
            raise ConfigError(
                f"{path}: no such protocol file; posegen's own are {', '.join(names())}."
            ) from None
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: cannot be read as UTF-8 text ({error}).") from error
    if text not in names():
        raise ConfigError(
            f"--protocol {text}: no such protocol; {suggest(text, names())} A file of your own "
            f"must end in {_SUFFIX}."
        )
    return _built_in(text)


@cache
def _built_in(name: str) -> Protocol:
    file = files("posegen.evaluation.protocols") / f"{name}{_SUFFIX}"
    return _read(file.read_text(encoding="utf-8-sig"), file.name)


def choose(protocol: Protocol, variant: str | None, size: tuple[int, int]) -> Variant:
    """Return the variant with that name, or else the first one for pictures of that size.

    A variant without a size is for all sizes that no other one is for. A variant that is named is
    taken whatever the size: the user wants it so.

    Args:
        protocol: as loaded.
        variant: its name, or None.
        size: (H, W) of the pictures in pixels.

    Raises:
        ConfigError: for an unknown name, or a size that no variant is for.
    """
    if variant is not None:
        known = {v.name: v for v in protocol.variants}
        if variant not in known:
            raise ConfigError(
                f"--protocol {protocol.name}:{variant}: no such variant; {suggest(variant, known)}"
            )
        return known[variant]
    if fits(protocol, size):
        fitting = [v for v in protocol.variants if v.size in (None, size)]
        return next((v for v in fitting if v.size is not None), fitting[0])
    sizes = ", ".join("{} ({}×{})".format(v.name, *(v.size or ())) for v in protocol.variants)
    raise ConfigError(
        f"--protocol {protocol.name}: is for no pictures of {size[0]}×{size[1]} (height×width); "
        f"its variants are {sizes}; score pictures of one of these sizes, or name the variant that "
        f"shall be used all the same, as in `{protocol.name}:{protocol.variants[0].name}`."
    )


def fits(protocol: Protocol, size: tuple[int, int]) -> bool:
    """Return whether a variant is for pictures of that (H, W)."""
    return any(variant.size in (None, size) for variant in protocol.variants)


def digest(steps: Steps) -> str:
    """Return the hexadecimal sha256 of a preparation: equal for equal steps, in any process."""
    text = json.dumps([step.model_dump(mode="json") for step in steps], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def definition(protocol: Protocol, variant: Variant) -> dict[str, Any]:
    """Return all that a protocol says about one variant, in plain values, for reports.

    Keys: `name`, `version`, `summary` and `source` of the protocol; `variant`, a table of what the
    variant says; `columns`, a list of tables.
    """
    whole = protocol.model_dump(mode="json", exclude={"variants"})
    own = variant.model_dump(mode="json", exclude_none=True)
    columns = own.pop("columns")
    if variant.saved_as != "jpeg":
        del own["jpeg_quality"]
    return {**whole, "variant": own, "columns": columns}


def _read(text: str, where: str) -> Protocol:
    try:
        tree = parse_toml(text)
    except ValueError as error:
        raise ConfigError(f"{where}: not a readable TOML file: {error}.") from None
    tree = _complete(tree, where)
    try:
        return Protocol.model_validate(tree)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        reason = first["msg"].removeprefix("Value error, ").replace("valid tuple", "list")
        if first["type"] == "extra_forbidden":
            reason = "there is no such key"
        place = ".".join(_place(tree, first["loc"])) or "the file"
        raise ConfigError(f"{where}: {place}: {reason[0].lower()}{reason[1:]}.") from None


def _complete(tree: dict[str, Any], where: str) -> dict[str, Any]:
    """Resolve `like`; what has a wrong type is left for the validation."""
    if not _is_tables(tree.get("variants")):
        return tree
    variants: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(tree["variants"]):
        if "like" in entry:
            other = str(entry.pop("like"))
            if other not in variants:
                raise ConfigError(
                    f"{where}: variants.{entry.get('name')}.like: no variant {other!r} above it; "
                    f"{suggest(other, variants)}"
                )
            tree["variants"][number] = entry = _laid_over(variants[other], entry)
        variants[str(entry.get("name"))] = entry
    return tree


def _laid_over(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return a variant that takes from `base` what it does not say itself, column by column."""
    merged = {**base, **own}
    if _is_tables(base.get("columns")) and _is_tables(own.get("columns")):
        above = {str(column.get("name")): column for column in base["columns"]}
        named = {str(column.get("name")): column for column in own["columns"]}
        if len(named) == len(own["columns"]):  # else the validation says that two have one name
            merged["columns"] = [
                {**above.get(name, {}), **named.get(name, {})} for name in {**above, **named}
            ]
    return merged


def _is_tables(value: Any) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _place(tree: Any, path: tuple[int | str, ...]) -> Iterator[str]:
    """Yield the keys of a place in a file: `variants`, `deepfashion`, `columns`, `ssim`, …"""
    for part in path:
        if isinstance(part, int) and isinstance(tree, list) and part < len(tree):
            tree = tree[part]
            yield str(tree.get("name", part)) if isinstance(tree, Mapping) else str(part)
        elif isinstance(tree, Mapping) and part in tree:
            tree = tree[part]
            yield str(part)
        elif part == path[-1]:  # the key that is missing; what else is not there names a type
            yield str(part)
