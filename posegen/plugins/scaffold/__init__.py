"""`posegen plugins new`: a package that works, to be made one's own.

The templates beside this file are the files of such a package: those in `common`, and those of the
kind. Names are put in where there is a `$name`, as `string.Template` does it.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from posegen import __version__, core
from posegen.core.errors import ConfigError
from posegen.core.specs import CONTRACTS, Kind
from posegen.core.writing import new_folder
from posegen.plugins.discovery import registry

#: Longest name of a component (`posegen.core.Spec`).
LONGEST = 64
PREFIX = "posegen-"


@dataclass(frozen=True)
class Names:
    """The names of a new package.

    Attributes:
        name: of the component: lower-case words with hyphens.
        distribution: what pip installs: `posegen-` and the name.
        package: what Python imports: the same with underscores.
        cls: the class: the words with capitals, the last one the kind.
    """

    name: str
    distribution: str
    package: str
    cls: str

    @classmethod
    def of(cls, text: str, kind: Kind) -> Names:
        """Make names of a text, such as "My Net" or "posegen-my-net".

        Raises:
            ConfigError: where nothing is left that can be a name, or too much.
        """
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
        name = "-".join(re.findall(r"[a-z0-9]+", plain)).removeprefix(PREFIX)
        if not name:
            raise ConfigError(f"{text!r} has no letters or digits to make a name of.")
        if len(name) > LONGEST:
            raise ConfigError(f"{name!r} has {len(name)} letters, and a name at most {LONGEST}.")
        distribution = PREFIX + name
        words = name.split("-")
        words += [str(kind)] if words[-1] != kind else []
        title = "".join(word.capitalize() for word in words)
        # "pose" and encoder are the PoseEncoder that the new class is made from.
        if hasattr(core, title) or title[0].isdigit():
            title = f"My{title}"
        return cls(name, distribution, distribution.replace("-", "_"), title)


#: kind -> how the component is used.
USE: dict[Kind, str] = {
    Kind.GENERATOR: "posegen train --model patn --generator {name}",
    Kind.DISCRIMINATOR: "posegen train --model patn --set discriminators.shape.name={name}",
    Kind.ENCODER: "posegen train --model patn --set encoder.name={name}",
    Kind.LOSS: "posegen train --model patn --set losses.{name}.name={name}",
    Kind.METRIC: "posegen eval RUN --metrics {name},ssim",
    Kind.DATASET: "posegen train --model patn --data FOLDER",
    Kind.DETECTOR: "posegen pose PICTURES --detector {name} --draw drawn",
    Kind.METHOD: "posegen train --model patn --set method.name={name}",
    Kind.MODEL: "posegen train --model {name}",
    Kind.TRACKER: "posegen train --model patn --set trackers.{name}.name={name}",
}
#: kind -> the folders of templates; of two files of one name the later one is taken.
FOLDERS: dict[Kind, tuple[str, ...]] = {
    **{kind: ("common", str(kind)) for kind in USE},
    Kind.MODEL: ("common", "generator", "model"),
}
SUFFIX = ".tmpl"


@dataclass(frozen=True)
class Made:
    """A package that was written.

    Attributes:
        folder: where it is.
        kind, name: of its component.
        commands: what to type next.
    """

    folder: Path
    kind: Kind
    name: str
    commands: tuple[str, ...]


def scaffold(text: str, kind: Kind, folder: Path | None = None) -> Made:
    """Write a package with one component that works.

    Args:
        text: the component's name, or something to make it of.
        kind: its kind.
        folder: where to write; by default `posegen-NAME` in the current folder.

    Raises:
        ConfigError: for a kind without templates, a name that cannot be used or is taken, or a
            folder that is there; then nothing is written.
    """
    if kind not in USE:
        kinds = ", ".join(sorted(map(str, USE)))
        raise ConfigError(f"--kind {kind}: there is no template for one; there are {kinds}.")
    names = Names.of(text, kind)
    if names.name in registry().names(kind):
        package = registry().get(kind, names.name).record.package
        raise ConfigError(
            f"{names.name!r} is a {kind} of {package} already; choose another name, so that both "
            "can be installed."
        )
    folder = folder or Path(names.distribution)
    if folder.exists():
        raise ConfigError(f"{folder} is there already; name another folder with --out.")
    use = USE[kind].format(name=names.name)
    _write(folder, _files(kind, names, use))
    commands = (
        f"cd {shlex.quote(str(folder))}",
        "pip install -e '.[test]'",
        "pytest",
        f"posegen plugins check {names.distribution}",
        use,
    )
    return Made(folder, kind, names.name, commands)


def _files(kind: Kind, names: Names, use: str) -> dict[str, str]:
    """Return path -> text of the package's files."""
    requirements = [f"posegen>={__version__.rpartition('.')[0]}", "torch>=2.9", "pydantic>=2.12"]
    if kind in (Kind.DATASET, Kind.TRACKER):
        requirements += ["numpy>=1.26", "pillow>=11"]
    words = {
        **vars(names),
        "kind": str(kind),
        "use": use,
        "marker": f"{names.name}.json",
        "contract": str(CONTRACTS[kind]),
        "generator_contract": str(CONTRACTS[Kind.GENERATOR]),
        "dependencies": ", ".join(f'"{requirement}"' for requirement in requirements),
    }
    templates = files("posegen.plugins.scaffold") / "templates"
    found: dict[str, str] = {}
    for place in FOLDERS[kind]:
        for path, text in _walk(templates / place).items():
            found[path.replace("PACKAGE", names.package)] = Template(text).substitute(words)
    return found


def _walk(folder: Traversable, before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in folder.iterdir():
        name = entry.name.removesuffix(SUFFIX)
        name = f".{name.removeprefix('dot-')}" if name.startswith("dot-") else name
        if entry.is_dir():
            found |= _walk(entry, f"{before}{name}/")
        elif entry.name.endswith(SUFFIX):
            found[before + name] = entry.read_text(encoding="utf-8")
    return found


def _write(folder: Path, contents: Mapping[str, str]) -> None:
    """Write all files, or none."""
    with new_folder(folder) as whole:
        for name, text in contents.items():
            path = whole / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
