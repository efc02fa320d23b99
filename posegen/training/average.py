"""Exponential moving average of a network's weights (EMA)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """Return an average of `network` with its buffers; call `update_parameters` after a step.

    In the first steps the decay is (1 + n) / (10 + n), so that the first, random weights are soon
    forgotten; short runs profit.
    """

    @torch.no_grad()
    def update(averages: Any, currents: Any, count: Any) -> None:
        n = float(count)
        weight = 1.0 - min(decay, (1.0 + n) / (10.0 + n))
        for average, current in zip(averages, currents, strict=True):
            if average.is_floating_point():
                average.lerp_(current, weight)
            else:
                average.copy_(current)  # num_batches_tracked

    return AveragedModel(network, multi_avg_fn=update, use_buffers=True)
