"""Which files of a folder of results are results, and what belongs to each. Free of torch."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from posegen.core.errors import ConfigError, DataError
from posegen.core.texts import parse_rows, read_text
from posegen.data.pictures import is_picture
from posegen.evaluation.results.files import (
    RECORD,
    PictureFolder,
    file_names,
    plain,
    stem,
)
from posegen.evaluation.results.layouts import Layout

PAIR_HEADER = ["from", "to"]


class Unmatched(NamedTuple):
    """A file that has no partner, or a pair that has no file, and why."""

    file: str
    reason: str


#: How long an expression may take for all names of a folder.
_SECONDS = 5.0


@contextmanager
def _within(seconds: float, what: str) -> Iterator[None]:
    """End a regular expression that does not end by itself; it looks for signals as it works.

    Signals reach the main thread alone, so in others it goes on for as long as it takes.

    Raises:
        ConfigError: after so many seconds.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(
        signal, "setitimer"
    ):
        yield
        return

    def end(*given: object) -> None:
        raise ConfigError(
            f"{what}: has not matched all names of files after {seconds:g} seconds; write an "
            "expression without repeated groups that may match the same."
        )

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclass(frozen=True)
class ResultFile:
    """A generated picture and its partners.

    Attributes:
        name: of its file.
        source_name, target_name: what its name says; `source_name` is "" where it says none.
        others: what else its name may say, where it can be read in several ways.
        target, source: files below their folders; "" where there is no such folder.
    """

    name: str
    source_name: str
    target_name: str
    others: tuple[tuple[str, str], ...] = ()
    target: str = ""
    source: str = ""

    @property
    def readings(self) -> tuple[tuple[str, str], ...]:
        """All that its name may say of (source, target)."""
        return ((self.source_name, self.target_name), *self.others)

    def read_as(self, source: str, target: str) -> ResultFile:
        """Return the file, once it is known what its name says."""
        return replace(self, source_name=source, target_name=target, others=())


#: Results, and what is left out.
Matched = tuple[list[ResultFile], list[Unmatched]]


def parse_folder(folder: Path, layout: Layout) -> Matched:
    """Return what the names of a folder's files say, naturally sorted.

    Raises:
        DataError: where there is no such folder, or no picture in it.
    """
    names = [name for name in file_names(folder, "--results") if name != RECORD]
    if not any(map(is_picture, names)):
        raise DataError(
            f"--results {folder}: holds no picture; give the folder that the pictures are in."
        )
    results: dict[tuple[tuple[str, str], ...], ResultFile] = {}
    unmatched = []
    with _within(_SECONDS, f"--layout {layout.pattern}"):
        parsed = [tuple(layout.readings(stem(name))) for name in names]
    for name, readings in zip(names, parsed, strict=True):
        if not is_picture(name):
            unmatched.append(Unmatched(name, "not a picture"))
        elif not readings:
            unmatched.append(Unmatched(name, f"its name is not of the form {layout.example}"))
        elif readings in results:
            reason = f"a second result of one pair, beside {results[readings].name}"
            unmatched.append(Unmatched(name, reason))
        else:
            results[readings] = ResultFile(name, *readings[0], others=readings[1:])
    return list(results.values()), unmatched


def with_targets(
    results: Iterable[ResultFile],
    targets: PictureFolder,
    layout: Layout,
    sources: PictureFolder | None = None,
) -> Matched:
    """Find the targets of results.

    A name that can be read in several ways is read as the one whose target is there, and of several
    such, as the one whose source is in `sources`, or where there is none, beside the targets.
    """
    matched, unmatched = [], []
    for result in results:
        found = {}
        for reading in result.readings:
            names = (prefix + reading[1] for prefix in ("", *layout.prefixes))
            if target := next(filter(None, map(targets.find, names)), None):
                found[reading] = target
        if len(found) > 1:
            known = {
                pair: target for pair, target in found.items() if (sources or targets).find(pair[0])
            }
            found = known if len(known) == 1 else found
        if len(found) == 1:
            ((reading, target),) = found.items()
            matched.append(replace(result.read_as(*reading), target=target))
            continue
        wanted = " or ".join(repr(target) for _, target in found or result.readings)
        reason = f"no picture {wanted}, or several, in {targets.folder}"
        if found:
            reason = f"it may be of {wanted}, and which is not known; give the pairs with --pairs"
        unmatched.append(Unmatched(result.name, reason))
    return matched, unmatched


def without_result(results: Iterable[ResultFile], targets: PictureFolder) -> list[Unmatched]:
    """Return the targets that no result is of."""
    used = {result.target for result in results}
    left = (name for name in targets.names if name not in used)
    return [Unmatched(str(targets.folder / name), "a target without a result") for name in left]


def with_sources(results: Iterable[ResultFile], sources: PictureFolder) -> list[ResultFile]:
    """Find the sources of results.

    Raises:
        DataError: for one that is not there: without it the baseline would be over other pairs.
    """
    matched = []
    for result in results:
        name = result.source_name or result.target_name
        source = sources.find(name)
        if source is None:
            raise DataError(
                f"--sources {sources.folder}: has no single picture {name!r}, the source of "
                f"{result.name}; put it there, or leave out --sources."
            )
        matched.append(replace(result, source=source))
    return matched


def as_listed(results: Iterable[ResultFile], path: Path) -> Matched:
    """Return the results of the pairs in a CSV file (`from,to`), in its order.

    Raises:
        DataError: for a file that is missing or malformed.
    """
    left = {result.name: result for result in results}
    named = {
        (plain(source), plain(target)): (result.name, (source, target))
        for result in left.values()
        for source, target in result.readings
    }
    matched, unmatched = [], []
    for source, target in _read_pairs(path):
        name, reading = named.get((plain(source), plain(target)), ("", ("", "")))
        if result := left.pop(name, None):
            matched.append(result.read_as(*reading))
        else:
            reason = f"a pair of {path.name} without a result"
            unmatched.append(Unmatched(f"{source},{target}", reason))
    unmatched += [Unmatched(result.name, f"not in {path.name}") for result in left.values()]
    return matched, unmatched


def _read_pairs(path: Path) -> list[tuple[str, ...]]:
    try:
        parsed = parse_rows(read_text(path).splitlines())
    except (OSError, ValueError) as error:
        raise DataError(f"--pairs {path}: cannot be read as UTF-8 text ({error}).") from None
    rows = [tuple(field.strip() for field in row) for row in parsed]
    header = ",".join(PAIR_HEADER)
    if rows[:1] != [tuple(PAIR_HEADER)]:
        raise DataError(f"--pairs {path}, row 1: the header must be {header!r}.")
    for number, row in enumerate(rows, start=1):
        if row and len(row) != 2:
            raise DataError(
                f"--pairs {path}, row {number}: has {len(row)} fields between commas, not 2; write "
                f"{header!r}."
            )
    return list(dict.fromkeys(filter(None, rows[1:])))
