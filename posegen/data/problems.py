"""What is wrong with a data set: the first thing ends its opening, or all of them are collected."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from posegen.core.errors import DataError
from posegen.core.texts import counted


class Problem(NamedTuple):
    """A problem that costs a row or a picture.

    Attributes:
        kind: what it is, in a few words, in the plural: "pairs of missing images".
        sentence: the file, the row, what is wrong, and what to do.
    """

    kind: str
    sentence: str


class Problems:
    """The bad rows and pictures.

    Args:
        collect: go on after a problem; else `add` raises it.

    Attributes:
        counts: kind of problem -> how many.
        first: kind of problem -> the first sentence.
    """

    def __init__(self, collect: bool = False) -> None:
        self.collect = collect
        self.counts: Counter[str] = Counter()
        self.first: dict[str, str] = {}

    def add(self, kind: str, sentence: str) -> None:
        """Note a problem, see `Problem`.

        Raises:
            DataError: the sentence, unless problems are collected.
        """
        if not self.collect:
            raise DataError(sentence)
        self.counts[kind] += 1
        self.first.setdefault(kind, sentence)

    def summary(self) -> str:
        """Return "3 pairs of …, 1 …", or an empty text."""
        return ", ".join(counted(count, kind) for kind, count in self.counts.items())
