"""What a report says of a section, for the page's template and as JSON. Free of torch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from markupsafe import Markup

from posegen.core.specs import BASELINE
from posegen.evaluation import record
from posegen.evaluation.comparison import Comparison, compare, to_json
from posegen.evaluation.grid import make_grid, notes
from posegen.evaluation.kept import others
from posegen.evaluation.result import data_title
from posegen.reports.charts import Series, curves, histogram
from posegen.reports.published import tables_for
from posegen.reports.subjects import Section, Subject, sections

#: The version of `as_json`; goes up when a reader of older files would misread a newer one.
SCHEMA = 1

#: Columns of a run's log that say nothing about learning.
_NOT_LEARNT = ("step", "epoch", "images_per_second")


def as_json(subjects: Sequence[Subject]) -> dict[str, Any]:
    """Return what a report says in numbers, as plain values for `json.dumps`.

    Returns:
        `schema`, `posegen` (the version), `subjects`: label -> what `posegen eval --json` prints,
        and `differences`: for subjects on the same data, `a`, `b` and what `posegen compare --json`
        prints, the first against every other.
    """
    return {
        "schema": SCHEMA,
        "posegen": version("posegen"),
        "subjects": {subject.label: record.to_json(subject.evaluation) for subject in subjects},
        "differences": [
            {"a": a, "b": b, **to_json(comparison)}
            for section in sections(subjects)
            for a, b, comparison in differences(section)
        ],
    }


def heading(section: Section) -> str:
    """Return what a section's subjects were scored on: `people, 64×32, test split`."""
    for subject in section.subjects:
        if data := subject.evaluation.data:
            size = data.get("image_size")
            shown = f", {size[0]}×{size[1]}" if size else ""
            return f"{data_title(data)}{shown}, {data.get('split', 'test')} split"
    return "folders of results" if len(section.subjects) > 1 else "folder of results"


def pairs_text(section: Section) -> str:
    """Return how many pairs were scored, and where subjects differ, how many they share."""
    counts = {subject.label: subject.evaluation.pairs for subject in section.subjects}
    if set(counts.values()) == {len(section.places)}:
        return f"{len(section.places):,} pairs"
    each = ", ".join(f"{label} {count:,}" for label, count in counts.items())
    return f"not the same pairs: {each}; {len(section.places):,} in common"


def scores(section: Section) -> dict[str, Any]:
    """Lay out the table of scores, all protocols in one.

    Returns:
        `grid`: the table; `published`: title of a protocol -> tables of published scores that may
        stand below its rows; `elsewhere`: those under these protocols, but on other data; `notes`:
        kind ("how", "missing", "caution") -> lines below the table; `missing`: the columns that
        some row should have and that were not computed.
    """
    tables = {table.title: table for p in section.protocols.values() for table in tables_for(p)}
    # A table of several protocols stands once, below the last of them.
    last = {table.title: name for name, p in section.protocols.items() for table in tables_for(p)}
    evaluations = section.evaluations.values()
    near = [table for table in tables.values() if all(map(table.is_about, evaluations))]
    lines: dict[str, list[str]] = {"how": [], "missing": [], "caution": []}
    for note in notes(section.evaluations):
        lines[note.kind].append(note.text)
    for table in near:
        lines["caution"] += [f"published, {table.data}: {note}" for note in table.notes]
        if any(evaluation.pairs != table.pairs for evaluation in evaluations):
            here = ", ".join(f"{evaluation.pairs:,}" for evaluation in evaluations)
            lines["caution"].append(
                f"the published scores are over {table.pairs:,} pairs, ours over {here}"
            )
    missing = dict.fromkeys(
        column
        for evaluation in evaluations
        for protocol in evaluation.protocols
        for columns in protocol.scores.values()
        for column, score in columns.items()
        if score.value is None
    )
    return {
        "grid": make_grid(section.evaluations),
        "published": {
            name: [table for table in near if last[table.title] == name]
            for name in section.protocols
        },
        "elsewhere": [table for table in tables.values() if table not in near],
        "notes": lines,
        "missing": list(missing),
    }


