"""Weights of others, checked: brought into the cache, or looked at where they are."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from posegen.core.errors import ConfigError, UserError, WeightsError, suggest
from posegen.plugins import catalogue
from posegen.weights import hub
from posegen.weights.bundle import MAX_SIZE, copy_shared, file_digest, shared_files, unpack
from posegen.weights.cache import NAME, Pulled, cache_folder, find, intact, keep, working
from posegen.weights.description import (
    CONFIG,
    TENSORS,
    WeightsConfig,
    is_tar,
    read_config,
    read_metadata,
    tensors_of,
)
from posegen.weights.download import Progress, check_address, download, no_progress
from posegen.weights.files import write_description

OFFLINE = "POSEGEN_OFFLINE"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be pulled, from `https://…`, `hf:owner/name[@revision]` or a path.

    `sha256` and `size` are what it has to have: a file, or the `model.safetensors` of a folder or
    repository; None where nobody has said it. More bytes than `max_size` are never taken.
    """

    source: str
    name: str
    sha256: str | None = None
    size: int | None = None
    max_size: int = MAX_SIZE

    @property
    def is_web(self) -> bool:
        """Whether it is an address of the web."""
        return "://" in self.source

    @property
    def is_hub(self) -> bool:
        """Whether it is on the hub."""
        return self.source.startswith(hub.PREFIX)

    def check(self, sha256: str, size: int | None = None) -> None:
        """Raise `WeightsError` where what was pulled is not what it has to be."""
        if self.sha256 not in (None, sha256):
            raise WeightsError(
                f"{self.source}: its sha256 is {sha256}, where {self.sha256} is due."
            )
        if size is not None and self.size not in (None, size):
            raise WeightsError(f"{self.source}: {size:,} bytes, where {self.size:,} are due.")


def request(
    source: str, *, name: str | None = None, sha256: str | None = None, max_size: int = MAX_SIZE
) -> Request:
    """Understand what a user gave as SOURCE; a name of the catalogue stands for its entry.

    Raises:
        ConfigError: where it is nothing that can be pulled.
        WeightsError: where a catalogue's file is missing.
    """
    if sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ConfigError(f"--sha256 {sha256}: 64 digits from 0-9 and a-f.")
    size = None
    plain = "://" not in source and not source.startswith(hub.PREFIX)
    if plain and not Path(source).expanduser().exists():
        known = catalogue.load()
        if source not in known.weights:
            near = suggest(source, known.weights, none="it lists no weights.")
            raise ConfigError(
                f"{source}: neither a file or folder, nor an https:// or hf: address, nor in the "
                f"catalogue; {near}"
            )
        entry = known.weights[source]
        if sha256 not in (None, entry.sha256):
            raise ConfigError(f"--sha256 {sha256}: the catalogue says {entry.sha256}.")
        name, sha256, size = name or source, entry.sha256, entry.size
        if entry.package is not None:
            raise ConfigError(
                f"{source}: not pulled, since it comes with the package {entry.package}; "
                f"`pip install {entry.package}`, then use it by name."
            )
        source = known.place(entry)
        plain = entry.path is not None
        if plain and not Path(source).exists() and _of_sha256(sha256) is None:
            raise WeightsError(
                f"{known.origin['weights', entry.name]}: weights {entry.name!r}: path: {source} "
                "is not there; put it there, or correct the entry."
            )
    if plain:
        source = str(Path(source).expanduser().resolve())
    name = name or _name_of(source)
    check_name(name)
    return Request(source=source, name=name, sha256=sha256, size=size, max_size=max_size)


