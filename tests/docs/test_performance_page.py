"""The tables of docs/performance.md are made from the recorded benchmarks in docs/benchmarks.

`POSEGEN_UPDATE_DOCS=1 pytest tests/docs` writes them anew.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from on_device import parts_of_step

UPDATE = os.environ.get("POSEGEN_UPDATE_DOCS", "") not in ("", "0")
PAGES = ("performance.md", "scaling.md")


@pytest.fixture(scope="module")
def recorded(root: Path) -> dict[str, dict[str, Any]]:
    """Name of a benchmark -> what it has printed."""
    files = (root / "docs" / "benchmarks" / "cpu").glob("*.json")
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [tuple(head), tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def both(case: dict[str, Any]) -> tuple[str, ...]:
    return f"{case['ours_s']:.3g}", f"{case['plain_s']:.3g}", f"**{case['ratio']:.3g}**"


def sides(case: dict[str, Any]) -> list[str]:
    """Seconds of a batch, or bytes."""
    return [f"{case[k]:.4g}" for side in ("ours", "plain") for k in case if k.startswith(side)]


def tables(recorded: dict[str, dict[str, Any]]) -> dict[str, str]:
    timed = ("Case", "Ours, s", "Plain, s", "Ratio")
    step = recorded["step"]["cases"]
    return {
        "machine": "PyTorch {torch}, Python {python}, {processor}, {threads} threads.".format_map(
            recorded["step"]
        ),
        "step": table(
            (*timed, "Ours, MiB", "Plain, MiB", "Ratio"),
            (
                (c["name"], *both(c), c["ours_mib"], c["plain_mib"], f"**{c['memory_ratio']}**")
                for c in step
            ),
        ),
        **{
            name: table(timed, ((c["name"], *both(c)) for c in recorded[name]["cases"]))
            for name in ("generate", "eval", "startup", "scaling")
        },
        "data": table(
            ("Case", "Ours", "Plain", "Ratio"),
            ((c["name"], *sides(c), f"**{c['ratio']:.3g}**") for c in recorded["data"]["cases"]),
        ),
        "changes": table(
            ("With", "Time", "Memory"),
            (
                (c["name"], f"{c['ratio']:.2f}", f"{c['memory_ratio']:.2f}")
                for c in recorded["changes"]["cases"]
            ),
        ),
        "flops": table(
            ("Preset, ngf 64", "Generator", "Two discriminators", "VGG", "Step", "Plain step"),
            (
                (preset, *(f"{n / 1e9:.1f}" for n in parts_of_step(preset, 64)))
                for preset in ("market1501", "deepfashion")
            ),
        ),
        "hottest": table(
            ("Before: channels-last and kernels off", "Share", "After", "Share"),
            (
                (f"`{a['name']}`", f"{a['share']:.0%}", f"`{b['name']}`", f"{b['share']:.0%}")
                for a, b in zip(
                    recorded["profile"]["plain"][:8], recorded["profile"]["ours"][:8], strict=True
                )
            ),
        ),
    }


@pytest.mark.parametrize("name", PAGES)
def test_tables_are_those_recorded(
    name: str, root: Path, recorded: dict[str, dict[str, Any]]
) -> None:
    file = root / "docs" / name
    text, known = file.read_text(encoding="utf-8"), tables(recorded)

    def fill(match: re.Match[str]) -> str:
        return f"<!-- measured: {match[1]} -->\n\n{known[match[1]]}\n\n<!-- end -->"

    wanted, count = re.subn(r"<!-- measured: (\w+) -->\n.*?<!-- end -->", fill, text, flags=re.S)
    assert count > 0
    if UPDATE:
        file.write_text(wanted, encoding="utf-8")
    else:
        assert text == wanted
