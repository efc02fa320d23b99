"""What the page's template sees of a section: tables, charts and facts. Free of torch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from posegen.evaluation.comparison import Comparison, Difference, compare, own_row
from posegen.evaluation.grid import Grid, Line, make_grid, notes, title
from posegen.evaluation.result import BASELINE
from posegen.reports.charts import Series, curves, histogram
from posegen.reports.published import Table, tables_for
from posegen.reports.subjects import Section, Subject

#: How many colours the page's style has; further subjects take them again.
STYLES = 6

#: Columns of a run's log that say nothing about learning.
_NOT_LEARNT = ("step", "epoch", "images_per_second")


@dataclass(frozen=True)
class Group:
    """The rows of one protocol in the table of scores.

    Attributes:
        title: of the protocol, version included.
        lines: the subjects' rows and the baseline's.
        published: published scores that may stand beside them, with a number that leads to their
            sources.
    """

    title: str
    lines: Sequence[Line]
    published: Sequence[Table]


@dataclass(frozen=True)
class Scores:
    """The table of scores, all protocols in one.

    Attributes:
        grid: columns and their directions.
        groups: the rows, protocol by protocol.
        elsewhere: published scores under these protocols, but on other data.
        notes: kind ("how", "missing", "caution") -> lines below the table.
        missing: the columns that some row should have and that were not computed.
    """

    grid: Grid
    groups: Sequence[Group]
    elsewhere: Sequence[Table]
    notes: Mapping[str, Sequence[str]]
    missing: Sequence[str]


@dataclass(frozen=True)
class Differences:
    """How subject B differs from subject A."""

    a: str
    b: str
    comparison: Comparison

    def groups(self) -> dict[str, list[Difference]]:
        """Return protocol -> its columns."""
        found: dict[str, list[Difference]] = {}
        for difference in self.comparison.differences:
            found.setdefault(difference.protocol, []).append(difference)
        return found


@dataclass(frozen=True)
class Charts:
    """The distributions of one protocol's columns."""

    title: str
    charts: Sequence[tuple[str, Markup]]


def heading(section: Section) -> str:
    """Return what a section's subjects were scored on: `people, 64×32, test split`."""
    for subject in section.subjects:
        data = subject.evaluation.subject.get("data")
        if isinstance(data, Mapping):
            size = data.get("image_size")
            shown = f", {size[0]}×{size[1]}" if isinstance(size, list | tuple) else ""
            return f"{data.get('name')}{shown}, {data.get('split', 'test')} split"
    return "folders of results" if len(section.subjects) > 1 else "folder of results"


def pairs_text(section: Section) -> str:
    """Return how many pairs were scored, and where subjects differ, how many they share."""
    counts = {subject.label: subject.evaluation.pairs for subject in section.subjects}
    if set(counts.values()) == {len(section.places)}:
        return f"{len(section.places):,} pairs"
    each = ", ".join(f"{label} {count:,}" for label, count in counts.items())
    return f"not the same pairs: {each}; {len(section.places):,} in common"


def scores(section: Section) -> Scores:
    """Lay out the table of scores."""
    grid = make_grid(section.evaluations)
    protocols = {title(p): p for s in section.subjects for p in s.evaluation.protocols}
    # A table of several protocols stands once, below the last of them.
    last = {table: name for name, p in protocols.items() for table in tables_for(p)}
    near = [table for table in last if all(table.is_about(s.evaluation) for s in section.subjects)]
    groups = [
        Group(
            name,
            [line for line in grid.lines if line.protocol == name],
            [table for table in near if last[table] == name],
        )
        for name in protocols
    ]
    lines: dict[str, list[str]] = {"how": [], "missing": [], "caution": []}
    for note in notes(section.evaluations):
        lines[note.kind].append(note.text)
    for table in near:
        lines["caution"] += [f"published, {table.data}: {note}" for note in table.notes]
        if any(s.evaluation.pairs != table.pairs for s in section.subjects):
            here = ", ".join(f"{s.evaluation.pairs:,}" for s in section.subjects)
            lines["caution"].append(
                f"the published scores are over {table.pairs:,} pairs, ours over {here}"
            )
    missing = dict.fromkeys(
        column
        for subject in section.subjects
        for protocol in subject.evaluation.protocols
        for columns in protocol.scores.values()
        for column, score in columns.items()
        if score.value is None
    )
    elsewhere = [table for table in last if table not in near]
    return Scores(grid, groups, elsewhere, lines, list(missing))


