"""Which files of a folder of results are results, and what belongs to each. Free of torch."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from posegen.core.errors import DataError
from posegen.evaluation.results.layouts import Layout
from posegen.evaluation.results.names import PictureFolder, file_names, is_picture, plain, stem

PAIR_HEADER = ("from", "to")

#: What `posegen eval --save` writes beside the pictures.
_RECORD = "made-from.json"


class Unmatched(NamedTuple):
    """A file that has no partner, or a pair that has no file, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Entry:
    """A result and its partners.

    Attributes:
        file: its name.
        source_name, target_name: what its name says; `source_name` is "" where it says none.
        target, source: files below their folders; "" where there is no such folder.
    """

    file: str
    source_name: str
    target_name: str
    target: str = ""
    source: str = ""


#: Results, and what is left out.
Matched = tuple[list[Entry], list[Unmatched]]


def parse_folder(folder: Path, layout: Layout) -> Matched:
    """Return what the names of a folder's files say, naturally sorted.

    Raises:
        DataError: where there is no such folder, or no picture in it.
    """
    names = [name for name in file_names(folder, "--results") if name != _RECORD]
    if not any(map(is_picture, names)):
        raise DataError(
            f"--results {folder}: holds no picture; give the folder that the pictures are in."
        )
    entries: dict[tuple[str, str], Entry] = {}
    unmatched = []
    for name in names:
        parsed = layout.parse(stem(name))
        if not is_picture(name):
            unmatched.append(Unmatched(name, "not a picture"))
        elif parsed is None:
            unmatched.append(Unmatched(name, f"its name is not of the form {layout.example}"))
        elif parsed in entries:
            reason = f"a second result of one pair, beside {entries[parsed].file}"
            unmatched.append(Unmatched(name, reason))
        else:
            entries[parsed] = Entry(name, *parsed)
    return list(entries.values()), unmatched


def with_targets(entries: Iterable[Entry], targets: PictureFolder, layout: Layout) -> Matched:
    """Find the targets of results."""
    matched, unmatched = [], []
    for entry in entries:
        names = (prefix + entry.target_name for prefix in ("", *layout.prefixes))
        found = next((name for name in map(targets.find, names) if name is not None), None)
        if found is None:
            reason = f"no picture {entry.target_name!r}, or several, in {targets.folder}"
            unmatched.append(Unmatched(entry.file, reason))
        else:
            matched.append(replace(entry, target=found))
    return matched, unmatched


def without_result(entries: Iterable[Entry], targets: PictureFolder) -> list[Unmatched]:
    """Return the targets that no result is of."""
    used = {entry.target for entry in entries}
    left = (name for name in targets.names if name not in used)
    return [Unmatched(str(targets.folder / name), "a target without a result") for name in left]


def with_sources(entries: Iterable[Entry], sources: PictureFolder) -> list[Entry]:
    """Find the sources of results.

    Raises:
        DataError: for one that is not there: without it the baseline would be over other pairs.
    """
    matched = []
    for entry in entries:
        name = entry.source_name or entry.target_name
        found = sources.find(name)
        if found is None:
            raise DataError(
                f"--sources {sources.folder}: has no single picture {name!r}, the source of "
                f"{entry.file}; put it there, or leave out --sources."
            )
        matched.append(replace(entry, source=found))
    return matched


def as_listed(entries: Iterable[Entry], path: Path) -> Matched:
    """Return the results of the pairs in a CSV file (`from,to`), in its order.

    Raises:
        DataError: for a file that is missing or malformed.
    """
    there = {(plain(entry.source_name), plain(entry.target_name)): entry for entry in entries}
    matched, unmatched = [], []
    for source, target in _read_pairs(path):
        entry = there.pop((plain(source), plain(target)), None)
        if entry is None:
            reason = f"a pair of {path.name} without a result"
            unmatched.append(Unmatched(f"{source},{target}", reason))
        else:
            matched.append(entry)
    unmatched += [Unmatched(entry.file, f"not in {path.name}") for entry in there.values()]
    return matched, unmatched


def _read_pairs(path: Path) -> list[tuple[str, str]]:
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except FileNotFoundError:
        raise DataError(f"--pairs {path}: no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--pairs {path}: cannot be read as UTF-8 text ({error}).") from error
    if not rows or tuple(field.strip() for field in rows[0]) != PAIR_HEADER:
        raise DataError(f"--pairs {path}, row 1: the header must be {','.join(PAIR_HEADER)!r}.")
    listed = []
    for number, row in enumerate(rows[1:], start=2):
        if row and len(row) != 2:
            raise DataError(
                f"--pairs {path}, row {number}: has {len(row)} fields between commas, not 2; write "
                f"{','.join(PAIR_HEADER)!r}."
            )
        if row:
            listed.append((row[0].strip(), row[1].strip()))
    return list(dict.fromkeys(listed))
