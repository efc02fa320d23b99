"""Small files of a data set: written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from posegen.core.errors import DataError


def put(path: Path, content: bytes) -> None:
    """Write a file, unless it is there with this content; it has its name when it is whole."""
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def put_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines of text, see `put`."""
    put(path, "".join(f"{line}\n" for line in lines).encode())


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text that are not blank.

    Raises:
        DataError: where it is no text.
    """
    try:
        return [line.strip() for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({error}); replace it.") from None
