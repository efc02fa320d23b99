"""Scores as others have published them, and which of them one's own may stand beside."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

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
        targets = [target for _, target in evaluation.names]
        return bool(targets) and all(re.search(self.names, target) for target in targets)


@cache
def published() -> tuple[Table, ...]:
    """Return all tables."""
    text = (files(__package__) / "published.toml").read_text(encoding="utf-8")
    return tuple(Table.model_validate(table) for table in tomllib.loads(text)["tables"])


def tables_for(protocol: ProtocolScores) -> list[Table]:
    """Return the tables of a protocol and variant that nothing was changed in."""
    return [table for table in published() if protocol.key in table.protocols]
