"""What every reader of a pose format gives, and how its numbers are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from posegen.core.errors import DataError

#: Of a coordinate or a side, in pixels; what is beyond is no picture's.
LARGEST = 10**6

#: (H, W) of a picture in pixels.
Size = tuple[int, int]


class Entry(NamedTuple):
    """The people of one picture, as a file has them.

    Attributes:
        name: the picture's name, as far as the file tells it.
        people: of each person what should be a flat list of numbers `x, y, c, x, y, c, …`.
        where: the file and the entry in it, for messages.
        size: the picture's size, where the file tells it.
    """

    name: str
    people: list[Any]
    where: str
    size: Size | None = None


@dataclass(frozen=True)
class Format:
    """A format of pose files.

    Attributes:
        name: what users type.
        title: what writes it, for tables.
        skeletons: names of the skeletons that it can hold; the first is that of nobody.
        threshold: joints below this confidence are missing, unless the caller says otherwise: what
            the programs that write it draw themselves.
        recognises: whether the content of a file (parsed JSON, or text) is of this format.
        read: yields the pictures of a file's content; the path is for messages, and for the names
            of entries that have none.
        fractions: x and y are fractions of the picture's width and height (0 is its left or upper
            edge, 1 its right or lower edge) where the crowd of them is not beyond this.
        labelled: True where the third number is what a person said (0 missing, 1 hidden, 2 seen),
            not a program's confidence in [0, 1].
    """

    name: str
    title: str
    skeletons: tuple[str, ...]
    threshold: float
    recognises: Callable[[Any], bool]
    read: Callable[[Any, Path], Iterator[Entry]]
    fractions: float = 0.0
    labelled: bool = False


def floats(values: Any, where: str) -> list[float]:
    """Check that `values` is a list of finite numbers.

    Raises:
        DataError: where it is not.
    """
    good = isinstance(values, list) and all(
        type(value) in (int, float) and abs(value) <= LARGEST for value in values
    )
    if not good:
        raise DataError(f"{where}: {str(values)[:60]!r} is not a list of numbers; mend the entry.")
    return [float(value) for value in values]


def size_of(height: Any, width: Any) -> Size | None:
    """Return (H, W) where both are whole positive numbers, and None otherwise."""
    if (
        type(height) is int
        and type(width) is int
        and min(height, width) > 0
        and max(height, width) <= LARGEST
    ):
        return height, width
    return None


def are_fractions(numbers: list[float], largest: float) -> bool:
    """Whether coordinates are fractions of a picture's size rather than pixels.

    The crowd decides: half of them are no more than `largest`, and nine tenths not much more. A
    joint or two may be guessed beyond the picture's edge.

    Args:
        numbers: the x and y of all joints that are there.
        largest: of a fraction; 0 where a format has none.
    """
    if not numbers or not largest:
        return False
    sizes = sorted(abs(number) for number in numbers)
    return sizes[len(sizes) // 2] <= largest and sizes[(9 * len(sizes)) // 10] <= 1.5 * largest
