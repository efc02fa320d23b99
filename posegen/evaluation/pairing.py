"""Which pairs two evaluations have in common. Free of torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from posegen.evaluation.results.files import FORMS


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
