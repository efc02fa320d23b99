"""Norms that PyTorch has not, or not as fast."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.distributed.nn.functional import all_reduce


class InstanceNorm2d(nn.InstanceNorm2d):
    """An `nn.InstanceNorm2d` that stays in channels_last, on a CPU.

    PyTorch's goes to the contiguous format and back, which takes longer than the norm itself (and,
    in 2.15, its gradient for a batch of one image in channels_last is wrong; this one's is right).
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (B, C, H, W)."""
        if input.device.type != "cpu" or not input.is_contiguous(memory_format=torch.channels_last):
            return super().forward(input)
        normal: Tensor = _InstanceNorm.apply(input, self.eps)
        if self.weight is None:
            return normal
        return normal * self.weight[:, None, None] + self.bias[:, None, None]


class _InstanceNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, eps: float) -> Tensor:
        pixels = image.permute(0, 2, 3, 1).flatten(1, 2)  # (B, H·W, C), a view
        mean = pixels.mean(dim=1, keepdim=True)
        result = torch.empty_like(image)
        # Not by the kernel of batch norm: in channels_last it adds up thousands of float32 in turn.
        normal = torch.sub(pixels, mean, out=result.permute(0, 2, 3, 1).flatten(1, 2))
        variance = torch.linalg.vecdot(normal, normal, dim=1).div_(pixels.shape[1])
        inverse = variance.add_(eps).rsqrt_()
        normal *= inverse[:, None]
        ctx.eps = eps
        ctx.save_for_backward(image, mean[:, 0], inverse)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        image, mean, inverse = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        # Each image is a batch norm of its own.
        found = [
            torch.ops.aten.native_batch_norm_backward(
                gradient[i : i + 1],
                image[i : i + 1],
                None,
                None,
                None,
                mean[i],
                inverse[i],
                True,
                ctx.eps,
                [True, False, False],
            )[0]
            for i in range(len(image))
        ]
        return torch.cat(found), None


class SyncBatchNorm2d(nn.BatchNorm2d):
    """An `nn.BatchNorm2d` over the batches of all processes, for devices that PyTorch's has not.

    With equal parts of a batch on n processes it does what batch norm does with the whole batch.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (B, C, H, W)."""
        if not self.training:
            return super().forward(input)
        count = input.numel() // input.shape[1] * dist.get_world_size()
        mean = _sum(input.sum(dim=(0, 2, 3))) / count
        centred = input - mean[:, None, None]
        variance = _sum(centred.square().sum(dim=(0, 2, 3))) / count
        self._follow(mean.detach(), variance.detach(), count)
        normal = centred * (variance + self.eps).rsqrt()[:, None, None]
        if not self.affine:
            return normal
        return normal * self.weight[:, None, None] + self.bias[:, None, None]

    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics; that of the variance is unbiased, as in PyTorch."""
        if self.running_mean is None or self.running_var is None or self.momentum is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * count / (count - 1), self.momentum)


def _sum(values: Tensor) -> Tensor:
    """Return the sum over the processes; gradients are summed as well."""
    summed: Tensor = all_reduce(values)  # type: ignore[no-untyped-call]
    return summed


def synchronise_batch_norm(network: nn.Module, device: torch.device) -> nn.Module:
    """Return the network with its batch norms over all processes; parameters stay the same."""
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return converted
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SyncBatchNorm2d
    return network
