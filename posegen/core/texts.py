"""Texts and names. Whatever is wrong with a text of others is one kind of error, a ValueError."""

from __future__ import annotations

import csv
import json
import math
import re
import tomllib
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from posegen.core.files import read_regular

#: Bytes; the poses of a few hours of video take less.
LIMIT = 2**29


def read_text(path: Path, limit: int = LIMIT) -> str:
    """Read a file as UTF-8, with or without a byte order mark.

    Raises:
        OSError: where it cannot be read, is no regular file, or is larger than `limit` bytes.
        ValueError: where it is not UTF-8.
    """
    return read_regular(path, limit).decode("utf-8-sig")


def one_form(name: str) -> str:
    """Return a name as names are compared: files from a Mac write letters and accents apart.

    >>> one_form("Zoe\u0308") == "Zo\u00eb"
    True
    """
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def counted(count: int, things: str) -> str:
    """Return a number and what it counts, which is given in the plural.

    >>> counted(2, "unreadable rows of pairs"), counted(1, "unreadable rows of pairs")
    ('2 unreadable rows of pairs', '1 unreadable row of pairs')
    """
    if count == 1:
        things = re.sub(r"s\b", "", things, count=1)
    return f"{count:,} {things}"


def parse_json(text: str) -> Any:
    """Parse JSON; ValueError where it is none, or nested too deeply."""
    return _parsed(json.loads, text)


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML; ValueError where it is none, or nested too deeply."""
    return _parsed(tomllib.loads, text)  # type: ignore[no-any-return]


def parse_rows(lines: Iterable[str], **options: Any) -> list[list[str]]:
    """Parse CSV; ValueError where a field is too long, or a quote does not end."""
    try:
        return list(csv.reader(lines, **options))
    except csv.Error as error:
        raise ValueError(str(error)) from None


def parse_metrics(text: str | bytes) -> dict[str, float] | None:
    """Return the finite numbers of a line of a run's log, `step` among them.

    None where there is no step: a line that a killed process did not finish, or that is none of
    ours.
    """
    try:
        values = _parsed(json.loads, text)
        found = {k: v for k, v in values.items() if _is_finite(v)}
        return {**found, "step": int(found["step"])}
    except (ValueError, LookupError, AttributeError):
        return None


def _is_finite(value: object) -> bool:
    # Beyond float's range, isfinite of an int is an OverflowError.
    return isinstance(value, int | float) and abs(value) < 1e300 and math.isfinite(value)


def _parsed(parse: Any, text: str | bytes) -> Any:
    try:
        return parse(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
