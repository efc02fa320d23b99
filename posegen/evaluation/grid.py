"""Scores laid out as a table, before it is known how the table is drawn. Free of torch.

One grid can hold several subjects and several protocols: the rows are (protocol, subject), and the
columns are those of all protocols, the ones of one metric beside each other. So the reader of a
column sees by how much the protocol alone moves a score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from posegen.evaluation.pairing import common_pairs
from posegen.evaluation.result import BASELINE, Evaluation, ProtocolScores, Score

ARROWS = {"higher": "↑", "lower": "↓"}

#: What stands where there is no value.
DASH = "–"


@dataclass(frozen=True)
class Cell:
    """One score as it is shown.

    Attributes:
        text: the value, rounded as all of its column, or a dash.
        spread: half the width of its confidence interval, `±0.0041`, or "".
        best: whether no other row under the same protocol and over the same pairs has a better one,
            as shown, and there is another one to compare.
        score: what is behind it; None where the protocol has no such column.
    """

    text: str
    spread: str
    best: bool
    score: Score | None


@dataclass(frozen=True)
class Line:
    """One row: a subject, or the baseline, under a protocol."""

    protocol: str
    label: str
    baseline: bool
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class Grid:
    """A table: column name -> direction, and the rows, protocol by protocol."""

    columns: Mapping[str, str]
    lines: Sequence[Line]

    def heading(self, column: str) -> str:
        """Return a column's name with the arrow that says which way is better."""
        return f"{column} {ARROWS[self.columns[column]]}"

    @property
    def protocols(self) -> list[str]:
        """The titles of the protocols, in order."""
        return list(dict.fromkeys(line.protocol for line in self.lines))

    def has_spread(self) -> bool:
        """Whether any cell has an interval."""
        return any(cell.spread for line in self.lines for cell in line.cells.values())


def key(protocol: ProtocolScores) -> str:
    """Return a protocol's name with its variant, as `--protocol` takes it: `patn-2019:market`."""
    return f"{protocol.name}:{protocol.variant}" if protocol.variant else protocol.name


def title(protocol: ProtocolScores) -> str:
    """Return a protocol's name, variant and version: `patn-2019:market v1`."""
    name, comma, changed = key(protocol).partition(", changed")
    return f"{name} v{protocol.version}{comma}{changed}"


def make_grid(subjects: Mapping[str, Evaluation]) -> Grid:
    """Lay out the scores of subjects.

    Where there are several, a subject's row has its label, and a baseline that all agree on is
    shown once. Columns without any value come last; where there are several protocols, and so
    many columns, they are left out.

    Args:
        subjects: label -> evaluation.
    """
    rows = _rows(subjects)
    columns, empty = _columns(rows)
    if len({title(row.protocol) for row in rows}) == 1 or not columns:
        columns = columns | empty
    digits = {column: _digits(row.scores.get(column) for row in rows) for column in columns}
    lines = []
    for row in rows:
        rivals = [other.scores for other in rows if other.rivals(row)]
        cells = {
            column: _cell(
                row.scores.get(column), [r[column] for r in rivals if column in r], places
            )
            for column, places in digits.items()
        }
        lines.append(Line(title(row.protocol), row.label, row.row == BASELINE, cells))
    return Grid(columns, lines)


@dataclass(frozen=True)
class Note:
    """What a reader must know beside the numbers, in a line.

    Attributes:
        text: the line.
        kind: "how" a column is computed, what is "missing" and why, or another "caution".
    """

    text: str
    kind: Literal["how", "missing", "caution"]


def notes(subjects: Mapping[str, Evaluation]) -> list[Note]:
    """Return the notes on the scores of subjects: each column's first, then what is missing."""
    protocols = {title(p): p for e in subjects.values() for p in e.protocols}
    said: dict[tuple[str, str], list[str]] = {}
    for name, protocol in protocols.items():
        for column, score in next(iter(protocol.scores.values()), {}).items():
            if score.protocol:
                said.setdefault((column, score.protocol), []).append(name)
    found = []
    for (column, text), names in said.items():
        whose = f" ({'; '.join(names)})" if len(protocols) > 1 else ""
        found.append(Note(f"{column}: {text}{whose}", "how"))
    for (remark, kind), places in _remarks(subjects).items():
        parts = []
        for (columns, rows), names in places.items():
            where = [rows] if rows else []
            where += ["; ".join(names)] if len(protocols) > 1 else []
            parts.append(f"{columns} ({'; '.join(where)})" if where else columns)
        found.append(Note(f"{', '.join(parts)}: {remark}", kind))
    return found


_Remark = tuple[str, Literal["missing", "caution"]]


