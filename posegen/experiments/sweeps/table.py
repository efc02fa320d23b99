"""The comparison at the end of a sweep: variants against the baseline, over pairs and seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from posegen.evaluation.pairing import common_pairs, same_targets
from posegen.evaluation.record import read
from posegen.evaluation.result import Evaluation, ProtocolScores
from posegen.evaluation.statistics import crossed
from posegen.experiments.effects import Effect, Table
from posegen.experiments.sweeps.folder import SweepFolder


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
