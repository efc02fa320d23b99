"""Losses, each wrong in one way, but for the first."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from posegen.core import Batch, ConfigError, GeneratorOutput, Loss


class Good(Loss):
    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        return (output.image.float() - batch.target).abs().mean()


class Sum(Loss):
    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        return (output.image.float() - batch.target).abs().sum()


class PerImage(Loss):
    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        return (output.image.float() - batch.target).abs().mean(dim=(1, 2, 3))


class Detached(Loss):
    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        return (output.image.detach().float() - batch.target).abs().mean()


class Norm(Loss):
    """The square root's slope at 0 is infinite."""

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        return (output.image.float() - batch.target).square().mean(dim=(1, 2, 3)).sqrt().mean()


class Noisy(Loss):
    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        return (output.image.float() - batch.target).abs().mean() * float(1 + np.random.rand() / 9)


class WritesTarget(Loss):
    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        return batch.target.sub_(output.image.detach().float()).abs().mean() * output.image.mean()


class OnlyFloat32(Loss):
    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        return torch.dot(output.image.flatten(), batch.target.flatten()) / batch.target.numel()


class NeedsMasks(Loss):
    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        return ((output.image.float() - batch.target).abs() * batch.target_mask).mean()


class NeedsAttention(Loss):
    """Good where the output has attention."""

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        return Good.forward(self, output, batch) * output.aux["attention"].float().mean()


class SaysWhatItNeeds(NeedsAttention):
    """As the last, and says so where the output has none."""

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        if "attention" not in output.aux:
            raise ConfigError("the generator makes no attention")
        return super().forward(output, batch)
