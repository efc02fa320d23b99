"""Scores as a table for people, and as CSV and LaTeX for what they write. Free of torch."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from posegen.evaluation.grid import Cell, Grid, make_grid, notes, title
from posegen.evaluation.result import Evaluation

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table
    from rich.text import Text

_SPREAD = "±: half of the 95% bootstrap interval of the mean over images"

_CSV_HEAD = (
    "subject,path,protocol,version,variant,row,column,metric,value,low,high,count,direction,error\n"
)

_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "±": r"$\pm$",
    "×": r"$\times$",
    "σ": r"$\sigma$",
    "≥": r"$\ge$",
    "≤": r"$\le$",
    "²": r"\textsuperscript{2}",
}
_TEX_ARROWS = {"higher": r"$\uparrow$", "lower": r"$\downarrow$"}


def table(evaluation: Evaluation) -> RenderableType:
    """Return the scores, the best of each column under a protocol in bold, and notes below.

    Where there are several protocols they share one table. The notes say which metrics could not be
    computed and why, and how each number is computed.
    """
    from rich.console import Group

    subjects = {"": evaluation}
    grid = make_grid(subjects)
    return Group(_Scores(grid, evaluation.pairs), _notes(subjects, grid))


def csv_table(subjects: Mapping[str, Evaluation]) -> str:
    """Return the scores of subjects as CSV, a line for each score, numbers in full.

    Args:
        subjects: label -> evaluation.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    buffer.write(_CSV_HEAD)
    for label, evaluation in subjects.items():
        for protocol in evaluation.protocols:
            about = [protocol.name, protocol.version, protocol.variant]
            for row, scores in protocol.scores.items():
                for column, score in scores.items():
                    cells: list[Any] = [label, evaluation.subject.get("path"), *about, row, column]
                    cells += [score.metric, score.value, *(score.interval or (None, None))]
                    writer.writerow([*cells, score.count, score.direction, score.error])
    return buffer.getvalue()


def latex_table(subjects: Mapping[str, Evaluation]) -> str:
    r"""Return the scores of subjects as a LaTeX table for the package booktabs.

    The best of each column under a protocol is bold, intervals are in small type, and the caption
    names every protocol with its version.

    Args:
        subjects: label -> evaluation.
    """
    grid = make_grid(subjects)
    several = len(grid.protocols) > 1
    heads = [f"{_tex(name)} {_TEX_ARROWS[way]}" for name, way in grid.columns.items()]
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_caption(subjects, grid)}}}",
        rf"\begin{{tabular}}{{l{'r' * len(heads)}}}",
        r"\toprule",
        " & ".join(["", *heads]) + r" \\",
    ]
    for protocol in grid.protocols:
        lines.append(r"\midrule")
        if several:
            lines.append(
                rf"\multicolumn{{{len(heads) + 1}}}{{l}}{{\textit{{{_tex(protocol)}}}}} \\"
            )
        for line in grid.lines:
            if line.protocol == protocol:
                cells = [_tex_cell(line.cells[column]) for column in grid.columns]
                lines.append(" & ".join([_tex(line.label), *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


class _Scores:
    """A grid, drawn in as many tables below each other as the columns need in a narrow terminal."""

    def __init__(self, grid: Grid, pairs: int) -> None:
        self.grid, self.pairs = grid, pairs

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        from rich.text import Text

        several = len(self.grid.protocols) > 1
        heading = f"pairs: {self.pairs}"
        if not several:
            heading = f"protocol: {self.grid.protocols[0]} · {heading}"
        yield Text(heading, style="italic")
        for columns in self._blocks(options.max_width):
            yield self._table(columns, several)

    def _blocks(self, width: int) -> Iterator[list[str]]:
        """Yield the columns in parts, each no wider than `width` beside the labels."""
        labels = [line.label for line in self.grid.lines] + self.grid.protocols
        room = width - max(map(len, labels)) - 4
        part: list[str] = []
        used = 0
        for column in self.grid.columns:
            cells = [line.cells[column] for line in self.grid.lines]
            texts = [self.grid.heading(column), *(t for c in cells for t in (c.text, c.spread))]
            needed = max(map(len, texts)) + 3
            if part and used + needed > room:
                yield part
                part, used = [], 0
            part.append(column)
            used += needed
        yield part

    def _table(self, columns: list[str], several: bool) -> Table:
        from rich.table import Table
        from rich.text import Text

        result = Table("")
        for column in columns:
            result.add_column(self.grid.heading(column), justify="right", no_wrap=True)
        for protocol in self.grid.protocols:
            if several:
                result.add_section()
                result.add_row(Text(protocol, style="italic"))
            for line in self.grid.lines:
                if line.protocol == protocol:
                    result.add_row(Text(line.label), *(_shown(line.cells[c]) for c in columns))
        return result


def _shown(cell: Cell) -> Text:
    """Return a cell as two lines: the value above the interval leaves room for more columns."""
    from rich.text import Text

    if cell.score is None or cell.score.value is None:
        return Text(cell.text, style="dim")
    value = Text(cell.text, style="bold" if cell.best else "")
    return Text("\n").join([value, Text(cell.spread, style="dim")]) if cell.spread else value


def _notes(subjects: Mapping[str, Evaluation], grid: Grid) -> Text:
    from rich.text import Text

    styles = {"how": "dim", "missing": "yellow", "caution": "yellow"}
    lines = [Text(note.text, style=styles[note.kind]) for note in notes(subjects)]
    if grid.has_spread():
        lines.append(Text(_SPREAD, style="dim"))
    return Text("\n").join(lines)


def _caption(subjects: Mapping[str, Evaluation], grid: Grid) -> str:
    counts = sorted({evaluation.pairs for evaluation in subjects.values()})
    pairs = " or ".join(f"{count:,}" for count in counts)
    protocols = "; ".join(dict.fromkeys(title(p) for e in subjects.values() for p in e.protocols))
    intervals = f" {_SPREAD}." if grid.has_spread() else ""
    return _tex(f"Scores over {pairs} pairs under {protocols}, by posegen.{intervals}")


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)


def _tex_cell(cell: Cell) -> str:
    value = rf"\textbf{{{cell.text}}}" if cell.best else _tex(cell.text)
    return rf"{value} {{\scriptsize {_tex(cell.spread)}}}" if cell.spread else value
