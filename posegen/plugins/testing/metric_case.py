"""How metrics are built, fed and merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from posegen.core import Metric, MetricSpec, ScoredBatch
from posegen.plugins.testing.inputs import Reference, Size, part, scored
from posegen.plugins.testing.subject import Subject


@dataclass(frozen=True)
class MetricCase:
    """A metric, and how to feed it."""

    subject: Subject
    sizes: Sequence[Size]
    count: int

    @property
    def spec(self) -> MetricSpec:
        """The metric's spec."""
        assert isinstance(self.subject.spec, MetricSpec)
        return self.subject.spec

    def pictures(self, size: Size | None = None, *, noise: float = 0.2) -> ScoredBatch:
        """Return `count` pairs."""
        return scored(self.count, size or self.sizes[0], noise=noise)

    def fresh(self, size: Size | None = None) -> Metric:
        """Build it, and show it the reference images where it needs them."""
        metric: Metric = self.subject.build()
        if metric.needs_reference:
            metric.see_reference(Reference(size or self.sizes[0]))
        return metric

    def seen(self, whole: ScoredBatch, bounds: Sequence[int] = ()) -> Metric:
        """Return a metric that has seen pairs, in batches that end at `bounds`."""
        metric = self.fresh(whole.target.shape[-2:])  # type: ignore[arg-type]
        edges = [0, *bounds, len(whole)]
        for start, stop in pairwise(edges):
            metric.update(part(whole, start, stop))
        return metric

    def score(self, whole: ScoredBatch) -> float:
        """Return the score of a batch."""
        return float(self.seen(whole).compute())

    def merged(self, whole: ScoredBatch, bounds: Sequence[int]) -> Metric:
        """Return the metrics of several processes, merged into the first one as an evaluation does.

        Process n has the pairs from `bounds[n]` to `bounds[n + 1]`.
        """
        metrics = []
        for start, stop in pairwise(bounds):
            metric = self.fresh(whole.target.shape[-2:])  # type: ignore[arg-type]
            if stop > start:
                metric.update(part(whole, start, stop))
            metrics.append(metric)
        *others, last = [metric.metric_state for metric in metrics]
        merged = metrics[0]
        for name, value in last.items():
            setattr(merged, name, value)
        for state in reversed(others):
            merged.merge_state(state)
        return merged
