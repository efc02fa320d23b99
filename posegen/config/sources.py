"""Trees of configuration: read from TOML, made from `--set`, laid over one another."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from posegen.core.errors import ConfigError
from posegen.core.texts import parse_toml, read_text

Tree = dict[str, Any]

#: Section -> what stays of it when its component changes: it means the same in every one.
_KEPT = {
    "data": ("image_size",),
    "losses": ("weight",),
    "optimizer": ("lr", "scale", "networks"),
    "schedule": ("warmup",),
}


def read_toml(path: Path) -> Tree:
    """Read a configuration file.

    Raises:
        ConfigError: naming the file, and the line where the text is wrong.
    """
    try:
        return parse_toml(read_text(path))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file.") from None
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path}: not a readable TOML file: {error}.") from None


#: Parts of a key, far more than any has.
_DEEPEST = 20


def parse_override(text: str, option: str = "--set") -> Tree:
    """Turn `a.b=value` into a tree.

    The value is read as TOML (numbers, true, [lists], "texts"); what is not TOML is taken as a
    text, and `none` as "no value": it removes a section (`discriminators.shape=none`) and empties
    an option.

    Raises:
        ConfigError: where there is no `=` or no key.
    """
    key, equals, value = text.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise ConfigError(f"{option} {text}: write it as key.subkey=value.")
    if len(parts) > _DEEPEST:
        raise ConfigError(f"{option} {text}: a key has at most {_DEEPEST} parts.")
    tree: Any = parse_value(value.strip())
    for part in reversed(parts):
        tree = {part: tree}
    return tree  # type: ignore[no-any-return]


def parse_value(text: str) -> Any:
    """Read one value as `parse_override` does."""
    if text.lower() in ("none", "null"):
        return None
    try:
        return parse_toml(f"value = {text}")["value"]
    except ValueError:
        return text


def merge(base: Mapping[str, Any], over: Mapping[str, Any], section: str = "") -> Tree:
    """Lay one tree over another.

    A section whose `name` changes loses the options of the old component (they would mean nothing
    to the new one), except what means the same in every component (`image_size`, `lr`…). None
    removes a section and empties an option.

    Args:
        base, over: the lower and the upper tree.
        section: the top-level section that they are in, where they are parts of trees.
    """
    result = dict(copy.deepcopy(dict(base)))
    for key, value in over.items():
        old = result.get(key)
        # TOML has no null: `perceptual = "none"` removes a section there as `--set` does.
        if isinstance(old, Mapping) and (value is None or value in ("none", "null")):
            del result[key]
        elif isinstance(value, Mapping) and isinstance(old, Mapping):
            if "name" in value and "name" in old and value["name"] != old["name"]:
                old = {k: v for k, v in old.items() if k in _KEPT.get(section or key, ())}
            result[key] = merge(old, value, section or key)
        else:
            result[key] = merge({}, value) if isinstance(value, Mapping) else copy.deepcopy(value)
    return result


def merge_all(trees: Iterable[Mapping[str, Any]]) -> Tree:
    """Lay trees over one another, the last on top."""
    result: Tree = {}
    for tree in trees:
        result = merge(result, tree)
    return result
