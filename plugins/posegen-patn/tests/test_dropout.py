"""ReLU and dropout in one."""

from __future__ import annotations

import pytest
import torch
from posegen_patn.dropout import ReLUDropout
from torch import Tensor


def test_it_drops_and_scales_what_a_relu_lets_through() -> None:
    features = torch.randn(8, 16, 32, 32, generator=torch.Generator().manual_seed(0))
    features.requires_grad_()
    torch.manual_seed(1)
    result = ReLUDropout(0.3)(features)
    relu = features.detach().relu()
    kept = result > 0
    torch.testing.assert_close(result, torch.where(kept, relu / 0.7, 0.0))
    assert (kept.sum() / (relu > 0).sum()).item() == pytest.approx(0.7, abs=0.01)
    gradient = torch.randn_like(relu)
    result.backward(gradient)
    torch.testing.assert_close(features.grad, torch.where(kept, gradient / 0.7, 0.0))


def test_every_call_draws_anew_and_evaluation_does_not() -> None:
    features, layer = torch.rand(1, 4, 8, 8), ReLUDropout(0.5)
    assert not torch.equal(layer(features), layer(features))
    layer.eval()
    assert torch.equal(layer(features), features)


def test_only_the_result_is_kept_and_the_memory_format_stays() -> None:
    features = torch.randn(2, 4, 8, 8).to(memory_format=torch.channels_last).requires_grad_()
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        result = ReLUDropout(0.5)(features)
    assert result.is_contiguous(memory_format=torch.channels_last)
    (only,) = kept
    assert only.data_ptr() == result.data_ptr()
