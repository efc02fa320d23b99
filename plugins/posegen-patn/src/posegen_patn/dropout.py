"""ReLU and dropout in one, which keeps less in memory and draws faster on a CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class ReLUDropout(nn.Module):
    """ReLU and dropout in one: neither the mask nor the ReLU's result is kept for the gradient.

    What is positive in the result is what has passed both, and that is all the gradient needs; the
    convolution that follows keeps the result anyway. In evaluation mode it is a ReLU.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, features: Tensor) -> Tensor:
        """Return relu(features), in training with a share `p` of zeros and the rest / (1 - p)."""
        if not self.training:
            return features.relu()
        result: Tensor = _ReLUDropout.apply(features, self.p)
        return result


class _ReLUDropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, p: float) -> Tensor:
        # On a CPU, drawing numbers takes a quarter of the time of drawing a mask (`bernoulli_`).
        kept = torch.rand_like(features).ge_(p)
        result = features.relu().mul_(kept).div_(1 - p)
        ctx.p = p
        ctx.save_for_backward(result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (result,) = ctx.saved_tensors
        passed = torch.ops.aten.threshold_backward(gradient, result, 0)
        return passed.div_(1 - ctx.p), None
