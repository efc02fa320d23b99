"""How much a model's pictures of one pair differ, where they are sampled with other noise.

A model that always makes the same picture has a spread of 0, however good it is; one that copies
what the source shows and makes up what it hides has a little. The spread is reported beside the
scores, which are those of the first sample: to choose the best of several, one would have to know
the target.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import torch
from torch import Tensor

from posegen.compute.process import Process
from posegen.core.batches import Batch
from posegen.core.errors import ConfigError


class Spread:
    """Makes several samples of every pair that passes, and keeps how they differ.

    Args:
        sample: (batch, seed) -> (B, 3, H, W) in [-1, 1].
        samples: how many of each pair, from 2.
        seed: of the first; the others' follow.

    Raises:
        ConfigError: for fewer than two samples.
    """

    def __init__(self, sample: Callable[[Batch, int], Tensor], samples: int, seed: int = 0) -> None:
        if samples < 2:
            raise ConfigError(f"{samples} sample has no spread; give 2 or more.")
        self.sample, self.samples, self.seed = sample, samples, seed
        self.values: list[float] = []

    def __call__(self, batch: Batch) -> Tensor:
        """Return the first sample of each pair; all are compared."""
        made = [self.sample(batch, self.seed + number) for number in range(self.samples)]
        self.values += spread_of(made).tolist()
        return made[0]

    def mean(self, process: Process) -> float:
        """Return the mean over all pairs, those of other processes included; all call this."""
        values = [value for part in process.gather(self.values) for value in part]
        mean: float = process.agree(sum(values) / len(values) if values else 0.0)
        return mean


def spread_of(samples: list[Tensor]) -> Tensor:
    """Return the mean absolute difference of two samples of a pair, pixels in [0, 1]: (B,).

    The mean is over all choices of two of the samples, each (B, 3, H, W) in [-1, 1].
    """
    differences = [
        (a - b).abs().double().mean(dim=(1, 2, 3)) / 2 for a, b in combinations(samples, 2)
    ]
    return torch.stack(differences).mean(dim=0)
