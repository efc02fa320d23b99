"""How commands print: results on standard output, all else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

T = TypeVar("T")


@cache
def output() -> Console:
    """The console for results."""
    from posegen.cli.terminal import PlainConsole

    return PlainConsole()


@cache
def errors() -> Console:
    """The console for progress and errors."""
    from posegen.cli.terminal import PlainConsole

    return PlainConsole(stderr=True)


def tolerate_encodings() -> None:
    """Write what the terminal's encoding lacks as escapes, instead of ending with an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(text: str | Text) -> None:
    """Print a line of the result, as it is: never wrapped, coloured or read as markup."""
    output().print(text, soft_wrap=True)


def note(text: str) -> None:
    """Print a line beside the result, as it is."""
    errors().print(text, soft_wrap=True)


def print_json(value: object) -> None:
    """Print a result for other programs."""
    print(json.dumps(value, indent=2))


def print_table(titles: Sequence[str], rows: Iterable[Mapping[str, Any]], fixed: int = 1) -> None:
    """Print a table; texts are shown as they are.

    Args:
        titles: the columns.
        rows: column -> cell; other keys are left out.
        fixed: how many columns, from the left, are never wrapped.
    """
    from rich.table import Table
    from rich.text import Text

    from posegen.cli.terminal import visible

    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, title in enumerate(titles):
        table.add_column(title, no_wrap=place < fixed, overflow="fold")
    for row in rows:
        cells = (row.get(title, "") for title in titles)
        table.add_row(*(c if isinstance(c, Text) else Text(visible(str(c))) for c in cells))
    output().print(table)


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal, and nothing elsewhere; yields a function of (done, total)."""
    with stages() as advance:
        yield partial(advance, title)


def tracked(
    frames: Iterable[T], advance: Callable[[int, int], None], total: int = 0
) -> Iterator[T]:
    """Yield what there is, and tell `progress` after each; a total of 0: as many as there were."""
    for number, frame in enumerate(frames, start=1):
        yield frame
        advance(number, total or number)


@contextmanager
def stages() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each stage of a job, as `progress`.

    Yields a function of (stage, done, total), where a total of 0 is one that nobody knows.
    """
    from rich.progress import MofNCompleteColumn, Progress, TaskID, TextColumn

    title = TextColumn("{task.description}", style="progress.description", markup=False)
    columns = (title, *Progress.get_default_columns()[1:], MofNCompleteColumn())
    shown = errors().is_terminal
    with Progress(*columns, console=errors(), transient=True, disable=not shown) as bars:
        tasks: dict[str, TaskID] = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=None)
            bars.update(tasks[stage], completed=done, total=total or None)

        yield advance
