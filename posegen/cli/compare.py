"""`posegen compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from posegen.cli.options import parse_names

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from posegen.evaluation.comparison import Comparison, Difference

_MEANING = (
    "below a difference: its 95% interval; “better”: it excludes 0, “unclear”: it includes 0; B "
    "better: on how many of the pairs"
)
_COLUMNS = ("", "A", "B", "B - A", "B better", "verdict")
#: Characters that all columns need.
_WIDE = 78


def compare(
    a: Annotated[
        Path, typer.Argument(metavar="A", help="A run, or a folder with a scores.json in it.")
    ],
    b: Annotated[Path, typer.Argument(metavar="B", help="What to compare with it.")],
    metric: Annotated[
        str | None, typer.Option(metavar="COLUMN,…", help="Only these columns.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say by how much B differs from A on the same pairs, and how sure that is.

    Both must have been scored by `posegen eval` under the same protocol. Intervals are 95% ones of
    the mean difference per pair.
    """
    from posegen.cli.console import output
    from posegen.evaluation.comparison import compare as differences
    from posegen.evaluation.comparison import to_json
    from posegen.reports.subjects import open_subjects

    first, second = open_subjects([a, b])
    columns = parse_names(metric, "--metric")
    comparison = differences(first.evaluation, second.evaluation, columns)
    if json:
        import json as plain

        content = {"a": str(a), "b": str(b), **to_json(comparison)}
        print(plain.dumps(content, indent=2, allow_nan=False))
        return
    output().print(_tables(comparison, a, b, output().width))


def _tables(comparison: Comparison, a: Path, b: Path, width: int) -> RenderableType:
    """Return a table for each protocol, on a narrow terminal two, and the notes below."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    parts = [range(6)] if width >= _WIDE else [range(4), (0, 4, 5)]
    tables: dict[tuple[str, int], Table] = {}
    for one in comparison.differences:
        cells = _cells(one)
        for number, columns in enumerate(parts):
            key = one.protocol, number
            if key not in tables:
                title = f"protocol: {one.protocol} · pairs: {comparison.common}"
                tables[key] = Table(title=None if number else title, title_justify="left")
                for column in columns:
                    justify: Literal["left", "right"] = "left" if column in (0, 5) else "right"
                    tables[key].add_column(_COLUMNS[column], justify=justify, no_wrap=True)
            tables[key].add_row(*(cells[column] for column in columns))
    notes = [_MEANING, *comparison.notes]
    shown: list[RenderableType] = [Text(f"A: {a}"), Text(f"B: {b}"), Text(""), *tables.values()]
    return Group(*shown, *(Text(note, style="dim") for note in notes))


def _cells(one: Difference) -> list[Text]:
    from rich.text import Text

    from posegen.evaluation.grid import ARROWS, DASH, decimals

    numbers = one.numbers
    digits = decimals(numbers.a, numbers.b)
    difference = Text(f"{numbers.difference:+.{digits}f}")
    if numbers.interval is not None:
        low, high = numbers.interval
        difference.append(f"\n{low:+.{digits}f} to {high:+.{digits}f}", style="dim")
    return [
        Text(f"{one.column} {ARROWS[one.direction]}"),
        Text(f"{numbers.a:.{digits}f}"),
        Text(f"{numbers.b:.{digits}f}"),
        difference,
        Text(DASH if numbers.share is None else f"{100 * numbers.share:.0f}%"),
        Text(one.verdict.partition(":")[0]),
    ]
