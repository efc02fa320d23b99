"""The catalogue `registry.toml`: plugin packages and shared weights that somebody vouches for.

Three sources, and a later one replaces entries of an earlier one: the file that comes with posegen,
the user's `~/.config/posegen/registry.toml`, and the files in `POSEGEN_REGISTRY` (separated like
`PATH`). Free of torch. Nothing in a catalogue is ever run or installed by itself.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from posegen.core.errors import ConfigError, suggest
from posegen.core.texts import parse_toml, read_text
from posegen.plugins.build import fields_at, reason
from posegen.plugins.entries import CatalogueFile, PluginEntry, WeightsEntry

VARIABLE = "POSEGEN_REGISTRY"


@dataclass
class Catalogue:
    """All files together.

    Attributes:
        plugins, weights: name -> entry.
        origin: (`"plugin"` or `"weights"`, name) -> the file that the entry is from.
        clashes: which entries replaced others.
    """

    plugins: dict[str, PluginEntry] = field(default_factory=dict)
    weights: dict[str, WeightsEntry] = field(default_factory=dict)
    origin: dict[tuple[str, str], Path] = field(default_factory=dict)
    clashes: list[str] = field(default_factory=list)

    def add(self, content: CatalogueFile, file: Path) -> None:
        """Add a file's entries; those of the same name are replaced, and that is noted."""
        for table in ("plugin", "weights"):
            known = self.plugins if table == "plugin" else self.weights
            for entry in getattr(content, table):
                if entry.name in known and known[entry.name] != entry:
                    old = self.origin[table, entry.name]
                    self.clashes.append(f"{table} {entry.name!r} of {old} is replaced by {file}.")
                known[entry.name] = entry
                self.origin[table, entry.name] = file

    def plugin(self, name: str) -> PluginEntry:
        """Return a plugin's entry.

        Raises:
            ConfigError: where there is none, with the nearest names.
        """
        if name not in self.plugins:
            near = suggest(name, self.plugins, none="it lists none.")
            raise ConfigError(f"no plugin {name!r} in the catalogue; {near}")
        return self.plugins[name]

    def default_weights(self) -> list[WeightsEntry]:
        """Return what is taken where nobody names weights: the entry of the latest file first."""
        return [entry for entry in reversed(self.weights.values()) if entry.default]

    def search(self, word: str) -> list[PluginEntry]:
        """Return the plugins that have a word in their name, summary, kinds or components."""
        return [entry for entry in self.plugins.values() if word.lower() in _text(entry)]

    def place(self, entry: WeightsEntry) -> str:
        """Return where weights are, as `posegen weights pull` takes it; of a package, its name."""
        if entry.package is not None:
            return entry.package
        if entry.hub is not None:
            return f"hf:{entry.hub}@{entry.revision}"
        if entry.path is not None:
            return str(self.origin["weights", entry.name].parent / entry.path)
        return str(entry.url)


def _text(entry: PluginEntry) -> str:
    names = [name for names in entry.components.values() for name in names]
    return " ".join([entry.name, entry.summary, *entry.kinds, *names]).lower()


def shipped() -> Path:
    """Return the file that comes with posegen: in the wheel, or beside the package in a clone."""
    package = Path(__file__).parents[1]
    inside = package / "registry.toml"
    return inside if inside.is_file() else package.parent / "registry.toml"


def files() -> list[Path]:
    """Return the files that are in effect, those that replace others last."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    own = home / "posegen" / "registry.toml"
    given = [Path(text).expanduser() for text in os.environ.get(VARIABLE, "").split(os.pathsep)]
    return [shipped(), *([own] if own.is_file() else []), *(p for p in given if p != Path())]


def load() -> Catalogue:
    """Read all files that are in effect.

    Raises:
        ConfigError: naming the file, the entry and the key that is wrong.
    """
    catalogue = Catalogue()
    for file in files():
        catalogue.add(read(file), file)
    return catalogue


def read(file: Path, *, strict: bool = False) -> CatalogueFile:
    """Read one file.

    Args:
        file: the TOML file.
        strict: also refuse keys that are not known, as `posegen registry validate` does.

    Raises:
        ConfigError: naming the file, the entry and the key that is wrong.
    """
    try:
        tree = parse_toml(read_text(file))
    except FileNotFoundError:
        raise ConfigError(f"{file}: no such catalogue.") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: not readable as TOML ({error}).") from None
    try:
        content = CatalogueFile.model_validate(tree, extra="forbid" if strict else "ignore")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        problem = f"{reason(first)}."
        if first["type"] == "extra_forbidden":
            *above, key = first["loc"]
            problem = f"no such key; {suggest(str(key), fields_at(CatalogueFile, above))}"
        raise ConfigError(f"{file}: {_where(tree, first['loc'])}: {problem}") from None
    for table, entries in (("plugin", content.plugin), ("weights", content.weights)):
        names = [entry.name for entry in entries]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ConfigError(f"{file}: {table} {min(twice)!r}: name: it is there twice.")
    return content


def _where(tree: dict[str, Any], path: tuple[int | str, ...]) -> str:
    """Say which entry and key a place in the tree is: `weights 'x': size`."""
    if len(path) < 2 or not isinstance(path[1], int):
        return ".".join(map(str, path))
    entry = tree[str(path[0])][path[1]]
    name = entry.get("name") if isinstance(entry, dict) else None
    title = repr(name) if isinstance(name, str) else f"number {path[1] + 1}"
    key = ".".join(str(part) for part in path[2:])
    return f"{path[0]} {title}" + (f": {key}" if key else "")
