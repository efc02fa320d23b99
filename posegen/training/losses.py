"""Loss terms of the core distribution."""

from __future__ import annotations

from torch import Tensor

from posegen.core.batches import Batch, GeneratorOutput
from posegen.core.contracts import Loss


class L1(Loss):
    """Mean |generated - target| over pixels and channels, both in [-1, 1] (paper, equation 6)."""

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        """See `Loss`."""
        return (output.image - batch.target).abs().mean()  # the target is never of lower precision