def check_name(name: str) -> None:
    """Raise `ConfigError` where pulled weights cannot be called that."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"--name {name!r}: a name has lower-case letters, digits, '.', '_' and '-', at most "
            "100, and begins with a letter or digit."
        )


def _name_of(source: str) -> str:
    """Make a name of the last part of an address."""
    if source.startswith(hub.PREFIX):
        last = hub.parse(source)[0].rsplit("/", 1)[1]
    else:
        path = Path(urlsplit(source).path if "://" in source else source)
        # What every run calls them says nothing; the folder above does.
        last = path.parent.name if path.name in ("weights", TENSORS) else path.name
    plain = re.sub(r"\.(tar|safetensors)$", "", last.lower())
    plain = re.sub(r"[^a-z0-9._-]+", "-", plain).strip("-._")[:100]
    if not NAME.fullmatch(plain):
        raise ConfigError(f"{source}: say with --name what these weights are to be called.")
    return plain


def pull(wanted: Request, *, offline: bool = False, on_progress: Progress = no_progress) -> Pulled:
    """Bring weights into the cache, checked, under their name.

    What the cache has already of that digest, or of that commit, is not fetched again. `offline`
    is without the network; `POSEGEN_OFFLINE` says the same.

    Raises:
        ConfigError, WeightsError: where they cannot be had, or are not what they should be; then
            nothing is in the cache that was not there before.
    """
    if wanted.is_web:
        check_address(wanted.source)  # offline or not, it is never fetched
    remote = wanted.is_web or wanted.is_hub
    offline = remote and (offline or os.environ.get(OFFLINE, "") not in ("", "0"))
    item = _of_source(wanted.source) if offline else None
    if wanted.sha256 is not None:
        item = _of_sha256(wanted.sha256)
    if item is not None:
        return keep(item.folder, wanted.name, {})
    if offline:
        raise WeightsError(
            f"{wanted.source}: not in {cache_folder()}, and without the network (--offline, or "
            f"{OFFLINE}) it cannot be had."
        )
    if wanted.is_hub:
        return _from_hub(wanted, on_progress)
    with working() as folder:
        path = folder / "download" if wanted.is_web else find(wanted.source)
        if wanted.is_web:
            download(wanted.source, path, wanted.max_size, wanted.size, on_progress)
        return _from_path(wanted, path, folder / "bundle")


def _of_sha256(sha256: str) -> Pulled | None:
    return intact(lambda item: sha256 in item.sources.values())


def _of_source(source: str) -> Pulled | None:
    return intact(lambda item: source in item.sources)


def _from_hub(wanted: Request, on_progress: Progress) -> Pulled:
    commit, files = hub.listing(wanted.source, wanted.max_size)
    item = _of_source(commit)
    if item is not None:
        sha256 = item.sources[commit]
        wanted.check(sha256)
        return keep(item.folder, wanted.name, {wanted.source: sha256})
    with working() as folder:
        hub.fetch(commit, files, folder / "bundle", on_progress)
        return _kept(folder / "bundle", wanted, commit)


def _from_path(wanted: Request, path: Path, bundle: Path) -> Pulled:
    """Take a folder, or a tar or `.safetensors` file, by way of a new folder in the cache."""
    bundle.mkdir()
    if path.is_dir():
        copy_shared(path, bundle)
        return _kept(bundle, wanted)
    sha256 = file_digest(path)
    wanted.check(sha256, path.stat().st_size)
    with _named(wanted.source, path):
        if is_tar(path):
            unpack(path, bundle, wanted.max_size)
        else:
            read_config(path)  # says what to do where there is no description
            shutil.copyfile(path, bundle / TENSORS)
            write_description(bundle / CONFIG, read_metadata(path))
    return _kept(bundle, wanted, sha256=sha256)


def _kept(bundle: Path, wanted: Request, *also: str, sha256: str | None = None) -> Pulled:
    """Check a whole folder, and give it to the cache; `sha256` is of the file that it came in."""
    from posegen.weights.folder import open_weights  # imports torch

    with _named(wanted.source, bundle):
        shared_files(bundle)
        read_config(bundle / TENSORS)  # the digest of the tensors vouches for their description
        if sha256 is None:
            sha256 = file_digest(bundle / TENSORS)
            wanted.check(sha256, (bundle / TENSORS).stat().st_size)
        open_weights(bundle)
    return keep(bundle, wanted.name, dict.fromkeys((wanted.source, *also), sha256))


def verify(path: str | Path, sha256: str | None = None) -> tuple[WeightsConfig, str, list[str]]:
    """Check weights, or a `.tar` of them, as `pull` does, and that they fit the network here.

    Returns:
        The description, the sha256 (of the tar or `.safetensors` file, or of the folder's
        `model.safetensors`), and the names of the files that are shared.

    Raises:
        WeightsError, ConfigError, PluginError: naming the first thing that is wrong.
    """
    from posegen.weights.networks import rebuild  # imports torch

    place = find(path)
    names = shared_files(place) if place.is_dir() else [TENSORS]
    file = tensors_of(place)
    digest = file_digest(file)
    if sha256 not in (None, digest):
        raise WeightsError(f"{file}: its sha256 is {digest}, where {sha256} is due.")
    if place.is_dir() or not is_tar(place):
        return rebuild(place)[0], digest, names
    with tempfile.TemporaryDirectory() as folder, _named(str(place), Path(folder)):
        unpack(place, Path(folder))
        return rebuild(Path(folder))[0], digest, shared_files(Path(folder))


@contextmanager
def _named(source: str, path: Path) -> Iterator[None]:
    """Name the source in errors, in place of where it is being worked on."""
    try:
        yield
    except UserError as error:
        raise type(error)(str(error).replace(str(path), source)) from error
