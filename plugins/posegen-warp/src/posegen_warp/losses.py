"""Loss terms."""

from __future__ import annotations

from torch import Tensor

from posegen.core import Batch, GeneratorOutput, Loss


class Gradient(Loss):
    """Mean |∂x(generated - target)| + mean |∂y(generated - target)|, both in [-1, 1].

    ∂ is the difference of neighbouring pixels. An edge that is lost, blurred or a pixel beside its
    place costs more than in the mean absolute difference of the images, which sees no neighbours.
    """

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        """See `Loss`."""
        error = output.image - batch.target
        across = (error[..., 1:] - error[..., :-1]).abs().mean()
        return across + (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
