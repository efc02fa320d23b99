"""Files and folders of a data set: written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from posegen.core.errors import ConfigError, DataError
from posegen.core.files import HOLDER, LOCK
from posegen.core.texts import read_text
from posegen.core.writing import new_folder, occupied, write_atomically


def put(path: Path, content: bytes) -> None:
    """Write a file, unless it is there with this content; it has its name when it is whole."""
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return
    write_atomically(path, content, durable=False)


def put_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines of text, see `put`."""
    put(path, "".join(f"{line}\n" for line in lines).encode())


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text that are not blank; DataError where it is no text."""
    try:
        return [line.strip() for line in read_text(path).splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({error}); replace it.") from None


def check_new(folder: Path) -> None:
    """Raise ConfigError where a folder is there and holds something."""
    if occupied(folder, by_work=False):
        raise ConfigError(
            f"{folder}: exists and is not an empty folder; give the name of a new one."
        )


@contextmanager
def new_data(folder: Path) -> Iterator[Path]:
    """Give a folder to fill, which gets its name when all went well; see `check_new`."""
    check_new(folder)
    with new_folder(folder) as made:
        yield made
        for left in (LOCK, HOLDER):
            (folder / left).unlink(missing_ok=True)