def definitions(section: Section) -> list[tuple[str, str, str, str]]:
    """Return (title, summary, source, definition as JSON) of every protocol of a section."""
    found = {title(p): p.definition for s in section.subjects for p in s.evaluation.protocols}
    return [
        (
            name,
            str(definition.get("summary", "")),
            str(definition.get("source", "")),
            json.dumps(definition, indent=2, ensure_ascii=False),
        )
        for name, definition in found.items()
    ]


def differences(section: Section) -> Iterator[Differences]:
    """Yield the comparison of the section's first subject with every other.

    A pair of subjects without a protocol in common is left out.
    """
    first, *others = section.subjects
    for other in others:
        shared = {title(p) for p in first.evaluation.protocols}
        if shared & {title(p) for p in other.evaluation.protocols}:
            found = compare(first.evaluation, other.evaluation)
            yield Differences(first.label, other.label, found)


def distributions(section: Section, styles: Mapping[str, str]) -> list[Charts]:
    """Draw the distributions of every column that has values per image.

    Args:
        section: the subjects; the baseline is the first one's.
        styles: label -> the class of its colour.
    """
    protocols = {title(p): p for s in section.subjects for p in s.evaluation.protocols}
    found = []
    for name, protocol in protocols.items():
        columns = protocol.scores[own_row(protocol)]
        charts = [
            (column, chart)
            for column in columns
            if (chart := histogram(column, list(_series(section, name, column, styles))))
        ]
        if charts:
            found.append(Charts(name, charts))
    return found


def _series(
    section: Section, protocol: str, column: str, styles: Mapping[str, str]
) -> Iterator[Series]:
    baseline = None
    for subject in section.subjects:
        for scores in subject.evaluation.protocols:
            if title(scores) == protocol:
                values = scores.per_image.get(own_row(scores), {}).get(column)
                if values is not None and own_row(scores) != BASELINE:
                    yield Series(subject.label, styles[subject.label], np.array(values))
                copied = scores.per_image.get(BASELINE, {}).get(column)
                if baseline is None and copied is not None:
                    baseline = Series(BASELINE, "base", np.array(copied))
    if baseline is not None:
        yield baseline


def training(subjects: Sequence[Subject], styles: Mapping[str, str]) -> list[tuple[str, Markup]]:
    """Draw how everything that the runs have logged changed."""
    logs = {subject.label: subject.log() for subject in subjects}
    names = dict.fromkeys(name for log in logs.values() for line in log for name in line)
    charts = []
    for name in names:
        if name in _NOT_LEARNT:
            continue
        series = []
        for label, log in logs.items():
            points = [(line["step"], line[name]) for line in log if name in line]
            if points:
                x, y = np.array(points).T
                series.append(Series(label, styles[label], x, y))
        chart = curves(name, series)
        if chart is not None:
            charts.append((name, chart))
    return charts


def facts(subject: Subject) -> dict[str, str]:
    """Return what there is to know about where a subject's scores are from."""
    evaluation, about = subject.evaluation, subject.evaluation.subject
    environment = subject.environment()
    found: dict[str, Any] = {
        "Path": about.get("path"),
        "Model": about.get("model"),
        "Preset": subject.config().get("preset"),
        "Data": _options(about.get("data")),
        "Layout": about.get("layout"),
        "Targets": about.get("targets"),
        "Sources": about.get("sources"),
        "Pairs": f"{evaluation.pairs:,}",
        "Scored in": f"{evaluation.seconds:,.1f} s",
        "Protocols": ", ".join(title(p) for p in evaluation.protocols),
        "Trained": environment.get("started"),
        "Command": " ".join(map(str, environment.get("command", []))),
        "Device": environment.get("gpu") or ("CPU" if environment else None),
        "Python": environment.get("python"),
        "Packages": _options(environment.get("packages")),
        "Platform": environment.get("platform"),
    }
    return {name: str(value) for name, value in found.items() if value not in (None, "", {})}


def unmatched(subject: Subject) -> tuple[int, Sequence[Mapping[str, str]]]:
    """Return how many files of a folder of results were left out, and some of them."""
    about = subject.evaluation.subject
    files = about.get("unmatched") or []
    return int(about.get("unmatched_count", len(files))), files[:100]


def _options(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return None
    return ", ".join(f"{name} {part}" for name, part in value.items())
