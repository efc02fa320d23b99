"""The results of an evaluation. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from posegen.core.specs import BASELINE


def data_identity(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells a data set from others.

    Where it is, and how much of it is kept in memory, does not make it another one.
    """
    return {key: value for key, value in data.items() if key not in ("root", "cache_mib")}


def data_title(data: Mapping[str, Any]) -> str:
    """Return what a data set is called: a folder by its name, whatever the layout it is in."""
    name, root = str(data.get("name")), data.get("root")
    folder = PurePath(str(root)).name if root else ""
    return f"{folder} ({name} layout)" if folder and folder != name else name


@dataclass(frozen=True)
class Score:
    """One column's result on one row.

    Attributes:
        metric: the metric component's name.
        value: the score, finite; None where there is none.
        count: how many images it is over.
        direction: "higher" or "lower": which way is better.
        protocol: how the number is computed, in one line.
        error: why there is no value; None where there is one.
        interval: the 95% confidence interval of a mean over images; None for other scores.
    """

    metric: str
    value: float | None
    count: int
    direction: str
    protocol: str
    error: str | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class ProtocolScores:
    """The scores under one protocol.

    Attributes:
        name, version, variant: which protocol, and which of its variants.
        definition: all that the protocol file says about the variant, and what was changed.
        scores: row -> column -> score; the same columns in every row.
        per_image: row -> column -> one value per pair of the evaluation, NaN where a pair has none;
            only the columns that have such values and were computed to the end.
        looks: what each pair's target looks like to the first column, see `pairing.alike`; empty
            where that is not known.
    """

    name: str
    version: int
    variant: str
    definition: Mapping[str, Any]
    scores: dict[str, dict[str, Score]]
    per_image: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    looks: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Name and variant, as `--protocol` takes them: `patn-2019:market1501`."""
        return f"{self.name}:{self.variant}" if self.variant else self.name

    @property
    def title(self) -> str:
        """Name, variant and version: `patn-2019:market1501 v1`."""
        name, comma, changed = self.key.partition(", changed")
        return f"{name} v{self.version}{comma}{changed}"

    @property
    def own_row(self) -> str:
        """The subject's row: the first that is not the baseline, or the baseline alone."""
        return next((row for row in self.scores if row != BASELINE), BASELINE)

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(next(iter(self.scores.values()), {}))

    def values(self, row: str, column: str) -> list[float] | None:
        """Return the values of a column on a row, pair by pair; None where it has none."""
        return self.per_image.get(row, {}).get(column)


@dataclass(frozen=True, repr=False)
class Evaluation:
    """One set of images, scored under one or several protocols.

    Attributes:
        subject: what was scored, in plain values: `kind` ("model", "module" or "results"), `path`,
            and what is needed to find a pair's pictures again.
        names: (source, target) of every pair, in the order of `per_image`.
        protocols: the scores, protocol by protocol.
        seconds: how long it took, data loading and generation included.
        causes: what makes each pair hard, out of `causes.CAUSES`; empty where poses are not known.
    """

    subject: Mapping[str, Any]
    names: Sequence[tuple[str, str]]
    protocols: Sequence[ProtocolScores]
    seconds: float
    causes: Sequence[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        lines = [f"Evaluation of {self.pairs:,} pairs in {self.seconds:.1f} s"]
        for protocol in self.protocols:
            lines.append(f"  {protocol.title}")
            for row, scores in protocol.scores.items():
                lines.append(f"    {row}: {', '.join(map(_shown, scores, scores.values()))}")
        return "\n".join(lines)

    @property
    def data(self) -> Mapping[str, Any]:
        """The data set that was scored; empty where that is not known (a folder of results)."""
        data = self.subject.get("data")
        return data if isinstance(data, Mapping) else {}

    @property
    def pairs(self) -> int:
        """How many pairs were scored."""
        return len(self.names)

    @property
    def computed(self) -> bool:
        """Whether there is any score."""
        rows = (row for protocol in self.protocols for row in protocol.scores.values())
        return any(score.value is not None for row in rows for score in row.values())

    @property
    def scores(self) -> dict[str, dict[str, Score]]:
        """Row -> column -> score under the first protocol."""
        return self.protocols[0].scores


def _shown(column: str, score: Score) -> str:
    return f"{column} {'–' if score.value is None else format(score.value, '.4g')}"
