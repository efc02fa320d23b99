"""What an evaluation found. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: The baseline's row: the source image handed back as if it were the result.
BASELINE = "copy the source"


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
    """

    name: str
    version: int
    variant: str
    definition: Mapping[str, Any]
    scores: dict[str, dict[str, Score]]
    per_image: dict[str, dict[str, list[float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """One set of images, scored under one or several protocols.

    Attributes:
        subject: what was scored, in plain values: `kind` ("model" or "results"), `path`, and what
            is needed to find a pair's pictures again.
        names: (source, target) of every pair, in the order of `per_image`.
        protocols: the scores, protocol by protocol.
        seconds: how long it took, data loading and generation included.
    """

    subject: Mapping[str, Any]
    names: Sequence[tuple[str, str]]
    protocols: Sequence[ProtocolScores]
    seconds: float

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
