"""Pulled weights, kept by content. Free of torch.

    $POSEGEN_CACHE, or $XDG_CACHE_HOME/posegen, or ~/.cache/posegen
        weights/
            <digest>/         a shared folder; its name is the digest of what is in it
            <digest>.json     what it is called, and where it was pulled from
            .pull.…           what a pull is at work on

A folder comes to its name by renaming, when it is whole and checked; so whatever has such a name
can be used. The same weights from several places are kept once. The cache is locked while names
are given and folders renamed, and never while anything is fetched.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import BaseModel, Field, ValidationError

from posegen.core.errors import WeightsError, suggest
from posegen.core.writing import workplace, write_json
from posegen.plugins import catalogue
from posegen.plugins.entries import WeightsEntry
from posegen.weights.bundle import content_digest, file_digest
from posegen.weights.description import TENSORS

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
#: Seconds to wait for another process; it may be computing the digest of a large folder.
_PATIENCE = 120

_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return the folder of pulled weights, which may not be there yet."""
    given = os.environ.get("POSEGEN_CACHE")
    base = os.environ.get("XDG_CACHE_HOME")
    root = Path(given) if given else (Path(base) if base else Path.home() / ".cache") / "posegen"
    return root.expanduser() / "weights"


class Pulled(BaseModel):
    """Weights in the cache.

    Attributes:
        digest: of all files, and the folder's name.
        name: what the user calls them; empty where newer weights took the name.
        sources: where they were pulled from -> the sha256 of what was pulled.
    """

    digest: str = Field(default="", exclude=True)
    name: str
    sources: dict[str, str]

    @property
    def folder(self) -> Path:
        """Where they are."""
        return cache_folder() / self.digest

    def is_intact(self) -> bool:
        """Whether they are still what they were, all files together."""
        try:
            return content_digest(self.folder) == self.digest
        except WeightsError:
            return False


def pulled() -> list[Pulled]:
    """Return all weights in the cache, sorted by name; of a damaged record a warning says so."""
    items = []
    for file in cache_folder().glob("*.json"):
        if _DIGEST.fullmatch(file.stem) and file.with_suffix("").is_dir():
            try:
                item = Pulled.model_validate_json(file.read_bytes())
                items.append(item.model_copy(update={"digest": file.stem}))
            except (OSError, ValidationError):
                _log.warning(
                    "%s: damaged, and passed over; pull its weights again, or delete it and the "
                    "folder of that name.",
                    file,
                )
    return sorted(items, key=lambda item: (item.name, item.digest))


def intact(test: Callable[[Pulled], bool]) -> Pulled | None:
    """Return pulled weights that pass a test and are still what they were."""
    return next((item for item in pulled() if test(item) and item.is_intact()), None)


def find(path: str | Path) -> Path:
    """Return the folder (or file) of weights that a user names: `RUN|WEIGHTS`.

    Args:
        path: a run, `RUN@best` for those of its best validation, a folder of weights, a
            `.safetensors` file, or the name of weights that were pulled or came in a package.

    Raises:
        WeightsError: where there is none, or the pulled ones were altered; for weights of the
            catalogue, with the command that pulls them.
    """
    given = Path(path).expanduser()
    run, at, which = str(given).rpartition("@")
    if at and not given.exists() and (Path(run) / "config.toml").is_file():
        best = Path(run) / "best"
        if which != "best" or not best.is_dir():
            raise WeightsError(
                f"{given}: a run has {run}@best and no other, and that after a validation; train "
                "it with `--set validation.every=N`."
            )
        return best
    if not given.exists():
        return _find_named(str(path))
    inner = given / "weights"
    if inner.is_dir():
        return inner
    if (given / "config.toml").is_file():
        raise WeightsError(f"{given}: this run has saved no weights yet; train it further.")
    if not (given.is_file() or given.is_dir()):
        raise WeightsError(f"{given}: a device or a pipe; give a file or a folder.")
    return given


