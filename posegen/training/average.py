"""Exponential moving average of a network's weights (EMA)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class Average(nn.Module):
    """The average of a network's weights and buffers over the steps.

    In the first steps the decay is (1 + n) / (10 + n), so that the first, random weights are soon
    forgotten; short runs profit. (PyTorch's `AveragedModel` would wait for the device every step.)

    Attributes:
        module: a network with the average.
        n_averaged: how many times `update` was called; it stays on the CPU.
    """

    n_averaged: Tensor
    module: nn.Module

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.module = copy.deepcopy(network).requires_grad_(False)
        self.register_buffer("n_averaged", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take the network's present weights in."""
        n = int(self.n_averaged)
        weight = 1.0 - min(self.decay, (1 + n) / (10 + n)) if n else 1.0
        mine, theirs = [], []
        for average, current in zip(_tensors(self.module), _tensors(network), strict=True):
            if average.is_floating_point():
                mine.append(average)
                theirs.append(current)
            else:
                average.copy_(current)  # num_batches_tracked
        torch._foreach_lerp_(mine, theirs, weight)
        self.n_averaged += 1


def _tensors(network: nn.Module) -> list[Tensor]:
    return [tensor.detach() for tensor in (*network.parameters(), *network.buffers())]
