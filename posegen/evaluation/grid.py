"""Scores laid out as a table, before it is known how the table is drawn. Free of torch.

One grid can hold several subjects and several protocols: the rows are (protocol, subject), and the
columns are those of all protocols, the ones of one metric beside each other. So the reader of a
column sees by how much the protocol alone moves a score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from posegen.core.specs import BASELINE
from posegen.evaluation.pairing import shared_pairs
from posegen.evaluation.result import Evaluation, ProtocolScores, Score

ARROWS = {"higher": "↑", "lower": "↓"}

#: What stands where there is no value.
DASH = "–"


def decimals(*values: float) -> int:
    """Return with how many decimal places scores of such a size are shown."""
    return 2 if max(map(abs, values), default=0) >= 10 else 4


@dataclass(frozen=True)
class Cell:
    """One score as it is shown.

    Attributes:
        text: the value, rounded as all of its column, or a dash.
        spread: half the width of its confidence interval, `±0.0041`, or "".
        best: whether no other row under the same protocol has a better one, as shown, and there is
            another one to compare. Where rows are over different pairs, none is the best.
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
    def groups(self) -> dict[str, list[Line]]:
        """Title of each protocol -> its rows."""
        groups: dict[str, list[Line]] = {}
        for line in self.lines:
            groups.setdefault(line.protocol, []).append(line)
        return groups

    @property
    def has_spread(self) -> bool:
        """Whether any cell has an interval."""
        return any(cell.spread for line in self.lines for cell in line.cells.values())


class Note(NamedTuple):
    """What a reader must know beside the numbers, in a line.

    Attributes:
        text: the line.
        kind: "how" a column is computed, what is "missing" and why, or another "caution".
    """

    text: str
    kind: Literal["how", "missing", "caution"]


def make_grid(subjects: Mapping[str, Evaluation]) -> Grid:
    """Lay out the scores of subjects.

    Where there are several, a subject's row has its label, and a baseline that all agree on is
    shown once. Columns without any value come last; where there are several protocols, and so
    many columns, they are left out.

    Args:
        subjects: label -> evaluation.
    """
    rows = _rows(subjects)
    columns = _columns(rows)
    lines = []
    places = {column: decimals(*(row.value(column) or 0 for row in rows)) for column in columns}
    for row in rows:
        rivals = [other for other in rows if other.title == row.title]
        if any(other.over != row.over for other in rivals):
            rivals = [row]
        cells = {column: _cell(row, column, rivals, places[column]) for column in columns}
        lines.append(Line(row.title, row.label, row.row == BASELINE, cells))
    return Grid(columns, lines)


def notes(subjects: Mapping[str, Evaluation]) -> list[Note]:
    """Return the notes on the scores of subjects: each column's first, then what is missing."""
    described: dict[str, dict[str, None]] = {}  # line -> protocols
    labels: dict[tuple[str, str], list[str]] = {}  # (protocol, column) -> rows
    remarks: dict[Note, dict[tuple[str, str], list[str]]] = {}  # the same of each remark
    for row in _rows(subjects):
        for column, score in row.scores.items():
            if score.protocol:
                described.setdefault(f"{column}: {score.protocol}", {})[row.title] = None
            where = row.title, column
            labels.setdefault(where, []).append(row.label)
            if remark := _remark(score, row.evaluation.pairs):
                remarks.setdefault(remark, {}).setdefault(where, []).append(row.label)
    several = len({protocol for protocol, _ in labels}) > 1
    lines = [
        Note(f"{text} ({'; '.join(protocols)})" if several else text, "how")
        for text, protocols in described.items()
    ]
    for remark, places in remarks.items():
        shown = []
        for (protocol, column), rows in places.items():
            about = [] if rows == labels[protocol, column] else [", ".join(rows)]
            about += [protocol] if several else []
            shown.append(f"{column} ({'; '.join(about)})" if about else column)
        lines.append(Note(f"{', '.join(shown)}: {remark.text}", remark.kind))
    return lines


def _remark(score: Score, pairs: int) -> Note | None:
    if score.error is not None:
        return Note(f"not computed: {score.error}", "missing")
    if score.count < pairs:
        return Note(f"over {score.count} of {pairs} images; the others have no value", "caution")
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

    @property
    def title(self) -> str:
        return self.protocol.title

    def value(self, column: str) -> float | None:
        return self.scores[column].value if column in self.scores else None


def _rows(subjects: Mapping[str, Evaluation]) -> list[_Row]:
    """Return every row, protocol by protocol, the baselines last; equal baselines once."""
    over = _same_pairs(list(subjects.values()))
    own: list[_Row] = []
    baselines: list[_Row] = []
    for (label, evaluation), number in zip(subjects.items(), over, strict=True):
        for protocol in evaluation.protocols:
            rows = [row for row in protocol.scores if row != BASELINE]
            for row in rows:
                shown = (
                    row if len(subjects) == 1 else label if len(rows) == 1 else f"{label}: {row}"
                )
                own.append(_Row(shown, evaluation, protocol, row, number))
            if BASELINE in protocol.scores:
                others = [other for other in baselines if other.title == protocol.title]
                if all(protocol.scores[BASELINE] != other.scores for other in others):
                    shown = f"{BASELINE} ({label})" if others else BASELINE
                    baselines.append(_Row(shown, evaluation, protocol, BASELINE, number))
    titles = list(dict.fromkeys(p.title for e in subjects.values() for p in e.protocols))
    return sorted(own + baselines, key=lambda row: titles.index(row.title))


def _same_pairs(evaluations: Sequence[Evaluation]) -> list[int]:
    """Return a number for each evaluation, equal for those over the same pairs."""
    numbers: list[int] = []
    for place, one in enumerate(evaluations):
        equal = (
            number
            for number, other in zip(numbers, evaluations, strict=False)
            if len(shared_pairs(other, one)) == other.pairs == one.pairs
        )
        numbers.append(next(equal, place))
    return numbers


def _columns(rows: Sequence[_Row]) -> dict[str, str]:
    """Return column -> direction: a metric's beside each other, those without any value last."""
    of_metric: dict[str, dict[str, str]] = {}
    for row in rows:
        for column, score in row.scores.items():
            of_metric.setdefault(score.metric, {})[column] = score.direction
    columns = {name: way for of_one in of_metric.values() for name, way in of_one.items()}
    filled = {
        name: way
        for name, way in columns.items()
        if any(row.value(name) is not None for row in rows)
    }
    several = len({row.title for row in rows}) > 1
    return filled if several and filled else {**filled, **columns}


def _cell(row: _Row, column: str, rivals: Sequence[_Row], digits: int) -> Cell:
    score = row.scores.get(column)
    if score is None or score.value is None:
        return Cell(DASH, "", False, score)
    values = [value for rival in rivals if (value := rival.value(column)) is not None]
    best = max(values) if score.direction == "higher" else min(values)
    text = f"{score.value:.{digits}f}"
    spread = ""
    if score.interval is not None:
        low, high = score.interval
        spread = f"±{(high - low) / 2:.{digits}f}"
    # Compared as shown: of two values that print alike, neither is better to the reader.
    return Cell(text, spread, len(values) > 1 and text == f"{best:.{digits}f}", score)
