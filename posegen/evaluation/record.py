"""Evaluations as files: `scores.json` and, pair by pair, `scores.csv`. Free of torch.

scores.json   what was scored and every score with its interval; no value is NaN
scores.csv    a line per row and pair: `row,source,target`, then a column for each column of each
              protocol, `patn-2019:market:ssim`; empty where a pair has no value

Numbers are written so that they are read back to the last bit.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from posegen.core.errors import DataError
from posegen.evaluation.grid import key
from posegen.evaluation.result import Evaluation, ProtocolScores, Score

#: Goes up when a reader of older files would misread a newer one.
SCHEMA = 2

JSON_NAME, CSV_NAME = "scores.json", "scores.csv"

_FIXED = ["row", "source", "target"]
# Names of files that are not UTF-8 come as lone surrogates, and leave as they came.
_ENCODING: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape"}


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return the evaluation, without its values per image, as plain values for `json.dumps`.

    Returns:
        `schema`, `posegen` (the version), `subject`, `pairs`, `seconds`, and `evaluations`, one per
        protocol: `protocol` (`name`, `version`, `variant`, `definition`) and `rows`: row -> column
        -> `metric`, `value`, `interval`, `count`, `direction`, `protocol`, `error`. `value` is null
        where there is none, and then `error` says why. No number is NaN.
    """
    return {
        "schema": SCHEMA,
        "posegen": version("posegen"),
        "subject": dict(evaluation.subject),
        "pairs": evaluation.pairs,
        "seconds": round(evaluation.seconds, 3),
        "evaluations": [
            {
                "protocol": {
                    "name": protocol.name,
                    "version": protocol.version,
                    "variant": protocol.variant,
                    "definition": dict(protocol.definition),
                },
                "rows": {
                    row: {column: _plain(score) for column, score in scores.items()}
                    for row, scores in protocol.scores.items()
                },
            }
            for protocol in evaluation.protocols
        ],
    }


