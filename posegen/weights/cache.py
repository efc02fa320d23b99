"""Pulled weights, kept by content. Free of torch.

    $POSEGEN_CACHE, or $XDG_CACHE_HOME/posegen, or ~/.cache/posegen
        weights/
            <digest>/         a shared folder; its name is the digest of what is in it
            <digest>.json     what it is called, and where it was pulled from
            partial/          downloads that were cut off
            .new-…/           what a pull is at work on

A folder comes to its name by renaming, when it is whole and checked; so whatever has such a name
can be used. The same weights from several places are kept once.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from posegen.core.errors import ConfigError, WeightsError, suggest
from posegen.plugins import catalogue
from posegen.weights.bundle import content_digest
from posegen.weights.files import write_json

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def cache_folder() -> Path:
    """Return the folder of pulled weights, which may not be there yet."""
    given = os.environ.get("POSEGEN_CACHE")
    base = os.environ.get("XDG_CACHE_HOME")
    root = Path(given) if given else (Path(base) if base else Path.home() / ".cache") / "posegen"
    return root.expanduser() / "weights"


@dataclass(frozen=True)
class Pulled:
    """Weights in the cache.

    Attributes:
        digest: of all files, and the folder's name.
        name: what the user calls them; empty where newer weights took the name.
        sources: where they were pulled from -> the sha256 of what was pulled.
    """

    digest: str
    name: str
    sources: dict[str, str]

    @property
    def folder(self) -> Path:
        """Where they are."""
        return cache_folder() / self.digest


def pulled() -> list[Pulled]:
    """Return all weights in the cache, sorted by name."""
    found = []
    for file in cache_folder().glob("*.json"):
        if _DIGEST.fullmatch(file.stem) and (cache_folder() / file.stem).is_dir():
            found.append(_record(file))
    return sorted(found, key=lambda item: (item.name, item.digest))


def _record(file: Path) -> Pulled:
    try:
        told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        sources = {str(key): str(value) for key, value in told["sources"].items()}
        return Pulled(file.stem, str(told["name"]), sources)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{file}: damaged ({type(error).__name__}: {error}); delete it and the folder of that "
            "name, and pull again."
        ) from None


def named(name: str) -> Pulled | None:
    """Return the pulled weights of a name."""
    return next((item for item in pulled() if item.name == name), None)


def from_source(source: str) -> Pulled | None:
    """Return what was pulled last from a source."""
    return next((item for item in pulled() if source in item.sources), None)


def of_digest(sha256: str) -> Pulled | None:
    """Return what was pulled as a file of this digest."""
    return next((item for item in pulled() if sha256 in item.sources.values()), None)


def is_intact(item: Pulled) -> bool:
    """Whether pulled weights are still what they were, all files together."""
    try:
        return content_digest(item.folder) == item.digest
    except WeightsError:
        return False


def find(path: str | Path) -> Path:
    """Return the folder (or file) of weights that a user names: `RUN|WEIGHTS`.

    Args:
        path: a run, a folder of weights, a `.safetensors` file, or the name of pulled weights.

    Raises:
        WeightsError: where there is none, or the pulled ones were altered; for weights of the
            catalogue, with the command that pulls them.
    """
    given = Path(path).expanduser()
    if not given.exists():
        return _find_named(str(path))
    inner = given / "weights"
    if inner.is_dir():
        return inner
    if (given / "config.toml").is_file():
        raise WeightsError(f"{given}: this run has saved no weights yet; train it further.")
    return given


def _find_named(name: str) -> Path:
    if not NAME.fullmatch(name):
        raise WeightsError(f"{name}: no such run or weights.")
    if (item := named(name)) is not None:
        if not is_intact(item):
            raise WeightsError(
                f"{item.folder}: altered since {name!r} was pulled; pull it again, from one of: "
                f"{', '.join(item.sources)}."
            )
        return item.folder
    known = catalogue.load().weights
    if name in known:
        raise WeightsError(
            f"{name}: in the catalogue, and not on this machine yet; `posegen weights pull {name}` "
            f"gets it ({known[name].size / 1e6:,.1f} MB)."
        )
    names = {*known, *(item.name for item in pulled() if item.name)}
    if not names:
        raise WeightsError(f"{name}: no such run or weights.")
    raise WeightsError(
        f"{name}: no such run or weights, nor pulled or in the catalogue; {suggest(name, names)}"
    )


@contextmanager
def working() -> Iterator[Path]:
    """Lock the cache and yield a new folder in it, which is gone at the end.

    Raises:
        WeightsError: where another process is pulling.
    """
    root = cache_folder()
    root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise WeightsError(
            f"{root}: another posegen is pulling; wait for it, or set POSEGEN_CACHE to another "
            "folder."
        ) from None
    try:
        for left in root.glob(".new-*"):  # of a process that was killed
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=root) as folder:
            yield Path(folder)
    finally:
        lock.release()


def keep(folder: Path, source: str, sha256: str) -> Pulled:
    """Move a checked folder into the cache, under its digest.

    Args:
        folder: inside the folder that `working` yielded.
        source: where it was pulled from.
        sha256: of what was pulled.
    """
    digest = content_digest(folder)
    item = next((item for item in pulled() if item.digest == digest), Pulled(digest, "", {}))
    if item.folder.exists() and not is_intact(item):
        shutil.rmtree(item.folder)
    if not item.folder.exists():
        folder.rename(item.folder)
    for other in pulled():
        if other.digest != digest and source in other.sources:
            _write(replace(other, sources={k: v for k, v in other.sources.items() if k != source}))
    item = replace(item, sources={**item.sources, source: sha256})
    _write(item)
    return item


def call(item: Pulled, name: str) -> Pulled:
    """Give pulled weights a name; others that had it lose it.

    Raises:
        ConfigError: where it is no name.
    """
    check_name(name)
    for other in pulled():
        if other.name == name and other.digest != item.digest:
            _write(replace(other, name=""))
    item = replace(item, name=name)
    _write(item)
    return item


def check_name(name: str) -> None:
    """Check a name for pulled weights.

    Raises:
        ConfigError: where it is none.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"--name {name!r}: a name has lower-case letters, digits, '.', '_' and '-', at most "
            "100, and begins with a letter or digit."
        )


def _write(item: Pulled) -> None:
    told = {"name": item.name, "sources": item.sources}
    write_json(cache_folder() / f"{item.digest}.json", told)