def installed(entry: WeightsEntry) -> Path | None:
    """Return the folder of weights that came in a package; None where it is not installed.

    The package's code is not run: its folder is found as an import would find it.

    Raises:
        WeightsError: where the package has other weights than the catalogue vouches for.
    """
    if entry.package is None:
        return None
    found = find_spec(entry.package.replace("-", "_").replace(".", "_"))
    places = found.submodule_search_locations if found else None
    folders = [Path(place) / entry.name for place in places or ()]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder and file_digest(folder / TENSORS) != entry.sha256:
        raise WeightsError(
            f"{folder}: not the weights {entry.name!r} that the catalogue describes; bring posegen "
            f"and {entry.package} to the same version: `pip install -U posegen {entry.package}`."
        )
    return folder


def default() -> WeightsEntry:
    """Return the weights that are taken where nobody names any: of those that are installed.

    Raises:
        WeightsError: where none are, with what to do.
    """
    entries = catalogue.load().default_weights()
    here = {item.name for item in pulled()}
    for entry in entries:
        if entry.name in here or installed(entry):
            return entry
    packages = [entry.package for entry in entries if entry.package]
    remedy = f", or `pip install {packages[0]}` for some that work at once" if packages else ""
    raise WeightsError(f"no weights are named; give --weights RUN|WEIGHTS{remedy}.")


def _find_named(name: str) -> Path:
    items = {item.name: item for item in pulled() if item.name}
    if name in items:
        item = items[name]
        if not item.is_intact():
            raise WeightsError(
                f"{item.folder}: altered since {name!r} was pulled; pull it again, from one of: "
                f"{', '.join(item.sources)}."
            )
        return item.folder
    known = catalogue.load().weights
    if name in known:
        entry = known[name]
        if folder := installed(entry):
            return folder
        if entry.package:
            raise WeightsError(
                f"{name}: these weights come with the package {entry.package}; "
                f"`pip install {entry.package}`."
            )
        raise WeightsError(
            f"{name}: in the catalogue, and not on this machine yet; `posegen weights pull {name}` "
            f"gets it ({entry.size / 1e6:,.1f} MB)."
        )
    missing = f"{name}: no such run or weights"
    if not NAME.fullmatch(name) or not (known or items):
        raise WeightsError(f"{missing}.")
    near = suggest(name, {*known, *items})
    raise WeightsError(f"{missing}, nor pulled or in the catalogue; {near}")


@contextmanager
def working() -> Iterator[Path]:
    """Yield a new folder in the cache, which is gone at the end."""
    with workplace(cache_folder() / "pull") as folder:
        yield folder


@contextmanager
def _locked() -> Iterator[None]:
    root = cache_folder()
    try:
        with FileLock(root / ".lock", timeout=_PATIENCE):
            yield
    except Timeout:
        raise WeightsError(
            f"{root}: another posegen has been at work there for {_PATIENCE} seconds; wait for it, "
            "or set POSEGEN_CACHE to another folder."
        ) from None


def keep(folder: Path, name: str, sources: Mapping[str, str]) -> Pulled:
    """Give a checked folder a name in the cache; older weights that had the name lose it.

    The folder is inside the one that `working` yielded, and moved; or is in the cache already.
    `sources` are where it was pulled from now, with the sha256 of what was pulled.
    """
    inside = folder.parent == cache_folder()
    digest = folder.name if inside else content_digest(folder)
    item = Pulled(digest=digest, name=name, sources={})
    with _locked():
        if not inside and item.folder.exists() and not item.is_intact():
            shutil.rmtree(item.folder)
        if not item.folder.exists():
            folder.rename(item.folder)
        for other in pulled():
            if other.digest == digest:
                item.sources.update(other.sources)
                continue
            rest = {key: value for key, value in other.sources.items() if key not in sources}
            if other.name == name or rest != other.sources:
                other.name, other.sources = "" if other.name == name else other.name, rest
                _write(other)
        item.sources.update(sources)
        _write(item)
    return item


def _write(item: Pulled) -> None:
    write_json(item.folder.with_suffix(".json"), item.model_dump())
