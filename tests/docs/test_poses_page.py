"""The page on poses: its tables are made from the skeletons, their conversions and the formats.

`POSEGEN_UPDATE_DOCS=1 pytest tests/docs` writes them anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from posegen.core.skeletons import OPENPOSE18, SKELETONS
from posegen.poses.conversions import origins
from posegen.poses.formats import FORMATS

UPDATE = os.environ.get("POSEGEN_UPDATE_DOCS", "") not in ("", "0")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def skeletons() -> str:
    rows = [(f"`{one.name}`", str(len(one)), one.title) for one in SKELETONS.values()]
    return table(("Skeleton", "Joints", "Whose it is"), rows)


def conversions() -> str:
    others = [name for name in SKELETONS if name != OPENPOSE18.name]
    tables = [origins(name, OPENPOSE18.name) for name in others]

    def cell(joints: tuple[int, ...]) -> str:
        return str(joints[0]) if len(joints) == 1 else f"midpoint of {joints[1]} and {joints[0]}"

    rows = [
        (str(number), joint.replace("_", " "), *(cell(each[number]) for each in tables))
        for number, joint in enumerate(OPENPOSE18.joints)
    ]
    return table(("", "Joint", *(f"`{name}`" for name in others)), rows)


def formats() -> str:
    rows = [
        (
            f"`{found.name}`",
            found.title,
            ", ".join(f"`{name}`" for name in found.skeletons),
            f"{found.threshold:g}" if found.threshold else "any",
        )
        for found in FORMATS.values()
    ]
    return table(("Format", "What writes it", "Skeletons", "Confidence"), rows)


@pytest.mark.parametrize("make", [skeletons, conversions, formats])
def test_tables_are_those_of_the_code(make: Callable[[], str], root: Path) -> None:
    path = root / "docs" / "poses.md"
    text = path.read_text(encoding="utf-8")
    start, end = f"<!-- generated: {make.__name__} -->\n", "<!-- end -->"
    before, mark, rest = text.partition(start)
    assert mark, f"docs/poses.md has no {start!r}"
    old, mark, after = rest.partition(end)
    assert mark
    new = f"\n{make()}\n\n"
    if UPDATE:
        path.write_text(before + start + new + end + after, encoding="utf-8")
        return
    assert old == new, "docs/poses.md: renew it with POSEGEN_UPDATE_DOCS=1 pytest tests/docs"


def test_the_readmes_of_the_detectors_are_there(root: Path) -> None:
    for package in ("posegen-movenet", "posegen-mediapipe", "posegen-rtmlib"):
        assert (root / "plugins" / package / "README.md").is_file()
