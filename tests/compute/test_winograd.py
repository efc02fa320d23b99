"""Winograd's algorithm gives what the direct convolution gives."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from posegen.compute import winograd
from posegen.compute.kernels import use_cpu_kernels
from posegen.compute.winograd import WinogradConv2d

FORMATS = (torch.channels_last, torch.contiguous_format)


@pytest.fixture(autouse=True)
def for_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "LEAST_CHANNELS", 1)
    monkeypatch.setattr(winograd, "LEAST_TILES", 1)


def conv(mode: str = "reflect", bias: bool = True, inputs: int = 5) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(inputs, 7, 3, padding=1, padding_mode=mode, bias=bias)  # type: ignore[arg-type]


def ours(direct: nn.Conv2d) -> WinogradConv2d:
    made = copy.deepcopy(direct)
    use_cpu_kernels(made)
    assert isinstance(made, WinogradConv2d)
    return made


def everything(module: nn.Conv2d, image: Tensor) -> list[Tensor]:
    """The result, and the gradients of image, weight and bias for random ones of the result."""
    module.zero_grad()
    image = image.detach().clone().requires_grad_()
    result = module(image)
    random = torch.Generator().manual_seed(1)
    gradient = torch.randn(result.shape, generator=random, dtype=torch.float64)
    result.backward(gradient.to(result.dtype))
    gradients = [image.grad, *(parameter.grad for parameter in module.parameters())]
    return [result.detach(), *(g for g in gradients if g is not None)]


@pytest.mark.parametrize("mode", ["reflect", "zeros"])
@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("size", [(8, 8), (12, 4), (7, 9), (5, 6), (2, 3)])
def test_it_equals_the_direct_sum_in_float64(
    mode: str, layout: torch.memory_format, size: tuple[int, int]
) -> None:
    for bias in (True, False):
        direct = conv(mode, bias).double().to(memory_format=layout)
        image = torch.randn(3, 5, *size, dtype=torch.float64).to(memory_format=layout)
        for made, wanted in zip(
            everything(ours(direct), image), everything(direct, image), strict=True
        ):
            torch.testing.assert_close(made, wanted, rtol=0, atol=1e-11)


def test_the_derivatives_are_right() -> None:
    module = ours(conv("reflect", True, inputs=2).double())
    image = torch.randn(2, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(module, (image,))


def test_parts_of_a_batch_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    module, image = ours(conv().double()), torch.randn(3, 5, 8, 8, dtype=torch.float64)
    whole = everything(module, image)
    monkeypatch.setattr(winograd, "_PART", 1)
    for made, wanted in zip(everything(module, image), whole, strict=True):
        torch.testing.assert_close(made, wanted, rtol=0, atol=1e-12)


def test_in_float32_it_is_nearly_as_exact() -> None:
    direct = nn.Conv2d(128, 128, 3, padding=1, padding_mode="reflect")
    image = torch.randn(2, 128, 16, 16)
    exact = everything(copy.deepcopy(direct).double(), image.double())
    errors = []
    for module in (direct, ours(direct)):
        found = everything(module, image)
        errors.append(
            max(float((a - b).norm() / b.norm()) for a, b in zip(found, exact, strict=True))
        )
    assert errors[1] < 5e-6
    assert errors[1] < 10 * errors[0]


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("size", [(8, 8), (7, 6)])
def test_memory_formats_stay_and_relu_may_be_in_place(
    layout: torch.memory_format, size: tuple[int, int]
) -> None:
    module = ours(conv().to(memory_format=layout))
    image = torch.randn(2, 5, *size).to(memory_format=layout).requires_grad_()
    result = module(image)
    assert result.is_contiguous(memory_format=layout)
    torch.relu_(result).sum().backward()
    assert image.grad is not None
    assert module.weight.grad is not None
    assert image.grad.is_contiguous(memory_format=layout)
    assert module.weight.grad.stride() == module.weight.stride()


def test_frozen_weights_keep_no_image() -> None:
    module = ours(conv()).requires_grad_(False)
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        module(torch.randn(1, 5, 8, 8, requires_grad=True)).sum().backward()
    assert [tuple(tensor.shape) for tensor in kept] == [(7, 5, 3, 3)]


@pytest.mark.parametrize(
    "options",
    [
        {"stride": 2},
        {"dilation": 2, "padding": 2},
        {"groups": 2},
        {"padding": 0},
        {"padding_mode": "circular"},
        {"kernel_size": 5, "padding": 2},
    ],
)
def test_other_convolutions_stay_as_they_are(options: dict[str, object]) -> None:
    module = nn.Conv2d(4, 4, **{"kernel_size": 3, "padding": 1, **options})  # type: ignore[arg-type]
    use_cpu_kernels(module)
    assert type(module) is nn.Conv2d


def test_where_it_does_not_pay_the_direct_sum_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    module, image = ours(conv()), torch.randn(1, 5, 8, 8)

    def same() -> bool:
        return torch.equal(module(image), nn.Conv2d.forward(plain, image))

    plain = conv()
    assert not same()
    monkeypatch.setattr(winograd, "LEAST_TILES", 5)
    assert same()
    monkeypatch.setattr(winograd, "LEAST_CHANNELS", 6)
    use_cpu_kernels(plain)
    assert type(plain) is nn.Conv2d
    with torch.autocast("cpu", torch.bfloat16):
        assert module(image).dtype == torch.bfloat16