def _remarks(
    subjects: Mapping[str, Evaluation],
) -> dict[_Remark, dict[tuple[str, str], list[str]]]:
    """Return remark -> (columns, rows) -> protocols; rows are "" where it holds for all of them."""
    rows: dict[tuple[_Remark, str, str], list[str]] = {}  # remark, protocol, column
    having: dict[tuple[str, str], list[str]] = {}  # protocol, column
    for row in _rows(subjects):
        for column, score in row.scores.items():
            place = (title(row.protocol), column)
            having.setdefault(place, []).append(row.label)
            remark = _remark(score, row.evaluation.pairs)
            if remark is not None:
                rows.setdefault((remark, *place), []).append(row.label)
    columns: dict[tuple[_Remark, str, str], list[str]] = {}  # remark, protocol, rows
    for (remark, name, column), labels in rows.items():
        shown = "" if labels == having[name, column] else ", ".join(labels)
        columns.setdefault((remark, name, shown), []).append(column)
    found: dict[_Remark, dict[tuple[str, str], list[str]]] = {}
    for (remark, name, shown), of_rows in columns.items():
        found.setdefault(remark, {}).setdefault((", ".join(of_rows), shown), []).append(name)
    return found


def _remark(score: Score, pairs: int) -> _Remark | None:
    if score.error is not None:
        return f"not computed: {score.error}", "missing"
    if score.count < pairs:
        return f"over {score.count} of {pairs} images; the others have no value", "caution"
    return None


class _Row(NamedTuple):
    """A row of a subject under a protocol."""

    label: str
    evaluation: Evaluation
    protocol: ProtocolScores
    row: str
    over: int  # equal for rows over the same pairs

    @property
    def scores(self) -> dict[str, Score]:
        return self.protocol.scores[self.row]

    def rivals(self, other: _Row) -> bool:
        """Whether the values of two rows can be compared."""
        return title(self.protocol) == title(other.protocol) and self.over == other.over


def _rows(subjects: Mapping[str, Evaluation]) -> list[_Row]:
    """Return every row, protocol by protocol, the baselines last; equal baselines once."""
    names = dict.fromkeys(title(p) for e in subjects.values() for p in e.protocols)
    over = _same_pairs(list(subjects.values()))
    found: list[_Row] = []
    for name in names:
        own: list[_Row] = []
        baselines: list[_Row] = []
        for (label, evaluation), number in zip(subjects.items(), over, strict=True):
            for protocol in evaluation.protocols:
                if title(protocol) != name:
                    continue
                for row, scores in protocol.scores.items():
                    if row != BASELINE:
                        shown = _label(label, row, protocol) if len(subjects) > 1 else row
                        own.append(_Row(shown, evaluation, protocol, row, number))
                    elif all(scores != other.scores for other in baselines):
                        shown = f"{BASELINE} ({label})" if baselines else BASELINE
                        baselines.append(_Row(shown, evaluation, protocol, row, number))
        found += own + baselines
    return found


def _same_pairs(evaluations: Sequence[Evaluation]) -> list[int]:
    """Return a number for each evaluation, equal for those over the same pairs."""
    firsts: list[Evaluation] = []
    numbers = []
    for one in evaluations:
        for number, first in enumerate(firsts):
            if len(common_pairs(first.names, one.names)) == first.pairs == one.pairs:
                numbers.append(number)
                break
        else:
            numbers.append(len(firsts))
            firsts.append(one)
    return numbers


def _label(label: str, row: str, protocol: ProtocolScores) -> str:
    return label if len(set(protocol.scores) - {BASELINE}) == 1 else f"{label}: {row}"


def _columns(rows: Sequence[_Row]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the columns with and without any value -> their directions; a metric's together."""
    of_metric: dict[str, dict[str, str]] = {}
    filled = set()
    for row in rows:
        for column, score in row.scores.items():
            of_metric.setdefault(score.metric, {}).setdefault(column, score.direction)
            if score.value is not None:
                filled.add(column)
    columns = [item for columns in of_metric.values() for item in columns.items()]
    return (
        {column: way for column, way in columns if column in filled},
        {column: way for column, way in columns if column not in filled},
    )


def _digits(scores: Iterator[Score | None]) -> int:
    """Return how many decimal places a column is shown with."""
    values = [abs(s.value) for s in scores if s is not None and s.value is not None]
    return 2 if max(values, default=0) >= 10 else 4


def _cell(score: Score | None, rivals: Sequence[Score], digits: int) -> Cell:
    if score is None or score.value is None:
        return Cell(DASH, "", False, score)
    values = [rival.value for rival in rivals if rival.value is not None]
    best = max(values) if score.direction == "higher" else min(values)
    text = f"{score.value:.{digits}f}"
    spread = ""
    if score.interval is not None:
        low, high = score.interval
        spread = f"±{(high - low) / 2:.{digits}f}"
    # Compared as shown: of two values that print alike, neither is better to the reader.
    return Cell(text, spread, len(values) > 1 and text == f"{best:.{digits}f}", score)
