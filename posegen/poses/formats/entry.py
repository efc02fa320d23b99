"""What every reader of a pose format gives, and what they all need to read numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from posegen.core.errors import DataError
from posegen.poses.layouts import layout

#: (H, W) of a picture in pixels.
Size = tuple[int, int]


@dataclass(frozen=True)
class Entry:
    """The people of one picture, as a file has them.

    Attributes:
        name: the picture's name, as far as the file tells it.
        people: (N, K, 3): x, y, and visibility or confidence in [0, 1].
        layout: name of their layout.
        where: the file and the entry in it, for messages.
        size: the picture's size, where the file tells it.
        fractions: True where x and y are fractions of the picture's width and height: 0 is its left
            or upper edge, 1 its right or lower edge.
        labelled: True where the third number is what a person said (1 seen, 0.5 hidden), not a
            program's confidence.
    """

    name: str
    people: Tensor
    layout: str
    where: str
    size: Size | None = None
    fractions: bool = False
    labelled: bool = False


@dataclass(frozen=True)
class Format:
    """A format of pose files.

    Attributes:
        name: what users type.
        title: what writes it, for tables.
        layouts: the layouts that it can hold.
        threshold: joints below this confidence are missing, unless the caller says otherwise: what
            the programs that write it draw themselves.
        recognises: whether the content of a file (parsed JSON, or text) is of this format.
        read: the entries of a file's content, and the file's name for messages and names.
    """

    name: str
    title: str
    layouts: tuple[str, ...]
    threshold: float
    recognises: Callable[[Any], bool]
    read: Callable[[Any, Source], Iterator[Entry]] = field(repr=False)


@dataclass(frozen=True)
class Source:
    """Where an entry is from.

    Attributes:
        path: the file, for messages.
        stem: its name without the ending, for entries that have no name of their own.
    """

    path: str
    stem: str

    def numbered(self, number: int, several: bool = True) -> str:
        """Return the name of a nameless entry: the stem, and where there are several, a number."""
        return f"{self.stem}_{number:06d}" if several else self.stem


def triples(values: Any, where: str, layouts: tuple[str, ...]) -> tuple[Tensor, str]:
    """Read a flat list `x, y, c, x, y, c, …` as (K, 3); also return the layout of that length.

    Raises:
        DataError: where it is no list of numbers, or of no layout's length.
    """
    numbers = floats(values, where)
    sizes = {3 * len(layout(name)): name for name in layouts}
    if len(numbers) not in sizes:
        lengths = " or ".join(f"{size} ({name})" for size, name in sizes.items())
        raise DataError(
            f"{where}: a person has {len(numbers)} numbers, and {lengths} are expected; write the "
            "file with one of these models."
        )
    return torch.tensor(numbers, dtype=torch.float32).view(-1, 3), sizes[len(numbers)]


def floats(values: Any, where: str) -> list[float]:
    """Check that `values` is a list of finite numbers.

    Raises:
        DataError: where it is not.
    """
    good = isinstance(values, list) and all(
        type(value) in (int, float) and math.isfinite(value) for value in values
    )
    if not good:
        raise DataError(f"{where}: {str(values)[:60]!r} is not a list of numbers; mend the entry.")
    return [float(value) for value in values]


def together(people: list[tuple[Tensor, str]], otherwise: str, where: str) -> tuple[Tensor, str]:
    """Stack the people of an entry.

    Args:
        people: (K, 3) keypoints and their layout, as `triples` returns them.
        otherwise: the layout where there are none.
        where: for messages.

    Returns:
        (N, K, 3), where N may be 0, and their layout.

    Raises:
        DataError: where the people are of several layouts.
    """
    names = {name for _, name in people} or {otherwise}
    if len(names) > 1:
        raise DataError(f"{where}: has people of {' and of '.join(sorted(names))}; keep one kind.")
    name = names.pop()
    keypoints = [person for person, _ in people]
    return torch.stack(keypoints) if keypoints else torch.zeros(0, len(layout(name)), 3), name


def size_of(height: Any, width: Any) -> Size | None:
    """Return (H, W) where both are whole positive numbers, and None otherwise."""
    if type(height) is int and type(width) is int and min(height, width) > 0:
        return height, width
    return None
