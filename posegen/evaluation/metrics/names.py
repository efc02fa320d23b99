"""Pairs by the names that files beside results give them. Free of torch."""

from __future__ import annotations

from posegen.evaluation.results.layouts import LAYOUTS
from posegen.evaluation.results.names import plain, stem

#: The ways to name a pair, in the order in which they are tried.
_WAYS = ("pairs", "gfla")


def pair_key(name: str) -> tuple[str, str]:
    """Return what tells a pair from others out of a result's name: see `key_of`.

    Args:
        name: `SOURCE___TARGET` with or without `_vis`, or `SOURCE_2_TARGET_vis`, with or without
            endings; any other name is the target's, of results that do not name their sources.

    >>> pair_key("a.jpg___b/c.jpg_vis.png")
    ('a', 'bc')
    """
    for way in _WAYS:
        parts = LAYOUTS[way].parse(stem(name))
        if parts is not None:
            return key_of(*parts)
    return key_of("", name)


def key_of(source: str, target: str) -> tuple[str, str]:
    """Return a pair's names without endings, `/` and `_`, which programs change at will."""
    return plain(source), plain(target)
