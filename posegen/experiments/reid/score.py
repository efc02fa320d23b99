"""Rank-1, CMC and mAP by Market-1501's rules.

For each query, these pictures of the gallery are left out of the ranking: those of the same person
by the same camera (the query itself is one), and junk, which are pictures of nobody in particular
(-1 in Market's names). Distractors (0000) stay and are never right. A query with no right picture
left has no score (Zheng et al., Scalable Person Re-identification: A Benchmark, ICCV 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics.functional.retrieval import retrieval_average_precision

#: Market's person of junk, and of distractors.
JUNK, DISTRACTOR = "-1", "0000"


@dataclass(frozen=True)
class Ranking:
    """What queries found, in their order; NaN where one has no score.

    Attributes:
        average_precision: (Q,) the mean precision at the places of the right pictures. Market's
            first scripts averaged neighbouring precisions, which gives slightly other numbers.
        cmc: (Q, R) whether a right picture is among the first 1, 2, …, R.
    """

    average_precision: Tensor
    cmc: Tensor

    @property
    def mean_average_precision(self) -> float:
        """The mAP."""
        return float(self.average_precision.nanmean())

    def rank(self, number: int) -> float:
        """Return the part of the queries with a right picture among the first `number`."""
        return float(self.cmc[:, number - 1].nanmean())


def rank(
    similarity: Tensor,
    query_people: Sequence[str],
    gallery_people: Sequence[str],
    query_cameras: Sequence[str],
    gallery_cameras: Sequence[str],
    ranks: int = 10,
) -> Ranking:
    """Rank a gallery for each query.

    Args:
        similarity: (Q, G), higher for more alike; of equal ones the first in the gallery comes
            first.
        query_people, gallery_people: who is in the pictures.
        query_cameras, gallery_cameras: who took them.
        ranks: how many of the curve's places, at least 1.
    """
    precisions, curves = [], []
    for place, (person, camera) in enumerate(zip(query_people, query_cameras, strict=True)):
        kept = [
            index
            for index, (other, by) in enumerate(zip(gallery_people, gallery_cameras, strict=True))
            if other != JUNK and not (other == person and by == camera)
        ]
        right = torch.tensor([gallery_people[index] == person for index in kept], dtype=torch.bool)
        if person in (JUNK, DISTRACTOR) or not right.any():
            precisions.append(torch.tensor(torch.nan))
            curves.append(torch.full((ranks,), torch.nan))
            continue
        order = torch.argsort(similarity[place, kept], descending=True, stable=True)
        # torchmetrics sorts by itself, and not stably: places as scores have no ties.
        scores = torch.arange(len(order), 0, -1, dtype=torch.float64)
        precisions.append(retrieval_average_precision(scores, right[order]).double())
        hits = right[order][:ranks].cumsum(0).clamp(max=1).double()
        curves.append(torch.cat([hits, hits[-1:].expand(ranks - len(hits))]))
    return Ranking(torch.stack([p.double() for p in precisions]), torch.stack(curves).double())
