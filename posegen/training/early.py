"""Loss terms whose gradient is taken at once, so that only one term's graph is in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from posegen.core.batches import GeneratorOutput

Term = Callable[[GeneratorOutput], Tensor]


def early(term: Term, output: GeneratorOutput, keep: bool = False) -> Tensor:
    """Return the scalar `term(output)`, with the same gradients as that, and without its graph.

    The gradient of a sum is the sum of the gradients: where several networks judge one image, each
    can be run forward and back before the next, and their activations are never there together.

    Args:
        term: is called with the output as a leaf of a graph of its own.
        output: what a generator returned.
        keep: keep that graph, because the term has put something of it aside.
    """
    value: Tensor = _Early.apply(term, keep, tuple(output.aux), output.image, *output.aux.values())
    return value


def possible(output: GeneratorOutput) -> bool:
    """Whether gradients may be taken early: not in float16, where they need the scaled loss."""
    device = output.image.device.type
    half = torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) == torch.float16
    return output.image.requires_grad and not half


class _Early(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, term: Term, keep: bool, names: tuple[str, ...], *tensors: Tensor
    ) -> Tensor:
        needed = ctx.needs_input_grad[3:]
        leaves = [t.detach().requires_grad_(need) for t, need in zip(tensors, needed, strict=True)]
        with torch.enable_grad():
            value = term(GeneratorOutput(leaves[0], dict(zip(names, leaves[1:], strict=True))))
        found: list[Tensor | None] = [None] * len(leaves)
        if value.requires_grad:
            wanted = [number for number, need in enumerate(needed) if need]
            with torch.autocast(value.device.type, enabled=False):
                gradients = torch.autograd.grad(
                    value,
                    [leaves[number] for number in wanted],
                    retain_graph=keep,
                    allow_unused=True,
                )
            for number, gradient in zip(wanted, gradients, strict=True):
                found[number] = gradient
        ctx.save_for_backward(*found)
        return value.detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, None, *(g if g is None else g * gradient for g in ctx.saved_tensors)
