"""Scores by what makes pairs hard. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from posegen.core.specs import BASELINE
from posegen.evaluation.causes import groups, mean_of
from posegen.evaluation.grid import DASH, decimals
from posegen.reports.subjects import Section

#: The part of all pairs that counts as the worst.
_WORST = 0.1


@dataclass(frozen=True)
class Failures:
    """The table of scores by cause.

    Attributes:
        protocol: under which the scores are.
        columns: column -> direction, those with values for each pair.
        rows: per group of pairs `name`, `definition`, `pairs` (their number), `share` (the share of
            all pairs), `worst` (of the worst tenth by the first column of the first subject, how
            many have the cause, as a share) and `lines`: label and cells.
    """

    protocol: str
    columns: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]


def causes_of(section: Section) -> list[tuple[str, ...]]:
    """Return the causes of the section's common pairs; empty where poses are not known."""
    known = section.subjects[0].evaluation.causes
    return [known[places[0]] for places in section.places] if known else []


def failures(section: Section, by: str | None = None) -> Failures | None:
    """Lay out the scores of a section by cause, under its first subject's first protocol.

    Args:
        section: the subjects.
        by: the column that says which pairs are the worst; None for the first with values.

    Returns:
        None where poses are not known, or nothing has values for each pair.
    """
    first = section.subjects[0].evaluation
    protocol = first.protocols[0]
    own = protocol.per_image.get(protocol.own_row, {})
    causes = causes_of(section)
    if not causes or not own:
        return None
    columns = {name: protocol.scores[protocol.own_row][name].direction for name in own}
    values = _values(section, protocol.title, columns)
    leading = by if by in columns else next(iter(columns))
    (_, leader), *_ = values
    worst = _worst(leader[leading], columns[leading])
    found = groups(replace(first, names=section.names(), causes=causes))
    rows = []
    for name, definition, places in [("all pairs", "", [*range(len(causes))]), *found]:
        rows.append(
            {
                "name": name,
                "definition": definition,
                "pairs": len(places),
                "share": len(places) / len(causes),
                "worst": len(worst & set(places)) / len(worst) if worst else 0.0,
                "lines": [
                    (label, [_cell(of[column], places) for column in columns])
                    for label, of in values
                ],
            }
        )
    return Failures(protocol.title, columns, rows)


def _values(
    section: Section, title: str, columns: Mapping[str, str]
) -> list[tuple[str, dict[str, list[float]]]]:
    """Return each subject's label, and the baseline's, with column -> values of common pairs."""
    lines: list[tuple[str, dict[str, list[float]]]] = []
    baseline: dict[str, list[float]] = {}
    missing = [math.nan] * len(section.places)
    for number, subject, protocol in section.under(title):
        for row, into in ((protocol.own_row, None), (BASELINE, baseline)):
            found = {}
            for column in columns:
                whole = protocol.values(row, column)
                if whole is not None:
                    found[column] = [whole[places[number]] for places in section.places]
            if into is None:
                lines.append((subject.label, {c: found.get(c, missing) for c in columns}))
            elif not into:
                into.update(found)
    if baseline and lines[0][0] != BASELINE:
        lines.append((BASELINE, {c: baseline.get(c, missing) for c in columns}))
    return lines


def _worst(values: Sequence[float], direction: str) -> set[int]:
    known = [place for place, value in enumerate(values) if math.isfinite(value)]
    known.sort(key=lambda place: values[place], reverse=direction == "lower")
    return set(known[: max(round(_WORST * len(known)), 1)]) if known else set()


def _cell(values: Sequence[float], places: Sequence[int]) -> str:
    mean = mean_of(values, places)
    return DASH if mean is None else f"{mean:.{decimals(mean)}f}"
