"""Modules of PyTorch that are computed faster on a CPU, with the same result."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from posegen.compute.winograd import WinogradConv2d, gains


def use_cpu_kernels(network: nn.Module) -> None:
    """Have a network's convolutions and instance norms computed by ours, where it runs on a CPU.

    Modules change their class and nothing else: parameters, names and hooks stay. On other devices,
    under autocast and for small images they do as before.
    """
    for module in network.modules():
        if type(module) is nn.Conv2d and gains(module):
            module.__class__ = WinogradConv2d
        elif type(module) is nn.InstanceNorm2d and not module.track_running_stats:
            module.__class__ = InstanceNorm2d


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
