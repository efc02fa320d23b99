"""Which pairs a gallery shows. Free of torch."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from posegen.evaluation.causes import CAUSES, NO_CAUSE


class Choice(NamedTuple):
    """A pair to show: its place, and why: "typical", "worst", "best" or "random"."""

    place: int
    reason: str


def choose(values: Sequence[float], direction: str, count: int, seed: int = 0) -> list[Choice]:
    """Choose the worst pairs (worst first), the best (best first), and some at random.

    Each kind gets a third of the count, the worst ones what is left over. No pair is chosen twice;
    one without a value can only be chosen at random.

    Args:
        values: one per pair; NaN for none.
        direction: which way is better.
        count: how many pairs in all.
        seed: of what is chosen at random.
    """
    places = ranked(values, direction)
    third = count // 3
    worst = places[: count - 2 * third]
    best = places[len(worst) :][::-1][:third]
    rest = sorted(set(range(len(values))) - {*worst, *best})
    drawn = sorted(random.Random(seed).sample(rest, min(third, len(rest))))
    return [
        Choice(place, reason)
        for reason, chosen in (
            ("worst", worst),
            ("best", best),
            ("random", drawn),
        )
        for place in chosen
    ]


def with_causes(
    chosen: Sequence[Choice],
    values: Sequence[float],
    direction: str,
    causes: Sequence[tuple[str, ...]],
) -> list[Choice]:
    """Let no cause go unseen, and put the worst pairs into groups by their causes.

    A cause that none of the worst pairs has gets the place of the least bad ones, with its own
    worst pair; at most half of the places change hands. Without `causes` nothing changes.
    """
    worst = [choice.place for choice in chosen if choice.reason == "worst"]
    taken = {choice.place for choice in chosen}
    unseen: list[int] = []
    for cause in CAUSES:
        if any(cause in causes[place] for place in [*worst, *unseen] if causes):
            continue
        having = [place for place in ranked(values, direction) if causes and cause in causes[place]]
        unseen += [place for place in having if place not in taken][:1]
    unseen = unseen[: len(worst) // 2]
    worst = by_cause(worst[: len(worst) - len(unseen)] + unseen, causes)
    others = [choice for choice in chosen if choice.reason != "worst"]
    return [*(Choice(place, "worst") for place in worst), *others]


def typical(values: Sequence[float], direction: str) -> Choice:
    """Return the pair in the middle of all values."""
    places = ranked(values, direction)
    return Choice(places[len(places) // 2] if places else 0, "typical")


def ranked(values: Sequence[float], direction: str) -> list[int]:
    """Return the places of the pairs that have a value, the worst first."""
    places = [place for place, value in enumerate(values) if not math.isnan(value)]
    return sorted(places, key=lambda place: values[place], reverse=direction == "lower")


def by_cause(places: Sequence[int], causes: Sequence[tuple[str, ...]]) -> list[int]:
    """Put places into the order of their first cause, those without one last, else as they were."""
    order = [*CAUSES, NO_CAUSE]

    def first(place: int) -> int:
        own = causes[place] if causes else ()
        return order.index(own[0] if own else NO_CAUSE)

    return sorted(places, key=first)