def write(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write both files into a folder, each whole or not at all; return their paths.

    Raises:
        ValueError: where the values per image are not one per pair, or a score is NaN.
    """
    from posegen.weights.files import write_atomically

    values = "".join(_lines(evaluation)).encode(**_ENCODING)
    scores = json.dumps(to_json(evaluation), indent=2, allow_nan=False) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / CSV_NAME, folder / JSON_NAME]
    write_atomically(paths[0], values)
    write_atomically(paths[1], scores.encode())  # last: where it is, the other is too
    return paths


def read(path: Path) -> Evaluation:
    """Read what `write` wrote.

    A column without a single value on a row is not among the row's values per image.

    Args:
        path: the folder, or its `scores.json`.

    Raises:
        DataError: for a file that is missing, damaged or of another schema, or where the two files
            do not belong together.
    """
    file = path / JSON_NAME if path.is_dir() else path
    content = _content(file)
    try:
        protocols = [_protocol(entry) for entry in content["evaluations"]]
        subject, pairs = dict(content["subject"]), int(content["pairs"])
        seconds = float(content["seconds"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{file}: not as posegen writes it ({type(error).__name__}: {error}); run `posegen "
            "eval` again."
        ) from None
    names = _read_values(file.with_name(CSV_NAME), protocols, pairs)
    return Evaluation(subject, names, protocols, seconds)


def _plain(score: Score) -> dict[str, Any]:
    return {
        "metric": score.metric,
        "value": score.value,
        "interval": None if score.interval is None else list(score.interval),
        "count": score.count,
        "direction": score.direction,
        "protocol": score.protocol,
        "error": score.error,
    }


def _columns(protocol: ProtocolScores) -> list[str]:
    """Return the columns that have values per image on any row."""
    first = next(iter(protocol.scores.values()), {})
    return [c for c in first if any(c in values for values in protocol.per_image.values())]


def _lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield the lines of scores.csv."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")

    def line(cells: list[str]) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(cells)
        return buffer.getvalue()

    columns = [(p, column) for p in evaluation.protocols for column in _columns(p)]
    yield line([*_FIXED, *(f"{key(protocol)}:{column}" for protocol, column in columns)])
    rows = dict.fromkeys(row for p in evaluation.protocols for row in p.scores)
    nothing = [math.nan] * evaluation.pairs
    for row in rows:
        values = [p.per_image.get(row, {}).get(column, nothing) for p, column in columns]
        for pair, *numbers in zip(evaluation.names, *values, strict=True):
            yield line([row, *pair, *("" if math.isnan(n) else repr(float(n)) for n in numbers)])


def _content(file: Path) -> Mapping[str, Any]:
    """Return the JSON object of a file of this schema."""
    try:
        content = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{file}: no such file; `posegen eval` writes it.") from None
    except (OSError, ValueError) as error:
        raise DataError(
            f"{file}: not readable as JSON ({error}); run `posegen eval` again."
        ) from None
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema == SCHEMA:
        return dict(content)
    if schema == 1:
        raise DataError(
            f"{file}: written by an older posegen, without the scores of each pair; run `posegen "
            "eval` again."
        )
    if isinstance(schema, int):
        raise DataError(
            f"{file}: schema {schema}, and this posegen reads schema {SCHEMA}; update posegen, or "
            "run `posegen eval` again."
        )
    raise DataError(f"{file}: not a file of scores; `posegen eval` writes them.")


def _protocol(entry: Mapping[str, Any]) -> ProtocolScores:
    about = entry["protocol"]
    scores = {
        row: {column: _score(score) for column, score in columns.items()}
        for row, columns in entry["rows"].items()
    }
    return ProtocolScores(
        name=str(about["name"]),
        version=int(about["version"]),
        variant=str(about["variant"]),
        definition=dict(about["definition"]),
        scores=scores,
        per_image={row: {} for row in scores},
    )


def _score(entry: Mapping[str, Any]) -> Score:
    value, ends = entry["value"], entry["interval"]
    return Score(
        metric=str(entry["metric"]),
        value=None if value is None else float(value),
        count=int(entry["count"]),
        direction=str(entry["direction"]),
        protocol=str(entry["protocol"]),
        error=entry["error"],
        interval=None if ends is None else (float(ends[0]), float(ends[1])),
    )


def _read_values(file: Path, protocols: list[ProtocolScores], pairs: int) -> list[tuple[str, str]]:
    """Fill in the protocols' values per image; return the names of the pairs."""

    def wrong(reason: str) -> DataError:
        return DataError(
            f"{file}: {reason}, so it does not belong to the {JSON_NAME} beside it; run `posegen "
            "eval` again."
        )

    try:
        with file.open(newline="", **_ENCODING) as lines:
            head, *body = list(csv.reader(lines))
    except FileNotFoundError:
        raise DataError(f"{file}: no such file; `posegen eval` writes it.") from None
    except (OSError, ValueError, csv.Error) as error:
        raise wrong(f"not readable as a table ({error})") from None
    known = {f"{key(p)}:{column}": (p, column) for p in protocols for column in _names(p)}
    if head[:3] != _FIXED or not all(name in known for name in head[3:]):
        raise wrong(f"its columns are {', '.join(head)}")
    rows = list(dict.fromkeys(row for p in protocols for row in p.scores))
    if len(body) != len(rows) * pairs:
        raise wrong(f"{len(body)} lines for {len(rows)} rows of {pairs} pairs")
    if any(len(line) != len(head) for line in body):
        raise wrong("not every line has every column")
    names = [(line[1], line[2]) for line in body[:pairs]]
    for place, row in enumerate(rows):
        part = body[place * pairs : (place + 1) * pairs]
        if [tuple(line[:3]) for line in part] != [(row, *pair) for pair in names]:
            raise wrong(f"the lines of {row!r} are not those of the other rows' pairs")
        for name, cells in zip(head[3:], list(zip(*part, strict=True))[3:], strict=True):
            protocol, column = known[name]
            try:
                values = [float(cell) if cell else math.nan for cell in cells]
            except ValueError as error:
                raise wrong(f"{name}: {error}") from None
            if not all(map(math.isnan, values)):
                protocol.per_image[row][column] = values
    return names


def _names(protocol: ProtocolScores) -> list[str]:
    return list(next(iter(protocol.scores.values()), {}))
