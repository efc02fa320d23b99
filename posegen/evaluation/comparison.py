"""Two evaluations on the same pairs: what differs, and how sure that is. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posegen.core.errors import ConfigError, DataError, suggest
from posegen.evaluation.grid import title
from posegen.evaluation.pairing import common_pairs
from posegen.evaluation.result import BASELINE, Evaluation, ProtocolScores, Score
from posegen.evaluation.statistics import Paired, paired


@dataclass(frozen=True)
class Difference:
    """One column of one protocol.

    Attributes:
        protocol: its title, version included.
        column, direction: the column, and which way is better.
        a, b: the means over the common pairs; for a score that has no value per image (FID), the
            scores themselves, which are over each subject's own pairs.
        pairs: how the values differ pair by pair; None for a score without values per image.
    """

    protocol: str
    column: str
    direction: str
    a: float
    b: float
    pairs: Paired | None

    @property
    def difference(self) -> float:
        """B - A."""
        return self.b - self.a

    @property
    def verdict(self) -> str:
        """What the numbers allow to say."""
        if self.pairs is None:
            return "no interval"
        if self.pairs.interval is None:
            return "too few pairs"
        low, high = self.pairs.interval
        if self.pairs.ties == self.pairs.count:
            return "equal: on every pair"
        if low <= 0 <= high:
            return "unclear: interval includes 0"
        better = "B" if (low > 0) == (self.direction == "higher") else "A"
        return f"{better} better: interval excludes 0"


@dataclass(frozen=True)
class Comparison:
    """Two evaluations compared.

    Attributes:
        pairs_a, pairs_b, common: how many pairs A has, B has, and both have.
        differences: column by column.
        notes: what a reader must know beside the numbers.
    """

    pairs_a: int
    pairs_b: int
    common: int
    differences: Sequence[Difference]
    notes: Sequence[str]


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as plain values for `json.dumps`.

    Returns:
        `pairs` (`a`, `b`, `common`), `columns` and `notes`. Each column has `protocol`, `column`,
        `direction`, `a`, `b`, `difference` and `verdict`; and `interval`, `wins`, `ties`, `losses`
        and `count`, which are null for a score without values per image.
    """
    columns = []
    for one in comparison.differences:
        found = one.pairs
        columns.append(
            {
                "protocol": one.protocol,
                "column": one.column,
                "direction": one.direction,
                "a": one.a,
                "b": one.b,
                "difference": one.difference,
                "interval": None if found is None or not found.interval else [*found.interval],
                "wins": None if found is None else found.wins,
                "ties": None if found is None else found.ties,
                "losses": None if found is None else found.losses,
                "count": None if found is None else found.count,
                "verdict": one.verdict,
            }
        )
    pairs = {"a": comparison.pairs_a, "b": comparison.pairs_b, "common": comparison.common}
    return {"pairs": pairs, "columns": columns, "notes": list(comparison.notes)}


def data_of(evaluation: Evaluation) -> dict[str, Any] | None:
    """Return which data set was scored, or None where that is not known (a folder of results).

    Where it is, and how much of it is kept in memory, does not make it another one.
    """
    data = evaluation.subject.get("data")
    if not isinstance(data, Mapping):
        return None
    return {k: v for k, v in data.items() if k not in ("root", "cache_mib")}


def own_row(protocol: ProtocolScores) -> str:
    """Return the subject's row: the first that is not the baseline, or the baseline alone."""
    return next((row for row in protocol.scores if row != BASELINE), BASELINE)


def compare(
    a: Evaluation, b: Evaluation, columns: Sequence[str] | None = None, seed: int = 0
) -> Comparison:
    """Compare two subjects under the protocols that both were scored under.

    Args:
        a, b: the evaluations; differences are B - A.
        columns: only these columns; None for all that both have.
        seed: of the intervals.

    Raises:
        DataError: where they have no protocol or no pair in common.
        ConfigError: for a column that they do not both have.
    """
    protocols = _common_protocols(a, b)
    places = common_pairs(a.names, b.names)
    if not places:
        raise DataError(
            f"A and B have no pair in common: A's first is {_pair(a)}, B's first is {_pair(b)}; "
            "score both on the same data."
        )
    known = {column for p, q in protocols for column, _, _ in _common_columns(p, q)}
    if unknown := [column for column in columns or [] if column not in known]:
        raise ConfigError(
            f"--metric {unknown[0]}: not a column of both A and B; {suggest(unknown[0], known)}"
        )
    differences: list[Difference] = []
    remarks: list[str] = []
    left_out: dict[str, list[str]] = {}
    for first, second in protocols:
        for column, one, two in _common_columns(first, second):
            if columns is not None and column not in columns:
                continue
            if reason := _incomparable(one, two):
                left_out.setdefault(reason, []).append(column)
                continue
            found = _difference(first, second, column, places, seed)
            differences.append(found)
            remarks += _remarks(found, one, two, len(places))
    remarks += [
        f"{', '.join(dict.fromkeys(names))}: not compared, {reason}"
        for reason, names in left_out.items()
    ]
    notes = [*_about_pairs(a, b, len(places)), *dict.fromkeys(remarks)]
    if sum(d.pairs is not None for d in differences) > 1:
        notes.append(
            "each interval is a 95% one by itself: where nothing differs, one column in 20 still "
            "excludes 0"
        )
    return Comparison(a.pairs, b.pairs, len(places), differences, notes)


