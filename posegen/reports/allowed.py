"""Which folders the scores of others may name: those that the user has named as well."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from posegen.core.errors import DataError


def check_allowed(content: object, allowed: Sequence[Path], scores: Path) -> None:
    """Check every path in what a `scores.json` says of where its pictures come from.

    Args:
        content: plain values; a text is a path where it has a separator, or something is there.
        allowed: folders, whose own links are followed.
        scores: the folder of the `scores.json`, for the message.

    Raises:
        DataError: for a path that is in none of the folders.
    """
    roots = [Path(os.path.realpath(folder)) for folder in allowed]
    for text in _texts(content):
        if not _is_path(text):
            continue
        real = Path(os.path.realpath(os.path.expanduser(text)))
        if not any(real.is_relative_to(root) for root in roots):
            raise DataError(
                f"the scores in {scores} name {text}, which nobody has allowed; if it is what you "
                f"want to be read, give `--allow {text}`."
            )


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        yield from _all(content.values())
    elif isinstance(content, list | tuple):
        yield from _all(content)


def _all(contents: Iterable[object]) -> Iterator[str]:
    for content in contents:
        yield from _texts(content)


def _is_path(text: str) -> bool:
    try:
        return "/" in text or os.sep in text or os.path.lexists(os.path.expanduser(text))
    except ValueError:  # a zero byte in it
        return True
