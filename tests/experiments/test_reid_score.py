from __future__ import annotations

import numpy as np
import pytest
import torch

from posegen.experiments.reid.score import rank

# A gallery of every kind: right ones by other cameras, the same camera's, junk, distractors.
PEOPLE = ["0001", "0001", "0002", "-1", "0000", "0001", "0003", "0002"]
CAMERAS = ["1", "2", "1", "2", "3", "3", "1", "2"]


def test_worked_by_hand():
    # Query: 0001 by camera 1. In falling similarity the gallery is: 0001 by camera 1 (left out),
    # junk (left out), 0002 (wrong), 0001 by camera 2 (right, place 2), distractor (wrong),
    # 0001 by camera 3 (right, place 4), …
    similarity = torch.tensor([[0.99, 0.7, 0.8, 0.9, 0.6, 0.5, 0.1, 0.2]])
    found = rank(similarity, ["0001"], PEOPLE, ["1"], CAMERAS, ranks=5)
    assert found.mean_average_precision == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert found.cmc.tolist() == [[0, 1, 1, 1, 1]]
    assert found.rank(1) == 0
    assert found.rank(2) == 1


def independent(similarity, people, gallery, cameras, gallery_cameras, ranks):
    """The same rules in another way: a sorted list of each query, walked from its beginning."""
    precisions, curve = [], np.zeros(ranks)
    for row, person, camera in zip(similarity, people, cameras, strict=True):
        listed = sorted(zip(-row, range(len(row)), gallery, gallery_cameras, strict=True))
        place, right, found = 0, 0, []
        for _, _, other, by in listed:
            if other == "-1" or (other == person and by == camera):
                continue
            place += 1
            if other == person:
                right += 1
                found.append((place, right / place))
        if person in ("-1", "0000") or not found:
            continue
        precisions.append(np.mean([precision for _, precision in found]))
        curve += np.arange(1, ranks + 1) >= found[0][0]
    return np.mean(precisions), curve / len(precisions)


@pytest.mark.parametrize("seed", range(5))
def test_equals_an_independent_computation(seed):
    random = np.random.default_rng(seed)
    people = random.choice(["-1", "0000", "0001", "0002", "0003", "0004"], 60)
    cameras = random.choice(["1", "2", "3"], 60)
    queries, by = people[:25], cameras[:25]
    similarity = random.normal(size=(25, 60)).round(1)  # with ties
    found = rank(torch.from_numpy(similarity), queries, people, by, cameras, ranks=7)
    precision, curve = independent(similarity, queries, people, by, cameras, 7)
    assert found.mean_average_precision == pytest.approx(precision)
    assert found.cmc.nanmean(0).numpy() == pytest.approx(curve)


def test_a_query_without_a_right_picture_has_no_score():
    found = rank(torch.rand(2, 8), ["0003", "0002"], PEOPLE, ["1", "9"], CAMERAS)
    assert found.average_precision.isnan().tolist() == [True, False]
    assert found.cmc.shape == (2, 10)
    assert found.cmc[0].isnan().all()