def _about_pairs(a: Evaluation, b: Evaluation, common: int) -> Iterator[str]:
    """Yield what is to be said about the pairs that are compared."""
    if not common == a.pairs == b.pairs:
        yield (
            f"{common} pairs are in both, of {a.pairs} in A and {b.pairs} in B; the means are over "
            "these, a score without an interval is over each one's own pairs"
        )
    mine, theirs = data_of(a), data_of(b)
    if mine is not None and theirs is not None and mine != theirs:
        yield f"the data sets are not the same, so pairs of one name may differ: {mine}, {theirs}"


def _pair(evaluation: Evaluation) -> str:
    return " → ".join(filter(None, evaluation.names[0])) if evaluation.names else "none"


def _common_protocols(a: Evaluation, b: Evaluation) -> list[tuple[ProtocolScores, ProtocolScores]]:
    """Return the protocols that are the same in both.

    Raises:
        DataError: where there is none.
    """
    others = {title(protocol): protocol for protocol in b.protocols}
    common = [(p, others[title(p)]) for p in a.protocols if title(p) in others]
    if not common:
        mine = ", ".join(title(protocol) for protocol in a.protocols)
        raise DataError(
            f"A was scored under {mine} and B under {', '.join(others)}: scores of different "
            "protocols cannot be compared; run `posegen eval` on one of them again, with the "
            "other's --protocol."
        )
    return common


def _common_columns(
    first: ProtocolScores, second: ProtocolScores
) -> Iterator[tuple[str, Score, Score]]:
    theirs = second.scores[own_row(second)]
    for column, score in first.scores[own_row(first)].items():
        if column in theirs:
            yield column, score, theirs[column]


def _difference(
    first: ProtocolScores,
    second: ProtocolScores,
    column: str,
    places: Sequence[tuple[int, int]],
    seed: int,
) -> Difference:
    one, two = first.scores[own_row(first)][column], second.scores[own_row(second)][column]
    assert one.value is not None
    assert two.value is not None
    mine = first.per_image.get(own_row(first), {}).get(column)
    theirs = second.per_image.get(own_row(second), {}).get(column)
    found = None
    if mine is not None and theirs is not None:
        found = paired(
            [mine[place] for place, _ in places],
            [theirs[place] for _, place in places],
            "higher" if one.direction == "higher" else "lower",
            seed=seed,
        )
    values = (one.value, two.value) if found is None else (found.a, found.b)
    return Difference(title(first), column, one.direction, *values, found)


def _incomparable(one: Score, two: Score) -> str | None:
    """Return why two scores of a column cannot be compared; None where they can."""
    if one.protocol != two.protocol:
        return f"computed in two ways: A “{one.protocol}”, B “{two.protocol}”"
    for label, score in (("A", one), ("B", two)):
        if score.value is None:
            return f"{label} has no value there"
    return None


def _remarks(found: Difference, one: Score, two: Score, common: int) -> Iterator[str]:
    """Yield what is to be said about a column: over fewer pairs, or not what `eval` shows."""
    if found.pairs is None:
        return
    if found.pairs.count < common:
        yield f"{found.column}: over {found.pairs.count} pairs; the others have no value"
    if not found.pairs.count == one.count == two.count:
        return
    for mean, score in ((found.a, one), (found.b, two)):
        assert score.value is not None
        if not math.isclose(mean, score.value, rel_tol=1e-6, abs_tol=1e-12):
            yield (
                f"{found.column}: the means of the pairs' values; the scores, which are not plain "
                f"means over images, are {one.value:.4f} and {two.value:.4f}"
            )
            return
