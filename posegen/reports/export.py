"""A report's numbers for programs. Free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from posegen.evaluation import comparison, record
from posegen.reports.subjects import Subject, sections
from posegen.reports.views import differences

#: Goes up when a reader of older files would misread a newer one.
SCHEMA = 1


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
            {"a": found.a, "b": found.b, **comparison.to_json(found.comparison)}
            for section in sections(subjects)
            for found in differences(section)
        ],
    }
