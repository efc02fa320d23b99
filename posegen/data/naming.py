"""Which pose belongs to which picture or frame, by names that programs write differently."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Generic, TypeVar

from posegen.core.errors import DataError
from posegen.core.texts import one_form

T = TypeVar("T")


class NameIndex(Generic[T]):
    """Things found by names that may be written with folder and ending, or without."""

    def __init__(self, items: Iterable[tuple[str, T]]) -> None:
        self.items = list(items)
        self._found: defaultdict[tuple[int, str], list[tuple[str, T]]] = defaultdict(list)
        for item in self.items:
            for level, spelling in enumerate(_spellings(item[0])):
                self._found[level, spelling].append(item)

    def get(self, name: str) -> T | None:
        """Return what `name` means, or None.

        Raises:
            DataError: where it may mean either of two.
        """
        # Whole names come first: what is one name as a whole may be a part of another.
        for spelling, level in product(_spellings(name), range(4)):
            items = self._found.get((level, spelling), [])
            if len(items) > 1:
                raise DataError(
                    f"{name!r} may be {items[0][0]!r} or {items[1][0]!r}; give each a name of its "
                    "own."
                )
            if items:
                return items[0][1]
        return None


def _spellings(name: str) -> tuple[str, str, str, str]:
    """Return a name: whole, without folder, without ending, without zeros before its number."""
    name = one_form(name)
    base = name.replace("\\", "/").rpartition("/")[2]
    stem = base.rpartition(".")[0] or base
    plain = re.sub(r"(?<!\d)0+(?=\d+$)", "", stem)
    return name, base, stem, plain


def by_frame(items: Mapping[str, T], stem: str, frames: int) -> dict[int, T]:
    """Find what belongs to the frames of a video, by the numbers at the end of names.

    Programs put a word before the video's name or write the number alone, and some count from 1: a
    file whose numbers run from 1 to the number of frames does.

    Args:
        items: by name.
        stem: the video's name without ending.
        frames: how many it has.

    Returns:
        The items by the number of their frame, from 0.

    Raises:
        DataError: where the names have no numbers, or are those of several other videos.
    """
    series: defaultdict[str, dict[int, T]] = defaultdict(dict)
    for name, item in items.items():
        match = re.fullmatch(r"(.*?)(\d+)", _spellings(name)[2], re.DOTALL)
        if match:
            series[match[1].rstrip("_-. ")][int(match[2])] = item
    own = one_form(stem)
    found = series.get(own) or (next(iter(series.values())) if len(series) == 1 else None)
    if found is None:
        names = ", ".join(repr(name) for name in list(items)[:3])
        raise DataError(
            f"none of the poses ({names}…) has the name of a frame of {stem!r}; call them "
            f"{stem}_000000, {stem}_000001 and so on."
        )
    first = 1 if (min(found), max(found)) == (1, frames) else 0
    return {number - first: item for number, item in found.items()}
