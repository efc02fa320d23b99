"""Weights from elsewhere into the cache: https, the hub, a file or folder, the catalogue."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from posegen.core.errors import ConfigError, UserError, WeightsError, suggest
from posegen.plugins import catalogue
from posegen.weights import hub
from posegen.weights.bundle import (
    MAX_SIZE,
    copy_shared,
    file_digest,
    shared_files,
    unpack,
)
from posegen.weights.cache import (
    NAME,
    Pulled,
    cache_folder,
    call,
    check_name,
    find,
    from_source,
    is_intact,
    keep,
    of_digest,
    working,
)
from posegen.weights.description import CONFIG, TENSORS, is_tar, read_config, read_metadata
from posegen.weights.download import OFFLINE, Progress, Wanted, check_address, download
from posegen.weights.files import write_description


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be pulled.

    Attributes:
        source: `https://…`, `hf:owner/name[@revision]`, or a path.
        name: what it is to be called here.
        sha256: what it has to be: of a file, or of the `model.safetensors` of a folder or
            repository; None where nobody has said it.
        size: bytes of the same.
        max_size: more bytes than this are never taken.
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
        source = known.place(entry)
        plain = entry.path is not None
        if plain and not Path(source).exists() and not _is_here(entry.sha256):
            raise WeightsError(
                f"{known.origin['weights', entry.name]}: weights {entry.name!r}: path: {source} "
                "is not there; put it there, or correct the entry."
            )
    if plain:
        source = str(Path(source).expanduser().resolve())
    name = name or _name_of(source)
    check_name(name)
    return Request(source=source, name=name, sha256=sha256, size=size, max_size=max_size)


def _is_here(sha256: str) -> bool:
    item = of_digest(sha256)
    return item is not None and is_intact(item)


def _name_of(source: str) -> str:
    """Make a name of the last part of an address."""
    if source.startswith(hub.PREFIX):
        last = hub.place(source).repository.rsplit("/", 1)[1]
    else:
        path = Path(urlsplit(source).path if "://" in source else source)
        # What every run calls them says nothing; the folder above does.
        last = path.parent.name if path.name in ("weights", TENSORS) else path.name
    plain = re.sub(r"\.(tar|safetensors)$", "", last.lower())
    plain = re.sub(r"[^a-z0-9._-]+", "-", plain).strip("-._")[:100]
    if not NAME.fullmatch(plain):
        raise ConfigError(f"{source}: say with --name what these weights are to be called.")
    return plain


def pull(
    wanted: Request, *, offline: bool = False, on_progress: Progress = lambda done, total: None
) -> Pulled:
    """Bring weights into the cache, checked, under their name.

    What the cache has already of that digest, or of that commit, is not fetched again.

    Raises:
        ConfigError, WeightsError: where they cannot be had, or are not what they should be; then
            nothing is in the cache that was not there before, but for the beginning of a download
            that can be continued.
    """
    item = of_digest(wanted.sha256) if wanted.sha256 else None
    if item is None or not is_intact(item):
        if wanted.is_web:
            check_address(wanted.source)  # offline or not, it is never fetched
        remote = wanted.is_web or wanted.is_hub
        item = _cached(wanted) if offline and remote else _fetched(wanted, on_progress)
    return call(item, wanted.name)


def _cached(wanted: Request) -> Pulled:
    """Return what was pulled from there before."""
    item = from_source(wanted.source) if wanted.sha256 is None else None
    if item is None or not is_intact(item):
        raise WeightsError(
            f"{wanted.source}: not in {cache_folder()}, and without the network (--offline, or "
            f"{OFFLINE}) it cannot be had."
        )
    return item


def _fetched(wanted: Request, on_progress: Progress) -> Pulled:
    with working() as folder:
        bundle = folder / "bundle"
        bundle.mkdir()
        if wanted.is_hub:
            return _from_hub(wanted, bundle, on_progress)
        if wanted.is_web:
            order = Wanted(
                url=wanted.source, size=wanted.size, sha256=wanted.sha256, max_size=wanted.max_size
            )
            file = download(order, _partial(), on_progress).rename(folder / "download")
            return _from_file(file, wanted, bundle)
        path = find(wanted.source)
        if path.is_file():
            return _from_file(path, wanted, bundle)
        copy_shared(path, bundle)
        return _keep(bundle, wanted, wanted.source)


def _partial() -> Path:
    return cache_folder() / "partial"


def _from_file(file: Path, wanted: Request, bundle: Path) -> Pulled:
    """Take a tar, or tensors whose header has the description."""
    found = file_digest(file)
    _check_known(wanted, found, file.stat().st_size)
    with _told_as(wanted.source, file):
        if is_tar(file):
            unpack(file, bundle, wanted.max_size)
        else:
            tree = read_metadata(file)
            read_config(file)  # says what to do where there is no description
            shutil.copyfile(file, bundle / TENSORS)
            write_description(bundle / CONFIG, tree)
    return _keep(bundle, wanted, wanted.source, found)


def _from_hub(wanted: Request, bundle: Path, on_progress: Progress) -> Pulled:
    commit, files = hub.listing(hub.place(wanted.source), wanted.max_size)
    item = from_source(str(commit))
    if item is None or not is_intact(item):
        for name, file in sorted(files.items()):
            if name == TENSORS and wanted.sha256 is not None:
                file = replace(file, sha256=wanted.sha256, size=wanted.size or file.size)
            to = bundle / name
            to.parent.mkdir(exist_ok=True)
            download(file, _partial(), on_progress).rename(to)
        item = _keep(bundle, wanted, str(commit))
    sha256 = item.sources[str(commit)]
    if wanted.sha256 not in (None, sha256):
        raise _mismatch(wanted, sha256)
    return keep(item.folder, wanted.source, sha256)


def _keep(bundle: Path, wanted: Request, source: str, sha256: str | None = None) -> Pulled:
    """Check a whole folder, and give it to the cache."""
    with _told_as(wanted.source, bundle):
        shared_files(bundle)
        read_config(bundle / TENSORS)  # the digest of the tensors vouches for their description
        if sha256 is None:
            sha256 = file_digest(bundle / TENSORS)
            _check_known(wanted, sha256, (bundle / TENSORS).stat().st_size)
        from posegen.weights.folder import open_weights  # imports torch

        open_weights(bundle)
    return keep(bundle, source, sha256)


def _check_known(wanted: Request, sha256: str, size: int) -> None:
    if wanted.sha256 not in (None, sha256):
        raise _mismatch(wanted, sha256)
    if wanted.size not in (None, size):
        raise WeightsError(f"{wanted.source}: {size:,} bytes, where {wanted.size:,} are due.")


def _mismatch(wanted: Request, sha256: str) -> WeightsError:
    return WeightsError(f"{wanted.source}: its sha256 is {sha256}, where {wanted.sha256} is due.")


@contextmanager
def _told_as(source: str, path: Path) -> Iterator[None]:
    """Name the source in errors, in place of where it is being worked on."""
    try:
        yield
    except UserError as error:
        raise type(error)(str(error).replace(str(path), source)) from error
