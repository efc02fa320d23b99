"""Scores as others have published them, and which of them one's own may stand beside."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from posegen.core.config import Config
from posegen.evaluation.result import Evaluation, ProtocolScores


class Row(Config):
    """One method's scores as printed somewhere.

    Attributes:
        method: its name.
        scores: column of the protocol -> score, digit by digit.
        source: where they are printed.
    """

    method: str
    scores: Mapping[str, str]
    source: str


class Table(Config):
    """Scores on one data set that were computed in one way, as far as is known.

    Attributes:
        title, data: what it is about, and the data set's name.
        size: (H, W) of the images in pixels.
        pairs: how many the scores are over.
        names: a pattern that is in the name of every image of the data set.
        protocols: the protocols of ours that repeat the scores, `NAME:VARIANT`.
        notes: what a reader must know beside the numbers.
        rows: the scores.
    """

    title: str
    data: str
    size: tuple[int, int]
    pairs: int
    names: str
    protocols: Sequence[str]
    notes: Sequence[str]
    rows: Sequence[Row]

    def columns(self) -> list[str]:
        """Return the columns that any row has a score in."""
        return list(dict.fromkeys(column for row in self.rows for column in row.scores))

    def is_about(self, evaluation: Evaluation) -> bool:
        """Whether every target image has a name of the data set's, so that it may be from it."""
        return _are_of([target for _, target in evaluation.names], self.names)


class StudyRow(Config):
    """One method's user study as printed somewhere.

    Attributes:
        method: its name.
        r2g, g2r: in percent, digit by digit; None where that is not known.
        source: where they are printed.
    """

    method: str
    r2g: str | None = None
    g2r: str | None = None
    source: str


class StudyTable(Config):
    """User studies on one data set.

    Attributes:
        title, data: what they are about, and the data set's name.
        names: a pattern that is in the name of every image of the data set.
        notes: what a reader must know beside the numbers.
        rows: the numbers.
    """

    title: str
    data: str
    names: str
    notes: Sequence[str]
    rows: Sequence[StudyRow]

    def is_about(self, targets: Sequence[str]) -> bool:
        """Whether every target has a name of the data set's."""
        return _are_of(targets, self.names)


def _are_of(targets: Sequence[str], names: str) -> bool:
    return bool(targets) and all(re.search(names, target) for target in targets)


@cache
def _file() -> Mapping[str, Any]:
    return tomllib.loads((files(__package__) / "published.toml").read_text(encoding="utf-8"))


@cache
def published() -> tuple[Table, ...]:
    """Return all tables of scores."""
    return tuple(Table.model_validate(table) for table in _file()["tables"])


@cache
def published_studies() -> tuple[StudyTable, ...]:
    """Return all tables of user studies."""
    return tuple(StudyTable.model_validate(table) for table in _file()["studies"])


def tables_for(protocol: ProtocolScores) -> list[Table]:
    """Return the tables of a protocol and variant that nothing was changed in."""
    return [table for table in published() if protocol.key in table.protocols]
