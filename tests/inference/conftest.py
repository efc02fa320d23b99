"""A small model whose batch norms have seen data, as weights on disk and as an object."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import posegen
from posegen.config import ComponentOptions
from posegen.config.parts import build_generator
from posegen.core import Generator, TaskInfo
from posegen.inference import PoseTransfer
from posegen.weights.folder import WeightsConfig, join, save_weights

SIZE = (32, 16)
TASK = TaskInfo(SIZE, 18)


def tensors_for(count: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Source, source pose and target pose."""
    random = torch.Generator().manual_seed(seed)
    source = torch.rand(count, 3, *SIZE, generator=random) * 2 - 1
    here, there = (torch.rand(count, 18, *SIZE, generator=random) for _ in range(2))
    return source, here, there


def stirred(generator: Generator) -> Generator:
    """Give weights and running statistics values that matter; evaluation mode."""
    random = torch.Generator().manual_seed(0)
    for module in generator.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                if tensor is not None:
                    tensor.data = torch.rand(tensor.shape, generator=random) + 0.5
        elif isinstance(module, nn.Conv2d):
            module.weight.data *= 2  # else one pose gives nearly what the other does
    return generator.eval().requires_grad_(False)


def options(**more: Any) -> ComponentOptions:
    plain = {"name": "patn", "ngf": 4, "blocks": 3, "init": "default"}
    return ComponentOptions.model_validate({**plain, **more})


@pytest.fixture
def patn() -> Callable[..., Generator]:
    def make(**more: Any) -> Generator:
        torch.manual_seed(0)
        return stirred(build_generator(options(**more), TASK))

    return make


@pytest.fixture
def inputs() -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
    return tensors_for


@pytest.fixture
def weights(tmp_path: Path, patn: Callable[..., Generator]) -> Callable[..., Path]:
    """Writes weights of a generator with some options, and returns their folder."""

    def make(**more: Any) -> Path:
        config = WeightsConfig(
            model="patn",
            preset="demo",
            generator=options(**more),
            encoder=ComponentOptions.model_validate({"name": "gaussian", "sigma": 3.0}),
            method=ComponentOptions(name="adversarial"),
            image_size=SIZE,
        )
        save_weights(tmp_path / "weights", config, join({"generator": patn(**more)}))
        return tmp_path / "weights"

    return make


@pytest.fixture
def model(weights: Callable[..., Path]) -> PoseTransfer:
    return posegen.load_model(weights())


@pytest.fixture
def points() -> Callable[[int], Tensor]:
    """The keypoints of pose number n, in pixels of the model's size."""

    def make(number: int) -> Tensor:
        random = torch.Generator().manual_seed(number)
        places = torch.rand(18, 2, generator=random) * torch.tensor([15.0, 31.0])
        return torch.cat([places, torch.ones(18, 1)], dim=1)

    return make


@pytest.fixture
def picture() -> Tensor:
    """The source: (3, H, W) uint8."""
    return torch.arange(3 * SIZE[0] * SIZE[1]).reshape(3, *SIZE).remainder(251).byte()
