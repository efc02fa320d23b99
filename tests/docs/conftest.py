"""Pages of the documentation, and the code blocks in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(
    r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<code>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    language: str
    title: str | None
    code: str


def find_blocks(text: str) -> list[Block]:
    return [Block(m["language"], m["title"], m["code"]) for m in _FENCE.finditer(text)]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def pages() -> dict[str, str]:
    """Name -> text of every page, the changelog included."""
    paths = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "CHANGELOG.md"]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}


@pytest.fixture(scope="session")
def blocks() -> Callable[[str], list[Block]]:
    """The fenced code blocks of a page's text."""
    return find_blocks
