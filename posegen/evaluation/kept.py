"""Which of the evaluations of a run its `scores.json` holds. Free of torch.

RUN/scores.json, scores.csv    the fullest one: what reports, cards and `weights push` read
RUN/scores/NAME/…              the others, each with the same two files

So a quick look at twenty pairs, or at other data, never takes the place of scores over all pairs.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from posegen.core.errors import DataError
from posegen.evaluation.record import JSON_NAME, read, write
from posegen.evaluation.result import Evaluation, ProtocolScores, Score, data_title

#: The folder of the others in a run.
OTHERS = "scores"

#: What of a subject makes it another one; where it is, and how many pairs were asked for, does not.
_SAME = ("kind", "layout", "weights", "precision", "sampling", "seed", "data", "targets", "sources")


class Kept(NamedTuple):
    """Where an evaluation was written.

    Attributes:
        files: the files.
        note: what became of it, or of what was there, where that is not plain; else "".
    """

    files: list[Path]
    note: str = ""


def keep(evaluation: Evaluation, folder: Path) -> Kept:
    """Write an evaluation into a folder, without losing what is there.

    Of the same subject, data and pairs, the columns of both are joined, and of a column that both
    have the newer one stays. Else the fuller one is the folder's: of a run's present weights before
    former ones, of the data that the weights were trained on before others, of more pairs before
    fewer; the other one goes into a folder of `scores/`.

    Raises:
        OSError: where it cannot be written.
    """
    try:
        there = read(folder) if (folder / JSON_NAME).is_file() else None
    except DataError:  # damaged, or of an older posegen: nobody can read it
        there = None
    if there is None:
        return Kept(write(evaluation, folder))
    if _identity(there) == _identity(evaluation):
        return Kept(write(_joined(there, evaluation), folder))
    if _rank(evaluation, evaluation) >= _rank(there, evaluation):
        aside = _aside(there, folder)
        keep(there, aside)
        return Kept(
            write(evaluation, folder), f"The earlier scores over {_over(there)} are in {aside}."
        )
    kept = keep(evaluation, _aside(evaluation, folder))
    return Kept(kept.files, f"{folder / JSON_NAME} keeps the scores over {_over(there)}.")


def others(folder: Path) -> list[Path]:
    """Return the folders of a run's other evaluations, by name."""
    return sorted(path.parent for path in (folder / OTHERS).glob(f"*/{JSON_NAME}"))


def _aside(evaluation: Evaluation, folder: Path) -> Path:
    """Return an evaluation's folder of `scores/`."""
    data = evaluation.data
    digest = hashlib.sha256(json.dumps(_identity(evaluation), default=str).encode()).hexdigest()
    words = [data.get("name") or "results", data.get("split") or "", evaluation.pairs, digest[:6]]
    name = re.sub(r"[^\w.-]+", "-", "-".join(str(word) for word in words if word != ""))
    return folder / OTHERS / name


def _identity(evaluation: Evaluation) -> list[Any]:
    """Return what makes an evaluation another one, as JSON has it."""
    about = {key: evaluation.subject.get(key) for key in _SAME}
    names: list[Any] = [about, [list(pair) for pair in evaluation.names]]
    plain: list[Any] = json.loads(json.dumps(names, default=str))
    return plain


def _rank(evaluation: Evaluation, newest: Evaluation) -> tuple[bool, bool, int]:
    subject = evaluation.subject
    present = subject.get("weights") == newest.subject.get("weights")
    return present, bool(subject.get("trained_on")), evaluation.pairs


def _over(evaluation: Evaluation) -> str:
    data = evaluation.data
    name = f" of {data_title(data)} ({data.get('split', 'test')})" if data else ""
    return f"{evaluation.pairs:,} pairs{name}"


def _joined(old: Evaluation, new: Evaluation) -> Evaluation:
    protocols = {(p.name, p.version, p.variant): p for p in old.protocols}
    for protocol in new.protocols:
        key = protocol.name, protocol.version, protocol.variant
        former = protocols.get(key)
        protocols[key] = protocol if former is None else _with_columns(former, protocol)
    return replace(new, protocols=list(protocols.values()), seconds=old.seconds + new.seconds)


def _with_columns(old: ProtocolScores, new: ProtocolScores) -> ProtocolScores:
    """Return the scores of both; of a column that both have, the newer that has a value."""
    scores: dict[str, dict[str, Score]] = {}
    values: dict[str, dict[str, list[float]]] = {}
    for row in dict.fromkeys([*new.scores, *old.scores]):
        before, after = old.scores.get(row, {}), new.scores.get(row, {})
        scores[row], values[row] = {}, {}
        for column in dict.fromkeys([*before, *after]):
            newer = column in after and (after[column].value is not None or column not in before)
            of = new if newer else old
            scores[row][column] = of.scores[row][column]
            numbers = of.values(row, column)
            if numbers is not None:
                values[row][column] = numbers
    return replace(new, scores=scores, per_image=values, looks=new.looks or old.looks)
