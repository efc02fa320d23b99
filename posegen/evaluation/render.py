"""An evaluation as a table for people and as a record for programs. Free of torch."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from posegen.evaluation.evaluator import Evaluation, Score

#: Goes up when a reader of older files would misread a newer one.
SCHEMA = 1

_ARROWS = {"higher": "↑", "lower": "↓"}


def table(evaluation: Evaluation) -> Table:
    """Return the scores with the best of each column in bold, and notes below.

    The notes say which metrics could not be computed and why, and how each number is computed.
    """
    outer = Table.grid()
    outer.add_row(_scores(evaluation))
    outer.add_row(_notes(evaluation))
    return outer


def to_json(evaluation: Evaluation, **context: Any) -> dict[str, Any]:
    """Return the evaluation as plain dicts, ready for `json.dumps`.

    Args:
        evaluation: what to write down.
        **context: further top-level entries, such as `data={…}` and `model={…}`: what was scored,
            which the evaluation itself does not know.

    Returns:
        `schema`, `posegen` (the version), `pairs`, `seconds`, the context, and `scores`: row ->
        metric -> `value`, `direction`, `protocol`, `count`, `error`. No value is NaN.

    Raises:
        ValueError: for a context entry named like one of these.
    """
    own: dict[str, Any] = {
        "schema": SCHEMA,
        "posegen": version("posegen"),
        "pairs": evaluation.pairs,
        "seconds": round(evaluation.seconds, 3),
        "scores": {
            row: {name: _record(score) for name, score in scores.items()}
            for row, scores in evaluation.scores.items()
        },
    }
    if clash := own.keys() & context.keys():
        raise ValueError(f"{sorted(clash)} cannot be given: the evaluation itself writes them")
    scores = own.pop("scores")
    return {**own, **context, "scores": scores}


def _record(score: Score) -> dict[str, Any]:
    return {
        "value": score.value,
        "direction": score.direction,
        "protocol": score.protocol,
        "count": score.count,
        "error": score.error,
    }


def _scores(evaluation: Evaluation) -> Table:
    result = Table("", title=f"pairs: {evaluation.pairs}", title_justify="left")
    columns = []
    for name, score in _columns(evaluation).items():
        result.add_column(f"{name} {_ARROWS[score.direction]}", justify="right", no_wrap=True)
        columns.append(_cells([scores[name] for scores in evaluation.scores.values()]))
    for row, cells in zip(evaluation.scores, zip(*columns, strict=True), strict=True):
        result.add_row(Text(row), *cells)
    return result


def _columns(evaluation: Evaluation) -> dict[str, Score]:
    """Every row has the same metrics; one row's scores name and describe them."""
    return next(iter(evaluation.scores.values()))


def _cells(column: list[Score]) -> list[Text]:
    """Return a metric's values as shown, the best in bold where there are two to compare."""
    values = [score.value for score in column if score.value is not None]
    if not values:
        return [Text("–", style="dim") for _ in column]
    digits = 4 if max(abs(value) for value in values) < 10 else 2
    best = max(values) if column[0].direction == "higher" else min(values)
    cells = []
    for score in column:
        shown = "–" if score.value is None else f"{score.value:.{digits}f}"
        # Compared as shown: of two values that print alike, neither is better to the reader.
        bold = len(values) > 1 and shown == f"{best:.{digits}f}"
        cells.append(Text(shown, style="bold" if bold else ""))
    return cells


def _notes(evaluation: Evaluation) -> Text:
    lines = []
    for name, score in _columns(evaluation).items():
        lines.append(Text(f"{name}: {score.protocol}", style="dim"))
        for note, rows in _remarks(evaluation, name).items():
            whose = "" if len(rows) == len(evaluation.scores) else f" ({', '.join(rows)})"
            lines.append(Text(f"{name}{whose}: {note}", style="yellow"))
    return Text("\n").join(lines)


def _remarks(evaluation: Evaluation, metric: str) -> dict[str, list[str]]:
    """Return remark -> the rows it holds for."""
    remarks: dict[str, list[str]] = {}
    for row, scores in evaluation.scores.items():
        score = scores[metric]
        if score.error is not None:
            remarks.setdefault(f"not computed: {score.error}", []).append(row)
        elif score.count < evaluation.pairs:
            remark = f"over {score.count} of {evaluation.pairs} images; the others have no value"
            remarks.setdefault(remark, []).append(row)
    return remarks
