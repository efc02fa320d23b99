"""Evaluations as files: `scores.json` and, pair by pair, `scores.csv`. Free of torch.

scores.json   what was scored and every score with its interval; no value is NaN
scores.csv    a line per row and pair: `row,source,target`, then a column for each column of each
              protocol, `patn-2019:market:ssim`, and one for its targets, see `pairing.alike`,
              `patn-2019:market:target`; empty where a pair has no value; and where poses are
              known `causes`, what makes the pair hard, joined by semicolons

Numbers are written so that they are read back to the last bit.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from posegen.core.errors import DataError
from posegen.core.files import read_regular
from posegen.core.texts import LIMIT, parse_json, parse_rows, read_text
from posegen.evaluation import causes
from posegen.evaluation.result import Evaluation, ProtocolScores, Score

#: Goes up when a reader of older files would misread a newer one.
SCHEMA = 2

JSON_NAME, CSV_NAME = "scores.json", "scores.csv"

_ROWS = TypeAdapter(dict[str, dict[str, Score]])

#: What scores.json has beside what `to_json` says: the sha256 of its scores.csv.
_DIGEST = "values_sha256"

_FIXED = ["row", "source", "target"]
_TARGET, _LOOK = "target", re.compile(r"(\d{1,5}x\d{1,5}:[0-9a-f]{32})?")
_CAUSES, _JOINT = "causes", "; "
# Names of files that are not UTF-8 come as lone surrogates, and leave as they came.
_ENCODING: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape"}


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return the evaluation, without its values per image, as plain values for `json.dumps`.

    Returns:
        `schema`, `posegen` (the version), `subject`, `pairs`, `seconds`, `causes`, see
        `causes.to_json`, and `evaluations`, one per protocol: `protocol` (`name`, `version`,
        `variant`, `definition`) and `rows`: row -> column -> `metric`, `value`, `interval`,
        `count`, `direction`, `protocol`, `error`. `value` is null where there is none, and then
        `error` says why. No number is NaN.
    """
    return {
        "schema": SCHEMA,
        "posegen": version("posegen"),
        "subject": dict(evaluation.subject),
        "pairs": evaluation.pairs,
        "seconds": round(evaluation.seconds, 3),
        "causes": causes.to_json(evaluation),
        "evaluations": [
            {
                "protocol": {
                    "name": protocol.name,
                    "version": protocol.version,
                    "variant": protocol.variant,
                    "definition": dict(protocol.definition),
                },
                "rows": {
                    row: {
                        column: {**vars(score), "interval": score.interval and [*score.interval]}
                        for column, score in scores.items()
                    }
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
    from posegen.core.writing import write_atomically

    values = _table(evaluation).encode(**_ENCODING)
    content = {**to_json(evaluation), _DIGEST: hashlib.sha256(values).hexdigest()}
    scores = json.dumps(content, indent=2, allow_nan=False) + "\n"
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
    table = file.with_name(CSV_NAME)
    if missing := [name for name in (file, table) if not name.is_file()]:
        raise DataError(f"{missing[0]}: no such file; `posegen eval` writes it.")
    try:
        content = parse_json(read_text(file))
        if content["schema"] != SCHEMA:
            raise DataError(
                f"{file}: schema {content['schema']}, and this posegen reads schema {SCHEMA}; run "
                "`posegen eval` again."
            )
        protocols = [_protocol(entry) for entry in content["evaluations"]]
        subject, pairs = dict(content["subject"]), int(content["pairs"])
        seconds = float(content["seconds"])
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError) as error:
        raise _damaged(file, error) from None
    try:
        values = read_regular(table, LIMIT)
        if content.get(_DIGEST) not in (None, hashlib.sha256(values).hexdigest()):
            raise ValueError(f"it is not the one that {file.name} was written with")
        lines = io.StringIO(values.decode(**_ENCODING), newline="")
        names, found = _read_values(parse_rows(lines), protocols, pairs)
    except (LookupError, ValueError, OSError) as error:
        raise _damaged(table, error) from None
    return Evaluation(subject, names, protocols, seconds, found)


def _damaged(file: Path, error: Exception) -> DataError:
    reason = " ".join([f"{type(error).__name__}:", *str(error).split()])
    return DataError(f"{file}: not as posegen writes it ({reason}); run `posegen eval` again.")


def _table(evaluation: Evaluation) -> str:
    """Return the text of scores.csv."""
    columns = [
        (protocol, column)
        for protocol in evaluation.protocols
        for column in protocol.columns
        if any(column in values for values in protocol.per_image.values())
    ]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    looks = [protocol for protocol in evaluation.protocols if protocol.looks]
    heads = [f"{protocol.key}:{column}" for protocol, column in columns]
    writer.writerow(
        [
            *_FIXED,
            *heads,
            *(f"{protocol.key}:{_TARGET}" for protocol in looks),
            *([_CAUSES] if evaluation.causes else []),
        ]
    )
    hard = [[_JOINT.join(own) for own in evaluation.causes]] if evaluation.causes else []
    nothing = [math.nan] * evaluation.pairs
    known = [protocol.looks for protocol in looks] + hard
    for row in _row_names(evaluation.protocols):
        values = [protocol.values(row, column) or nothing for protocol, column in columns]
        for place, (pair, *numbers) in enumerate(zip(evaluation.names, *values, strict=True)):
            cells = ["" if math.isnan(number) else repr(float(number)) for number in numbers]
            writer.writerow([row, *pair, *cells, *(seen[place] for seen in known)])
    return buffer.getvalue()


def _protocol(entry: Mapping[str, Any]) -> ProtocolScores:
    about, scores = entry["protocol"], _ROWS.validate_python(entry["rows"])
    return ProtocolScores(
        name=str(about["name"]),
        version=int(about["version"]),
        variant=str(about["variant"]),
        definition=dict(about["definition"]),
        scores=scores,
        per_image={row: {} for row in scores},
    )


def _read_values(
    lines: list[list[str]], protocols: list[ProtocolScores], pairs: int
) -> tuple[list[tuple[str, str]], list[tuple[str, ...]]]:
    """Fill in the protocols' values per image; return the names of the pairs, and their causes.

    Raises:
        LookupError, ValueError: where the table is damaged, or of another evaluation.
    """
    known = {f"{p.key}:{column}": (p, column) for p in protocols for column in p.columns}
    known |= {f"{p.key}:{_TARGET}": (p, "") for p in protocols}
    head, *body = lines
    found: list[tuple[str, ...]] = []
    if head[-1:] == [_CAUSES]:
        head = head[:-1]
        found = [_read_causes(line.pop()) for line in body][:pairs]
    columns = [known[name] for name in head[3:]]
    names = [(line[1], line[2]) for line in body[:pairs]]
    rows = _row_names(protocols)
    expected = [[row, *pair] for row in rows for pair in names]
    if head[:3] != _FIXED or [line[:3] for line in body] != expected or len(names) != pairs:
        raise ValueError(f"its lines are not those of {len(rows)} rows of {pairs} pairs")
    for place, row in enumerate(rows):
        part = zip(*body[place * pairs : (place + 1) * pairs], strict=True)
        for (protocol, column), cells in zip(columns, list(part)[3:], strict=True):
            if not column:
                protocol.looks.extend(cells if place == 0 else ())
                if not all(map(_LOOK.fullmatch, cells)):
                    raise ValueError("a target is not told as posegen tells it")
                continue
            values = [float(cell) if cell else math.nan for cell in cells]
            if not all(map(math.isnan, values)):
                protocol.per_image[row][column] = values
    return names, found


def _read_causes(cell: str) -> tuple[str, ...]:
    own = tuple(cell.split(_JOINT)) if cell else ()
    if not set(own) <= causes.CAUSES.keys():
        raise ValueError(f"{cell!r} is no cause that posegen knows")
    return own


def _row_names(protocols: Sequence[ProtocolScores]) -> list[str]:
    return list(dict.fromkeys(row for protocol in protocols for row in protocol.scores))
