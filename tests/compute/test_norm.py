"""Our instance norm is PyTorch's, and right where that one is wrong."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from posegen.compute.kernels import InstanceNorm2d, use_cpu_kernels


def both(affine: bool) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    theirs = nn.InstanceNorm2d(6, affine=affine)
    for parameter in theirs.parameters():
        nn.init.normal_(parameter)
    ours = copy.deepcopy(theirs)
    use_cpu_kernels(ours)
    assert type(ours) is InstanceNorm2d
    return ours, theirs


def run(norm: nn.Module, image: Tensor, gradient: Tensor) -> list[Tensor]:
    image = image.detach().requires_grad_()
    result = norm(image)
    result.backward(gradient)
    assert image.grad is not None
    return [result.detach(), image.grad, *(p.grad for p in norm.parameters() if p.grad is not None)]


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_instance_norm_in_channels_last(count: int, affine: bool) -> None:
    ours, theirs = both(affine)
    last = torch.channels_last
    image = (torch.randn(count, 6, 9, 5) * 3 + 2).to(memory_format=last)
    gradient = torch.randn(count, 6, 9, 5).to(memory_format=last)
    made = run(ours, image, gradient)
    exact = run(theirs.double(), image.double().contiguous(), gradient.double().contiguous())
    for found, wanted in zip(made, exact, strict=True):
        torch.testing.assert_close(found.double(), wanted, rtol=0, atol=1e-5)
    assert made[0].is_contiguous(memory_format=last)


def test_the_relu_after_it_may_be_in_place() -> None:
    ours, _ = both(affine=False)
    image = torch.randn(2, 6, 4, 4).to(memory_format=torch.channels_last).requires_grad_()
    torch.relu_(ours(image)).sum().backward()


def test_large_images_are_exact() -> None:
    """Adding thousands of float32 up in turn, as batch norm does there, is off by 1e-5 and more."""
    ours, theirs = both(affine=False)
    image = torch.randn(1, 6, 256, 176).to(memory_format=torch.channels_last) + 1
    exact = theirs.double()(image.double().contiguous())
    torch.testing.assert_close(ours(image).double(), exact, rtol=0, atol=3e-6)


def test_contiguous_images_and_running_statistics_are_pytorchs() -> None:
    ours, theirs = both(affine=True)
    image = torch.randn(2, 6, 4, 4)
    assert torch.equal(ours(image), theirs(image))
    tracking = nn.InstanceNorm2d(6, track_running_stats=True)
    use_cpu_kernels(tracking)
    assert type(tracking) is nn.InstanceNorm2d
