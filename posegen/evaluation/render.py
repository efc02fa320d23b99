"""Scores as a table in a terminal. Free of torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from posegen.evaluation.grid import Cell, Grid, Note, make_grid, notes
from posegen.evaluation.result import Evaluation

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

SPREAD = "±: half of the 95% bootstrap interval of the mean over images"

#: Lines on how numbers are computed that a reader of a table reads.
_MOST = 16

_STYLES = {"how": "dim", "missing": "yellow", "caution": "yellow"}


def table(evaluation: Evaluation, width: int) -> RenderableType:
    """Return the scores, the best of each column under a protocol in bold, and notes below.

    Several protocols share one table. The notes say which metrics could not be computed and why,
    and how each number is computed.

    Args:
        evaluation: the scores.
        width: of the terminal in characters: where it is narrow, the columns are drawn in several
            tables below each other.
    """
    from rich.console import Group
    from rich.text import Text

    grid = make_grid({"": evaluation})
    heading = f"pairs: {evaluation.pairs}"
    if len(grid.groups) == 1:
        heading = f"protocol: {grid.lines[0].protocol} · {heading}"
    remarks = notes({"": evaluation})
    if sum(note.kind == "how" for note in remarks) > _MOST:
        remarks = [note for note in remarks if note.kind != "how"]
        remarks.append(Note("how each number is computed: `--json`, or docs/protocols.md", "how"))
    lines = [Text(note.text, style=_STYLES[note.kind]) for note in remarks]
    if grid.has_spread:
        lines.append(Text(SPREAD, style="dim"))
    tables = [_table(grid, columns) for columns in _parts(grid, width)]
    return Group(Text(heading, style="italic"), *tables, Text("\n").join(lines))


def _parts(grid: Grid, width: int) -> Iterator[list[str]]:
    """Yield the columns in parts, each no wider than `width` beside the labels."""
    titles = [*grid.groups] if len(grid.groups) > 1 else []
    room = width - max(len(text) for text in [*titles, *(line.label for line in grid.lines)]) - 4
    part: list[str] = []
    used = 0
    for column in grid.columns:
        cells = [line.cells[column] for line in grid.lines]
        texts = [grid.heading(column), *(text for c in cells for text in (c.text, c.spread))]
        needed = max(map(len, texts)) + 3
        if part and used + needed > room:
            yield part
            part, used = [], 0
        part.append(column)
        used += needed
    yield part


def _table(grid: Grid, columns: list[str]) -> Table:
    from rich.table import Table
    from rich.text import Text

    result = Table("")
    for column in columns:
        result.add_column(grid.heading(column), justify="right", no_wrap=True)
    for protocol, lines in grid.groups.items():
        if len(grid.groups) > 1:
            result.add_section()
            result.add_row(Text(protocol, style="italic"))
        for line in lines:
            result.add_row(Text(line.label), *(_shown(line.cells[column]) for column in columns))
    return result


def _shown(cell: Cell) -> Text:
    """Return a cell as two lines: the value above the interval leaves room for more columns."""
    from rich.text import Text

    if cell.score is None or cell.score.value is None:
        return Text(cell.text, style="dim")
    value = Text(cell.text, style="bold" if cell.best else "")
    return Text("\n").join([value, Text(cell.spread, style="dim")]) if cell.spread else value
