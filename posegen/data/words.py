"""Numbers of things, in words."""

from __future__ import annotations

import re


def counted(count: int, things: str) -> str:
    """Return a number and what it counts, which is given in the plural.

    >>> counted(2, "unreadable rows of pairs"), counted(1, "unreadable rows of pairs")
    ('2 unreadable rows of pairs', '1 unreadable row of pairs')
    """
    if count == 1:
        things = re.sub(r"s\b", "", things, count=1)
    return f"{count:,} {things}"
