"""`posegen compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from posegen.evaluation.comparison import Comparison, Difference

_MEANING = (
    "below a difference: its 95% interval; “better”: it excludes 0, “unclear”: it includes 0; B "
    "better: on how many of the pairs"
)


def compare(
    a: Annotated[
        Path, typer.Argument(metavar="A", help="A run, or a folder with a scores.json in it.")
    ],
    b: Annotated[Path, typer.Argument(metavar="B", help="What to compare with it.")],
    metric: Annotated[
        str | None, typer.Option(metavar="COLUMN,…", help="Only these columns.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the intervals.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say by how much B differs from A on the same pairs, and how sure that is.

    Both must have been scored by `posegen eval` under the same protocol. Intervals are 95% ones of
    the mean difference per pair.
    """
    from posegen.cli.console import output
    from posegen.evaluation.comparison import compare as differences
    from posegen.evaluation.comparison import to_json
    from posegen.reports import open_subjects

    first, second = open_subjects([a, b])
    columns = None
    if metric is not None:
        columns = [name.strip() for name in metric.split(",") if name.strip()]
    found = differences(first.evaluation, second.evaluation, columns, seed)
    if json:
        import json as plain

        content = {"a": str(a), "b": str(b), **to_json(found)}
        print(plain.dumps(content, indent=2, allow_nan=False))
        return
    output().print(_tables(found, a, b))


def _tables(found: Comparison, a: Path, b: Path) -> RenderableType:
    """Return a table for each protocol, and the notes below."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = [Text(f"A: {a}"), Text(f"B: {b}"), Text("")]
    for protocol in dict.fromkeys(one.protocol for one in found.differences):
        title = f"protocol: {protocol} · pairs: {found.common}"
        table = Table(title=title, title_justify="left")
        for name in ("", "A", "B", "B - A", "B better", "verdict"):
            table.add_column(
                name, justify="left" if name in ("", "verdict") else "right", no_wrap=True
            )
        for one in found.differences:
            if one.protocol == protocol:
                table.add_row(*_cells(one))
        parts.append(table)
    notes = [_MEANING, *found.notes]
    return Group(*parts, *(Text(note, style="dim") for note in notes))


def _cells(one: Difference) -> list[Text]:
    from rich.text import Text

    from posegen.evaluation.grid import ARROWS, DASH

    digits = 2 if max(abs(one.a), abs(one.b)) >= 10 else 4
    difference = Text(f"{one.difference:+.{digits}f}")
    share = DASH
    if one.pairs is not None:
        share = f"{100 * one.pairs.wins / one.pairs.count:.0f}%"
        if one.pairs.interval is not None:
            low, high = one.pairs.interval
            difference.append(f"\n{low:+.{digits}f} to {high:+.{digits}f}", style="dim")
    values = [f"{one.column} {ARROWS[one.direction]}", f"{one.a:.{digits}f}", f"{one.b:.{digits}f}"]
    verdict = one.verdict.partition(":")[0]
    return [*map(Text, values), difference, Text(share), Text(verdict)]
