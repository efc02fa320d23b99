"""How samples of one pair differ."""

from __future__ import annotations

import pytest
import torch

from posegen.compute.process import Process
from posegen.core import Batch, ConfigError
from posegen.evaluation.spread import Spread, spread_of

CPU = Process(torch.device("cpu"))


def test_the_spread_of_three_samples_by_hand() -> None:
    levels = [-1.0, 0.0, 1.0]  # differences 1, 2, 1 in [-1, 1]: 0.5, 1, 0.5
    samples = [torch.full((2, 3, 4, 2), level) for level in levels]
    assert spread_of(samples).tolist() == pytest.approx([2 / 3] * 2)


def test_the_first_sample_is_what_is_scored() -> None:
    seeds: list[int] = []

    def sample(batch: Batch, seed: int) -> torch.Tensor:
        seeds.append(seed)
        return batch.source * (1 if seed == 7 else 0.5)

    batch = Batch({"source": torch.ones(2, 3, 4, 2)})
    spread = Spread(sample, 3, seed=7)
    assert torch.equal(spread(batch), batch.source)
    assert seeds == [7, 8, 9]
    assert spread.mean(CPU) == pytest.approx((0.25 + 0.25 + 0) / 3)
    spread(batch)
    assert len(spread.values) == 4


def test_one_sample_has_no_spread() -> None:
    with pytest.raises(ConfigError, match="1 sample has no spread"):
        Spread(lambda batch, seed: batch.source, 1)
