"""Which pairs two evaluations have in common. Free of torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from posegen.evaluation.result import Evaluation, ProtocolScores, data_identity
from posegen.evaluation.results.files import FORMS

#: How many grey levels the means of one picture's fields may differ by, from file to file.
_TOLERANCE = 4


def common_pairs(
    a: Sequence[tuple[str, str]], b: Sequence[tuple[str, str]]
) -> list[tuple[int, int]]:
    """Return the places in A and in B of the pairs that both have, in A's order.

    Names are compared as they are; where that finds nothing, without extensions; and then without
    the `/` and `_` that published scripts leave out. Of pairs with the same names, the first
    matches the first, and so on. Where one side does not know its sources, targets are compared,
    and those that occur more than once are left out.
    """
    by_target = not all(source for source, _ in (*a, *b))
    for form in FORMS:
        places = {pair: place for place, pair in _numbered(b, form, by_target)}
        common = [
            (place, places[pair]) for place, pair in _numbered(a, form, by_target) if pair in places
        ]
        if common:
            return common
    return []


def alike(one: str, other: str) -> bool:
    """Return whether two targets may be the same picture.

    Args:
        one, other: height×width and the mean grey levels of the picture's 4×4 fields, in
            hexadecimal: `128x64:6a6b…`; or "", where that is not known.

    Files of one picture differ by what JPEG does to it, which such means hardly see.
    """
    if not (one and other):
        return True
    (size, levels), (size_other, levels_other) = (look.split(":") for look in (one, other))
    pairs = zip(bytes.fromhex(levels), bytes.fromhex(levels_other), strict=True)
    return size == size_other and all(abs(a - b) <= _TOLERANCE for a, b in pairs)


def data_of(evaluation: Evaluation) -> dict[str, Any] | None:
    """Return which data set was scored, or None where that is not known (a folder of results)."""
    return data_identity(evaluation.data) if evaluation.data else None


def common_protocols(a: Evaluation, b: Evaluation) -> list[tuple[ProtocolScores, ProtocolScores]]:
    """Return A's and B's scores under the protocols, versions included, that both have."""
    others = {protocol.title: protocol for protocol in b.protocols}
    return [(one, others[one.title]) for one in a.protocols if one.title in others]


def same_targets(
    a: Evaluation,
    b: Evaluation,
    places: Sequence[tuple[int, int]],
    one: ProtocolScores,
    two: ProtocolScores,
) -> list[tuple[int, int]]:
    """Return those of the pairs in common whose targets may be the same pictures.

    Args:
        a, b: the evaluations.
        places: of the pairs, in A and in B.
        one, two: A's and B's scores under one protocol. Where they say what the targets look like,
            that decides; else, whether the data sets are the same, as far as that is known.
    """
    if one.looks and two.looks:
        return [(i, k) for i, k in places if alike(one.looks[i], two.looks[k])]
    mine, theirs = data_of(a), data_of(b)
    return list(places) if mine is None or theirs is None or mine == theirs else []


def shared_pairs(a: Evaluation, b: Evaluation) -> list[tuple[int, int]]:
    """Return the places in A and in B of the pairs that are the same pictures in both."""
    places = common_pairs(a.names, b.names)
    both = common_protocols(a, b) or list(zip(a.protocols, b.protocols, strict=False))
    for one, two in both:
        places = same_targets(a, b, places, one, two)
    return places


def _numbered(
    names: Sequence[tuple[str, str]], form: Callable[[str], str], by_target: bool
) -> Iterator[tuple[int, tuple[str, str, int]]]:
    """Yield place and (source, target, how many pairs of these names came before)."""
    shown = [("" if by_target else form(source), form(target)) for source, target in names]
    counts = Counter(shown)
    seen: Counter[tuple[str, str]] = Counter()
    for place, pair in enumerate(shown):
        if not by_target or counts[pair] == 1:
            yield place, (*pair, seen[pair])
            seen[pair] += 1
