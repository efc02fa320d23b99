"""The one way to write: under a temporary name, renamed when whole.

What is at work lies in a hidden folder beside its destination:

    .NAME.0123abcd.posegen-part/

Its process holds a lock on it, which the system lets go with the process, however that ends. So the
next process that writes beside it knows whether somebody is still at work there, and clears what is
left of a killed one.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from posegen.core.files import HOLDER, LOCK

try:
    import fcntl
except ImportError:  # not on Windows, where what is left of a killed process is not cleared
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from PIL.Image import Image

#: How the names of what is at work end.
PART = ".posegen-part"

#: Folders that this process has cleared already: one look at each is enough.
_cleared: set[Path] = set()


@contextmanager
def workplace(path: Path) -> Iterator[Path]:
    """Yield a new hidden folder beside `path`, on the same disk; it is gone at the end.

    What is to stay is moved out of it, see `replacing` and `new_folder`. The parent is made.
    """
    parent = Path(os.path.abspath(path)).parent  # `.` has no sibling
    parent.mkdir(parents=True, exist_ok=True)
    if parent not in _cleared:
        clear_parts(parent)
        _cleared.add(parent)
    short = os.fsdecode(os.fsencode(path.name)[:100])  # systems allow 255 bytes
    while True:
        place = parent / f".{short}.{secrets.token_hex(4)}{PART}"
        place.mkdir()
        held = _hold(place, wait=True)
        if place.exists():  # else another cleared it before it could be held
            break
        if held is not None:
            os.close(held)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if held is not None:
            os.close(held)


def clear_parts(folder: Path, below: bool = False) -> None:
    """Delete what killed processes have left in a folder, or anywhere below it as well."""
    for place in list(folder.rglob(f".*{PART}") if below else folder.glob(f".*{PART}")):
        held = _hold(place)
        if held is not None:
            shutil.rmtree(place, ignore_errors=True)
            os.close(held)


def is_part(path: Path) -> bool:
    """Whether a path is that of something at work, or of what a killed process left."""
    return path.name.startswith(".") and path.name.endswith(PART)


def occupied(path: Path, *, by_work: bool = True) -> bool:
    """Whether there is something at a path, be it a file; an empty folder is nothing.

    Args:
        path: may be missing.
        by_work: count locks, and what is at work or was left by a killed process; false: only the
            rest.
    """
    if not path.is_dir():
        return path.exists()
    return any(by_work or not (is_part(p) or p.name in (LOCK, HOLDER)) for p in path.iterdir())


def _hold(place: Path, wait: bool = False) -> int | None:
    """Lock a folder; None where it cannot be, is none (any more), or, without `wait`, is held."""
    if fcntl is None:
        return None
    with suppress(OSError):
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            os.close(descriptor)
        else:
            return descriptor
    return None


def check_writable(path: Path, folder: bool = False) -> None:
    """Find out before hours of work whether a file (or the files of a folder) can be written.

    Nothing is made: a file without a name is tried in the nearest folder that is there.

    Raises:
        OSError: saying why not.
    """
    if folder and path.exists() and not path.is_dir():
        raise OSError(errno.ENOTDIR, "not a folder", os.fspath(path))
    if not folder:
        _check_kind(path)
    place = path if folder else path.parent
    place = next(p for p in (place, *place.parents) if p.exists())
    with naming(place), tempfile.TemporaryFile(dir=place) as file:
        file.write(bytes(4096))


def _check_kind(path: Path) -> None:
    if path.exists() and not path.is_file():
        folder = path.is_dir()
        why = "is a folder" if folder else "a device, a pipe or a socket, and no file"
        raise OSError(errno.EISDIR if folder else errno.EINVAL, why, os.fspath(path))


@contextmanager
def replacing(path: Path, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary name; what is written there becomes `path` at the end.

    After an error nothing is left of it, and an old file of that name is as it was. Whatever wrote
    it, the file has the permissions that the umask gives to new files. A link stays one.

    Args:
        path: its folder is made.
        durable: wait for the disk, so that a power cut cannot leave it empty either.

    Raises:
        OSError: naming `path`, whatever the error of the disk looked like where it came up.
    """
    _check_kind(path)
    with naming(path), workplace(Path(os.path.realpath(path))) as place:
        temporary = place / path.name
        temporary.touch()
        mode = stat.S_IMODE(temporary.stat().st_mode)
        yield temporary
        temporary.chmod(mode)  # safetensors makes files for the owner alone
        if durable:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        temporary.replace(os.path.realpath(path))


#: What libraries that do not raise OSError say of a full disk.
_FULL = ("No space left on device", "unexpected pos")


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let errors of the disk say of what they are: of `path`, and not of a temporary name."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # a library's own, such as Pillow's
            raise
        if error.filename is None or PART in os.fsdecode(error.filename):
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise
    except Exception as error:
        if any(sign in str(error) for sign in _FULL):
            full = errno.ENOSPC
            raise OSError(full, os.strerror(full), os.fspath(path)) from error
        raise


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to fill, which gets its name when all went well.

    Raises:
        OSError: where there is one of that name by then that is not empty.
    """
    with naming(folder), workplace(folder) as place:
        made = place / "new"
        made.mkdir()
        yield made
        with suppress(FileNotFoundError):
            folder.rmdir()
        made.rename(folder)


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file to write bytes to, see `replacing`."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        yield file


def write_atomically(path: Path, data: bytes, durable: bool = True) -> None:
    """Write a file so that a reader sees the old content or the new one, whole."""
    with replacing(path, durable) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8, see `write_atomically`; names of files that are not UTF-8 leave as they came."""
    write_atomically(path, text.encode("utf-8", "surrogateescape"))


def write_json(path: Path, value: Any) -> None:
    """Write JSON, see `write_atomically`."""
    write_atomically(path, (json.dumps(value, indent=2) + "\n").encode())


def save_picture(path: Path, picture: Image, format: str = "PNG", **options: Any) -> None:
    """Write a picture, see `replacing`; options are those of Pillow for the format."""
    with replacing(path, durable=False) as temporary:
        picture.save(temporary, format, **options)