def definitions(section: Section) -> dict[str, tuple[Mapping[str, Any], str]]:
    """Return title -> definition, and the same as JSON, of every protocol of a section."""
    return {
        name: (protocol.definition, json.dumps(protocol.definition, indent=2, ensure_ascii=False))
        for name, protocol in section.protocols.items()
    }


def differences(section: Section) -> Iterator[tuple[str, str, Comparison]]:
    """Yield the comparison of the section's first subject with every other: labels of A and B.

    A pair of subjects without a protocol in common is left out.
    """
    first, *others = section.subjects
    for other in others:
        shared = {protocol.title for protocol in first.evaluation.protocols}
        if shared & {protocol.title for protocol in other.evaluation.protocols}:
            yield first.label, other.label, compare(first.evaluation, other.evaluation)


def distributions(
    section: Section, styles: Mapping[str, str]
) -> dict[str, list[tuple[str, Markup]]]:
    """Draw the distributions of every column that has values per image.

    Args:
        section: the subjects; the baseline is the first one's.
        styles: label -> the class of its colour.

    Returns:
        Title of each protocol -> its columns and their charts.
    """
    drawn = {}
    for title, protocol in section.protocols.items():
        charts = [
            (column, histogram(column, _series(section, title, column, styles)))
            for column in protocol.columns
        ]
        drawn[title] = [(column, chart) for column, chart in charts if chart is not None]
    return {title: charts for title, charts in drawn.items() if charts}


def _series(section: Section, title: str, column: str, styles: Mapping[str, str]) -> list[Series]:
    series, baselines = [], []
    for _, subject, protocol in section.under(title):
        values = protocol.values(protocol.own_row, column)
        if values is not None and protocol.own_row != BASELINE:
            series.append(Series(subject.label, styles[subject.label], np.array(values)))
        copied = protocol.values(BASELINE, column)
        if copied is not None:
            baselines.append(Series(BASELINE, "base", np.array(copied)))
    return series + baselines[:1]


def training(subjects: Sequence[Subject], styles: Mapping[str, str]) -> list[tuple[str, Markup]]:
    """Draw how everything that the runs have logged changed."""
    logs = {subject.label: subject.log() for subject in subjects}
    names = dict.fromkeys(name for log in logs.values() for line in log for name in line)
    charts = []
    for name in names:
        series = []
        for label, log in logs.items():
            points = [(line["step"], line[name]) for line in log if name in line]
            if points and name not in _NOT_LEARNT:
                x, y = np.array(points).T
                series.append(Series(label, styles[label], x, y))
        charts.append((name, curves(name, series)))
    return [(name, chart) for name, chart in charts if chart is not None]


def facts(subject: Subject) -> dict[str, str]:
    """Return what there is to know about where a subject's scores are from."""
    evaluation, about = subject.evaluation, subject.evaluation.subject
    environment = subject.environment()
    facts: dict[str, Any] = {
        "Path": about.get("path"),
        "Model": about.get("model"),
        "Preset": subject.config().get("preset"),
        "Data": _options(about.get("data")),
        "Sampling": _options(about.get("sampling")),
        "Seed": about.get("seed"),
        "Layout": about.get("layout"),
        "Targets": about.get("targets"),
        "Sources": about.get("sources"),
        "Pairs": f"{evaluation.pairs:,}",
        "Scored in": f"{evaluation.seconds:,.1f} s",
        "Other scores": ", ".join(str(place) for place in others(subject.path)),
        "Protocols": ", ".join(protocol.title for protocol in evaluation.protocols),
        "Trained": environment.get("started"),
        "Command": " ".join(map(str, environment.get("command", []))),
        "Device": environment.get("gpu") or ("CPU" if environment else None),
        "Python": environment.get("python"),
        "Packages": _options(environment.get("packages")),
        "Platform": environment.get("platform"),
    }
    return {name: str(value) for name, value in facts.items() if value not in (None, "")}


def _options(value: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{name} {part}" for name, part in (value or {}).items())
