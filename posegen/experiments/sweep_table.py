"""The comparison at the end of a sweep: variants against the baseline, over pairs and seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posegen.evaluation.grid import ARROWS, DASH, decimals
from posegen.evaluation.pairing import common_pairs, same_targets
from posegen.evaluation.record import read
from posegen.evaluation.result import Evaluation, ProtocolScores
from posegen.evaluation.statistics import crossed
from posegen.experiments.sweep_folder import SweepFolder

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


def compare_runs(folder: SweepFolder) -> Table | None:
    """Compare the runs of a sweep that are done; None where none is."""
    plan = folder.plan
    found: dict[str, dict[int, Evaluation]] = {name: {} for name in plan.variants}
    missing: dict[str, list[int]] = {}
    for run in plan.runs:
        if folder.state(run).state == "done":
            found[run.variant][run.seed] = read(folder.run(run))
        else:
            missing.setdefault(run.variant, []).append(run.seed)
    base = found[plan.baseline]
    first = next((one for runs in (base, *found.values()) for one in runs.values()), None)
    if first is None:
        return None
    effects: dict[str, list[Effect]] = {name: [] for name, runs in found.items() if runs}
    pairs, notes = 0, []
    for protocol in first.protocols:
        # (variant, seed) -> the run's scores under this protocol, and its pairs by those of `first`
        runs = {
            (name, seed): (own, _places(first, one, protocol, own))
            for name, seeds in found.items()
            for seed, one in seeds.items()
            for own in one.protocols
            if own.title == protocol.title
        }
        comparable = [places for _, places in runs.values() if places]
        common = sorted(set.intersection(*map(set, comparable)))
        pairs = max(pairs, len(common))
        if other := sorted({name for (name, _), (_, places) in runs.items() if not places}):
            notes.append(f"{', '.join(other)}: other data, not compared")
        for column in protocol.columns:
            columns = _column({k: v for k, v in runs.items() if v[1]}, column, common)
            for name in effects:
                effects[name].append(_effect(protocol, column, columns, name, plan.baseline))
    notes += _notes(plan.seeds, missing, pairs)
    return Table(plan.baseline, effects, pairs, missing, notes)


def _places(
    first: Evaluation, other: Evaluation, one: ProtocolScores, two: ProtocolScores
) -> dict[int, int]:
    """Return the places of the pairs in `other` by those in `first`; empty for other targets."""
    return dict(same_targets(first, other, common_pairs(first.names, other.names), one, two))


Values = Mapping[tuple[str, int], NDArray[np.float64]]


def _column(
    runs: Mapping[tuple[str, int], tuple[ProtocolScores, dict[int, int]]],
    column: str,
    common: Sequence[int],
) -> Values:
    """Return (variant, seed) -> the values pair by pair, or the score alone where it has none."""
    values: dict[tuple[str, int], NDArray[np.float64]] = {}
    for key, (scores, places) in runs.items():
        per_pair = scores.values(scores.own_row, column)
        score = scores.scores[scores.own_row].get(column)
        if per_pair is not None:
            values[key] = np.array([per_pair[places[place]] for place in common])
        elif score is not None and score.value is not None:
            values[key] = np.array([score.value])
    if not values:
        return {}
    # A pair that has no value in one run (a body that is not there) is left out of all.
    kept = np.all([np.isfinite(one) for one in values.values()], axis=0)
    return {key: one[kept] for key, one in values.items() if kept.any()}


def _effect(
    protocol: ProtocolScores, column: str, values: Values, name: str, baseline: str
) -> Effect:
    direction = next(iter(protocol.scores.values()))[column].direction
    own = {seed: one for (variant, seed), one in values.items() if variant == name}
    base = {seed: one for (variant, seed), one in values.items() if variant == baseline}
    means = {seed: float(one.mean()) for seed, one in own.items()}
    both = [seed for seed in own if seed in base]
    if name == baseline or not both:
        return Effect(protocol.title, column, direction, means)
    differences = np.array([own[seed] - base[seed] for seed in both])
    mean = float(differences.mean())
    return Effect(protocol.title, column, direction, means, mean, crossed(differences))


def _notes(seeds: Sequence[int], missing: Mapping[str, Sequence[int]], pairs: int) -> list[str]:
    notes = [f"means over {len(seeds)} trainings (seeds) and {pairs} test pairs"]
    if len(seeds) > 1:
        over = "over other trainings and other pairs"
    else:
        over = "over other pairs; one training says nothing of others"
    notes.append(f"in brackets: the 95% interval of the difference from the first row's, {over}")
    notes.append("each interval is by itself: where nothing differs, one in 20 still excludes 0")
    notes += [
        f"{name}: without seeds {', '.join(map(str, lost))}" for name, lost in missing.items()
    ]
    return notes


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
