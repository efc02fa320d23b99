"""Variants beside a baseline: what differs, how sure that is, how it is shown. Free of torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posegen.core.writing import write_atomically
from posegen.evaluation.grid import ARROWS, DASH, decimals

Interval = tuple[float, float] | None


@dataclass(frozen=True)
class Effect:
    """One column of one variant.

    Attributes:
        protocol, column, direction: which, and which way is better.
        means: seed -> the score, over the pairs that all runs of the sweep have.
        difference: how much more it is than the baseline's over the seeds that both have; None for
            the baseline itself, and where there is nothing to compare.
        interval: its 95% interval over seeds and pairs, see `statistics.crossed`.
    """

    protocol: str
    column: str
    direction: str
    means: dict[int, float]
    difference: float | None = None
    interval: Interval = None

    @property
    def verdict(self) -> str:
        """What the numbers allow to say: better, worse, unclear, equal; "" without an interval."""
        if self.difference is None or self.interval is None:
            return ""
        low, high = self.interval
        if low == high == 0:
            return "equal"
        if low <= 0 <= high:
            return "unclear"
        return "better" if (low > 0) == (self.direction == "higher") else "worse"


@dataclass(frozen=True)
class Table:
    """The comparison.

    Attributes:
        baseline: the variant that others are compared with.
        effects: variant -> its columns.
        pairs: how many test pairs all runs have in common.
        missing: variant -> seeds that have no scores.
        notes: what a reader must know beside the numbers.
    """

    baseline: str
    effects: Mapping[str, Sequence[Effect]]
    pairs: int
    missing: Mapping[str, Sequence[int]]
    notes: Sequence[str]


def to_json(table: Table) -> dict[str, Any]:
    """Return a table as plain values for `json.dumps`; none depends on when it was made."""
    return {
        "schema": 1,
        "baseline": table.baseline,
        "pairs": table.pairs,
        "variants": {
            name: [
                {
                    "protocol": one.protocol,
                    "column": one.column,
                    "direction": one.direction,
                    "seeds": {str(seed): value for seed, value in one.means.items()},
                    "mean": mean_of(one),
                    "difference": one.difference,
                    "interval": one.interval and list(one.interval),
                    "verdict": one.verdict or None,
                }
                for one in effects
            ]
            for name, effects in table.effects.items()
        },
        "missing": {name: list(seeds) for name, seeds in table.missing.items()},
        "notes": list(table.notes),
    }


def mean_of(effect: Effect) -> float | None:
    """Return the mean over the seeds; None without any."""
    return sum(effect.means.values()) / len(effect.means) if effect.means else None


def cells(effect: Effect) -> tuple[str, str, str]:
    """Return what stands in a table: the mean, the difference with its interval, the verdict."""
    mean = mean_of(effect)
    if mean is None:
        return DASH, "", ""
    digits = decimals(mean)
    if effect.difference is None:
        return f"{mean:.{digits}f}", "", ""
    change = f"{effect.difference:+.{digits}f}"
    if effect.interval is not None:
        low, high = effect.interval
        change += f" [{low:+.{digits}f}, {high:+.{digits}f}]"
    return f"{mean:.{digits}f}", change, effect.verdict


def to_markdown(table: Table) -> str:
    """Return a table as Markdown: a row per variant, the baseline first."""
    names = [table.baseline, *(name for name in table.effects if name != table.baseline)]
    names = [name for name in names if name in table.effects]
    heads = [f"{one.column} {ARROWS[one.direction]}" for one in table.effects[names[0]]]
    lines = [f"| | {' | '.join(heads)} |", "|".join(["", "---", *("---" for _ in heads), ""])]
    for name in names:
        shown = (" ".join(filter(None, cells(one))) for one in table.effects[name])
        lines.append(f"| {name} | {' | '.join(shown)} |")
    return "\n".join([*lines, "", *(f"- {note}" for note in table.notes), ""])


def write_table(folder: Path, content: Mapping[str, Any], text: str) -> None:
    """Write a table as `table.json` and `table.md`, each whole or not at all."""
    write_atomically(folder / "table.md", text.encode())
    plain = json.dumps(content, indent=2, allow_nan=False) + "\n"
    write_atomically(folder / "table.json", plain.encode())
