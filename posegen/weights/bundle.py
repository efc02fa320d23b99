"""What a shared folder of weights may hold, and one tar file of it. Free of torch.

    model.safetensors   the tensors
    config.json         the description
    README.md           the model card
    scores.json         what `posegen eval` found
    LICENSE             the licence's text
    pictures/*.png      for the card

Nothing else is taken from anywhere, whatever is beside it: a name that is not in this list is
never made into a path.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from posegen.core.errors import WeightsError
from posegen.core.writing import replacing
from posegen.weights.description import CONFIG, TENSORS

CARD, SCORES, LICENCE, PICTURES = "README.md", "scores.json", "LICENSE", "pictures"

#: Bytes of the tensors, where `--max-size` does not say otherwise.
MAX_SIZE = 4 * 10**9
_LIMITS = {CONFIG: 2**20, CARD: 2**20, LICENCE: 2**20, SCORES: 16 * 2**20}
_PICTURE = re.compile(rf"{PICTURES}/[A-Za-z0-9][\w.-]{{0,99}}\.png", re.ASCII)
_PICTURE_LIMIT = 16 * 2**20
_PICTURE_COUNT = 32
_PNG = b"\x89PNG\r\n\x1a\n"
_CHUNK = 2**20


def size_limit(name: str, max_size: int = MAX_SIZE) -> int | None:
    """Return how many bytes a shared file of this name may have; None where it is not shared."""
    if name == TENSORS:
        return max_size
    return _PICTURE_LIMIT if _PICTURE.fullmatch(name) else _LIMITS.get(name)


def is_safe(name: str) -> bool:
    """Return whether a name stays below the folder that it is in, on every system."""
    parts = re.split(r"[/\\]", name)
    return name.isprintable() and ":" not in name and not {"", ".", ".."} & {*parts}


def shared_files(folder: Path) -> list[str]:
    """Return the sorted names of the files in a folder that are shared.

    Raises:
        WeightsError: for a link, a device, or a file that is too large or no picture, and where
            there are no tensors or no description.
    """
    names = [TENSORS, CONFIG, CARD, SCORES, LICENCE]
    pictures = folder / PICTURES
    if pictures.is_symlink():
        raise WeightsError(f"{pictures}: a link; a shared folder holds the pictures themselves.")
    if pictures.is_dir():
        names += [f"{PICTURES}/{entry}" for entry in os.listdir(pictures)]
    shared = [name for name in names if size_limit(name) and os.path.lexists(folder / name)]
    for name in shared:
        _check_file(folder, name)
    for name in (TENSORS, CONFIG):
        if name not in shared:
            raise WeightsError(f"{folder}: no {name} in it, so not a folder of weights.")
    if sum(name.startswith(PICTURES) for name in shared) > _PICTURE_COUNT:
        raise WeightsError(f"{pictures}: more than {_PICTURE_COUNT} pictures.")
    return sorted(shared)


def _check_file(folder: Path, name: str) -> None:
    path = folder / name
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        kind = "a link" if stat.S_ISLNK(status.st_mode) else "no regular file"
        raise WeightsError(f"{path}: {kind}; a shared folder holds the files themselves.")
    limit = size_limit(name) or 0
    if name != TENSORS and status.st_size > limit:
        raise WeightsError(f"{path}: {status.st_size:,} bytes, and at most {limit:,} are taken.")
    if name.startswith(PICTURES):
        with path.open("rb") as file:
            if file.read(len(_PNG)) != _PNG:
                raise WeightsError(f"{path}: no PNG picture.")


def file_digest(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_digest(folder: Path) -> str:
    """Return the sha256 of all shared files: of the lines `sha256  name`, sorted by name."""
    lines = [f"{file_digest(folder / name)}  {name}\n" for name in shared_files(folder)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def copy_shared(folder: Path, to: Path) -> None:
    """Copy the shared files of a folder into a new one; see `shared_files` for errors."""
    for name in shared_files(folder):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, to / name)


def pack(folder: Path, tar: Path) -> None:
    """Write the shared files of a folder to one tar file; the same files give the same bytes."""
    with (
        replacing(tar) as temporary,
        tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as to,
    ):
        for name in shared_files(folder):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = (folder / name).stat().st_size, 0o644
            with (folder / name).open("rb") as file:
                to.addfile(entry, file)


def unpack(tar: Path, to: Path, max_size: int = MAX_SIZE) -> None:
    """Unpack a tar file as `pack` writes it into a new folder.

    Each 512-byte header is parsed alone, so that nothing in the archive is ever followed; whatever
    is not a plain file of a shared file's name is a WeightsError.
    """
    seen: set[str] = set()
    with tar.open("rb") as file:
        for entry in _entries(file, tar):
            _check_entry(entry, tar, max_size)
            if entry.name in seen:
                raise WeightsError(f"{tar}: {entry.name!r} is there twice.")
            seen.add(entry.name)
            if len(seen) > _PICTURE_COUNT + len(_LIMITS) + 1:
                raise WeightsError(f"{tar}: too many files.")
            (to / entry.name).parent.mkdir(parents=True, exist_ok=True)
            with (to / entry.name).open("xb") as copy:
                for start in range(0, entry.size, _CHUNK):
                    copy.write(file.read(min(_CHUNK, entry.size - start)))
                if copy.tell() != entry.size:
                    raise WeightsError(f"{tar}: cut off within {entry.name!r}.")
            file.seek(-entry.size % tarfile.BLOCKSIZE, io.SEEK_CUR)


def _check_entry(entry: tarfile.TarInfo, tar: Path, max_size: int) -> None:
    name = entry.name
    if entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise WeightsError(f"{tar}: {name!r} is no plain file (a link, a device, …).")
    limit = size_limit(name, max_size)
    if limit is None:
        kind = "no file of a shared folder" if is_safe(name) else "no safe name"
        raise WeightsError(f"{tar}: {name!r} is {kind}; `posegen weights push` makes tars.")
    if not 0 <= entry.size <= limit:
        raise WeightsError(
            f"{tar}: {name!r} has {entry.size:,} bytes, and at most {limit:,} are taken."
        )


def _entries(file: BinaryIO, tar: Path) -> Iterator[tarfile.TarInfo]:
    """Yield the headers of an archive, up to the empty block at its end."""
    while True:
        try:
            yield tarfile.TarInfo.frombuf(file.read(tarfile.BLOCKSIZE), "utf-8", "strict")
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            return
        except (tarfile.HeaderError, ValueError) as error:
            raise WeightsError(
                f"{tar}: damaged, cut off, compressed, or no tar file ({error})."
            ) from None
