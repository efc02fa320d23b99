"""Two evaluations on the same pairs: what differs, and how sure that is. Free of torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from posegen.core.errors import ConfigError, DataError, suggest
from posegen.evaluation.pairing import common_pairs, common_protocols, data_of, same_targets
from posegen.evaluation.result import Evaluation, ProtocolScores
from posegen.evaluation.statistics import Paired, paired


@dataclass(frozen=True)
class Difference:
    """One column of one protocol.

    Attributes:
        protocol: its title, version included.
        column, direction: the column, and which way is better.
        numbers: over the common pairs; for a score that has no value per image (FID), the scores
            themselves, which are over each subject's own pairs.
        other_data: whether the targets of A and B are other pictures, so that nothing can be said;
            then the numbers are each subject's own scores.
    """

    protocol: str
    column: str
    direction: str
    numbers: Paired

    other_data: bool = False

    @property
    def verdict(self) -> str:
        """What the numbers allow to say."""
        if self.other_data:
            return "other data: the targets are not the same pictures"
        if self.numbers.count is None:
            return "no interval"
        if self.numbers.interval is None:
            return "too few pairs"
        low, high = self.numbers.interval
        if self.numbers.ties == self.numbers.count:
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
    columns = [
        {
            "protocol": one.protocol,
            "column": one.column,
            "direction": one.direction,
            **vars(one.numbers),
            "interval": one.numbers.interval and list(one.numbers.interval),
            "verdict": one.verdict,
        }
        for one in comparison.differences
    ]
    pairs = {"a": comparison.pairs_a, "b": comparison.pairs_b, "common": comparison.common}
    return {"pairs": pairs, "columns": columns, "notes": list(comparison.notes)}


def compare(a: Evaluation, b: Evaluation, columns: Sequence[str] | None = None) -> Comparison:
    """Compare two subjects under the protocols that both were scored under.

    Args:
        a, b: the evaluations; differences are B - A.
        columns: only these columns; None for all that both have.

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
    known = {column for one, two in protocols for column in one.columns if column in two.columns}
    if unknown := [column for column in columns or [] if column not in known]:
        raise ConfigError(
            f"--metric {unknown[0]}: not a column of both A and B; {suggest(unknown[0], known)}"
        )
    differences: list[Difference] = []
    notes = list(_about_pairs(a, b, len(places)))
    for one, two in protocols:
        same = same_targets(a, b, places, one, two)
        if len(same) < len(places):
            notes.append(_about_targets(one, two, places, same))
        for column in [name for name in one.columns if name in (columns or known)]:
            if column not in two.columns:
                continue
            made = _difference(one, two, column, same)
            if isinstance(made, str):
                notes.append(f"{column}: not compared, {made}")
                continue
            differences.append(made)
            if made.numbers.count is not None and made.numbers.count < len(same):
                notes.append(f"{column}: over {made.numbers.count} pairs; the others have no value")
    if sum(one.numbers.count is not None for one in differences) > 1:
        notes.append(
            "each interval is a 95% one by itself: where nothing differs, one column in 20 still "
            "excludes 0"
        )
    return Comparison(a.pairs, b.pairs, len(places), differences, list(dict.fromkeys(notes)))


def _about_pairs(a: Evaluation, b: Evaluation, common: int) -> Iterator[str]:
    """Yield what is to be said about the pairs that are compared."""
    if not common == a.pairs == b.pairs:
        yield (
            f"{common} pairs are in both, of {a.pairs} in A and {b.pairs} in B; the means are over "
            "these, a score without an interval is over each one's own pairs"
        )
    mine, theirs = data_of(a), data_of(b)
    if mine and theirs and mine != theirs:
        keys = [key for key in {**mine, **theirs} if mine.get(key) != theirs.get(key)]
        told = [
            ", ".join(f"{key} {_plain(data.get(key))}" for key in keys) for data in (mine, theirs)
        ]
        yield f"the data sets are not the same: A has {told[0]}; B has {told[1]}"


def _plain(value: object) -> str:
    if value is None:
        return "not given"
    return " x ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _about_targets(
    one: ProtocolScores,
    two: ProtocolScores,
    places: Sequence[tuple[int, int]],
    same: Sequence[tuple[int, int]],
) -> str:
    """Say that targets of one name are other pictures."""
    if same:
        return (
            f"{one.title}: {len(places) - len(same)} of {len(places)} pairs have the same names "
            f"but other target pictures, and are left out"
        )
    sizes = {look.partition(":")[0] for look in (*one.looks[:1], *two.looks[:1])} - {""}
    shown = f" ({' and '.join(sorted(sizes))} pixels)" if len(sizes) > 1 else ""
    return (
        f"{one.title}: the pairs have the same names, but their targets are other pictures{shown}: "
        "no verdict; score both on the same data"
    )


def _pair(evaluation: Evaluation) -> str:
    return " → ".join(filter(None, evaluation.names[0])) if evaluation.names else "none"


def _common_protocols(a: Evaluation, b: Evaluation) -> list[tuple[ProtocolScores, ProtocolScores]]:
    """Return the protocols that are the same in both.

    Raises:
        DataError: where there is none.
    """
    common = common_protocols(a, b)
    if not common:
        mine, theirs = (", ".join(p.title for p in one.protocols) for one in (a, b))
        raise DataError(
            f"A was scored under {mine} and B under {theirs}: scores of different "
            "protocols cannot be compared; run `posegen eval` on one of them again, with the "
            "other's --protocol."
        )
    return common


def _difference(
    first: ProtocolScores,
    second: ProtocolScores,
    column: str,
    places: Sequence[tuple[int, int]],
) -> Difference | str:
    """Return how a column differs, or why it cannot be compared.

    Args:
        first, second: the scores of A and B.
        column: the column.
        places: the pairs in common; none where the data are not the same.
    """
    one, two = first.scores[first.own_row][column], second.scores[second.own_row][column]
    if one.protocol != two.protocol:
        return f"computed in two ways: A “{one.protocol}”, B “{two.protocol}”"
    if one.value is None or two.value is None:
        return f"{'A' if one.value is None else 'B'} has no value there"
    numbers = None
    mine, theirs = first.values(first.own_row, column), second.values(second.own_row, column)
    if mine is not None and theirs is not None and places:
        numbers = paired(
            [mine[place] for place, _ in places],
            [theirs[place] for _, place in places],
            one.direction,
        )
    numbers = numbers or Paired(one.value, two.value, two.value - one.value)
    return Difference(first.title, column, one.direction, numbers, other_data=not places)
