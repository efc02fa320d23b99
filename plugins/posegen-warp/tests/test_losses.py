"""The loss `gradient`."""

from __future__ import annotations

import pytest
import torch
from posegen_warp.losses import Gradient

from posegen.core import Batch, Config, GeneratorOutput, TaskInfo


def loss(generated: torch.Tensor, target: torch.Tensor) -> float:
    term = Gradient(Config(), TaskInfo((4, 4), 18))
    return float(term(GeneratorOutput(generated), Batch({"target": target})))


def test_a_constant_difference_costs_nothing() -> None:
    image = torch.rand(2, 3, 4, 4)
    assert loss(image, image + 0.25) == pytest.approx(0, abs=1e-6)


def test_an_edge_by_hand() -> None:
    """One pixel of 1 in 4×4: two of twelve differences across, and two of twelve down."""
    target = torch.zeros(1, 3, 4, 4)
    generated = target.clone()
    generated[..., 1, 2] = 1
    assert loss(generated, target) == pytest.approx(2 / 12 + 2 / 12)
