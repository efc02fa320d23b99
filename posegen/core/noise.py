"""Random numbers that depend on a seed and on a sample's name, and on nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def derive(seed: int, purpose: str, *parts: int | str) -> int:
    """Return a 63-bit seed for one purpose."""
    text = ":".join([str(seed), purpose, *map(str, parts)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


class Noise:
    """Hands out random tensors for the samples of a batch.

    What a sample gets is a function of (seed, its name, how many draws came before): a picture is
    the same alone, in a batch, after resuming and on any number of processes. Numbers are drawn on
    the CPU and moved, so that they are the same on every device.

    Attributes:
        seed, names: what the numbers are a function of; one name for each sample.
        device: where the tensors are put.
        draws: how many tensors were handed out.
    """

    def __init__(self, seed: int, names: Sequence[str], device: torch.device | str = "cpu") -> None:
        self.seed, self.names, self.device = seed, list(names), torch.device(device)
        self.draws = 0

    def __len__(self) -> int:
        return len(self.names)

    def normal(self, *shape: int) -> Tensor:
        """Return (B, *shape) float32 from the standard normal distribution."""
        return self._drawn(lambda random: torch.randn(shape, generator=random))

    def uniform(self, *shape: int) -> Tensor:
        """Return (B, *shape) float32, evenly from [0, 1)."""
        return self._drawn(lambda random: torch.rand(shape, generator=random))

    def integers(self, stop: int, *shape: int) -> Tensor:
        """Return (B, *shape) int64, evenly from 0 to `stop` (exclusive)."""
        return self._drawn(lambda random: torch.randint(stop, shape, generator=random))

    def _drawn(self, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
        random = torch.Generator()
        rows = [
            draw(random.manual_seed(derive(self.seed, "noise", name, self.draws)))
            for name in self.names
        ]
        self.draws += 1
        return torch.stack(rows).to(self.device, non_blocking=True)
