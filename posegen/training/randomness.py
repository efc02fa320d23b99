"""All randomness of training is a function of (seed, purpose, step, rank), never of history.

So a run that was killed and resumed draws the same pairs and the same dropout masks as one that was
not, and no state of a random generator has to be saved.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from posegen.core.noise import derive


class PairSampler(Sampler[list[int]]):
    """Batches of pair numbers, drawn with replacement as published, from step `start` on.

    Every process draws the whole batch of a step and takes its own part, so the pairs of a step
    are the same on one process and on several.
    """

    def __init__(
        self,
        pairs: int,
        batch_size: int,
        seed: int,
        start: int,
        stop: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.pairs, self.batch_size, self.seed = pairs, batch_size, seed
        self.start, self.stop, self.rank, self.world = start, stop, rank, world

    def __len__(self) -> int:
        return max(0, self.stop - self.start)

    def __iter__(self) -> Iterator[list[int]]:
        share = self.batch_size // self.world
        for step in range(self.start, self.stop):
            random = torch.Generator().manual_seed(derive(self.seed, "pairs", step))
            drawn = torch.randint(self.pairs, (self.batch_size,), generator=random).tolist()
            yield drawn[self.rank * share : (self.rank + 1) * share]
