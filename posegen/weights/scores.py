"""The `scores.json` of `posegen eval`, as far as a model card shows it. Free of torch."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from posegen.core.errors import WeightsError

T = TypeVar("T")

#: The version of the file that is read (`posegen.evaluation.record` writes it).
SCHEMA = 2


@dataclass(frozen=True)
class CardScore:
    """One score; `str` of it is what a table shows.

    Attributes:
        value: the score; None where there is none.
        interval: the 95% confidence interval, where it has one.
        direction: "higher" or "lower" is better.
        protocol: how it was computed, in one line.
    """

    value: float | None
    interval: tuple[float, float] | None
    direction: str
    protocol: str

    def __str__(self) -> str:
        if self.value is None:
            return "–"
        if self.interval is None:
            return f"{self.value:.4g}"
        low, high = self.interval
        return f"{self.value:.4g} [{low:.4g}, {high:.4g}]"


@dataclass(frozen=True)
class Table:
    """The scores under one protocol.

    Attributes:
        protocol: its name and variant, as `--protocol` takes them.
        version: of the protocol.
        count: how many images it is over; 0 where nothing was scored.
        rows: row (a model, or the baseline) -> column -> score.
    """

    protocol: str
    version: int
    count: int
    rows: dict[str, dict[str, CardScore]]


def read_scores(file: Path) -> tuple[Table, ...]:
    """Read a `scores.json`.

    Raises:
        WeightsError: where it is not one that this version reads.
    """
    return _read(file, lambda content: tuple(map(_table, content["evaluations"])))


def read_subject(file: Path) -> str | None:
    """Return the digest of the weights that a `scores.json` is of, where it is of a model.

    Raises:
        WeightsError: as `read_scores`.
    """
    found: str | None = _read(file, lambda content: content["subject"].get("weights"))
    return found


def _read(file: Path, take: Callable[[dict[str, Any]], T]) -> T:
    try:
        content = json.loads(file.read_bytes())
        if content["schema"] != SCHEMA:
            raise WeightsError(
                f"{file}: schema {content['schema']!r}, and schema {SCHEMA} is read; run `posegen "
                "eval` again."
            )
        return take(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(
            f"{file}: not as `posegen eval` writes it ({type(error).__name__}: {error}); run it "
            "again."
        ) from None


def _table(entry: dict[str, Any]) -> Table:
    about = entry["protocol"]
    rows = {
        str(row): {str(column): _score(score) for column, score in scores.items()}
        for row, scores in entry["rows"].items()
    }
    counts = {int(s["count"]) for scores in entry["rows"].values() for s in scores.values()}
    variant = f":{about['variant']}" if about["variant"] else ""
    return Table(f"{about['name']}{variant}", int(about["version"]), max(counts, default=0), rows)


def _score(entry: dict[str, Any]) -> CardScore:
    value, ends = entry["value"], entry["interval"]
    return CardScore(
        value=None if value is None else float(value),
        interval=None if ends is None else (float(ends[0]), float(ends[1])),
        direction=str(entry["direction"]),
        protocol=str(entry["protocol"]),
    )
