"""Networks whose answer is known, and a small real one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from posegen_flow_matching.config import AttentionUNetConfig, FlowMatchingConfig
from posegen_flow_matching.method import FlowMatching
from posegen_flow_matching.network import AttentionUNet
from torch import Tensor, nn

from posegen.core import Batch, Config, Generator, GeneratorOutput, Parts, TaskInfo

SIZE = (16, 8)
TASK = TaskInfo(SIZE, pose_channels=18)


class Gaussian(Generator):
    """The best answer there is where every pixel of the pictures is normal: mean, deviation.

    E[x | z] = mean + t·d² / (t²·d² + (1 - t)²) · (z - t·mean), by the rule for joint normals.
    """

    inputs = ("source", "target_pose", "noisy", "time")
    mean, deviation = 0.1, 0.2

    def __init__(self) -> None:
        super().__init__(Config(), TASK)
        self.nothing = nn.Parameter(torch.zeros(()))

    def forward(self, **inputs: Tensor) -> GeneratorOutput:
        t, z = inputs["time"][..., None, None], inputs["noisy"]
        spread = t * self.deviation**2
        factor = spread / (t * spread + (1 - t) ** 2)
        return GeneratorOutput(self.mean + factor * (z - t * self.mean) + self.nothing)


class Adding(Generator):
    """Answers what it is given: the source's, the pose's and a third part, and one of both."""

    inputs = ("source", "target_pose", "noisy", "time")

    def __init__(self) -> None:
        super().__init__(Config(), TASK)
        self.calls: list[tuple[bool, bool]] = []
        self.encoded = 0

    def encode_source(self, **inputs: Tensor) -> tuple[Tensor, ...]:
        self.encoded += 1
        return (inputs["source"],)

    def forward(self, **inputs: Tensor) -> GeneratorOutput:
        source = inputs["source"].amax(dim=(1, 2, 3), keepdim=True)
        pose = inputs["target_pose"].amax(dim=(1, 2, 3), keepdim=True)
        self.calls.append((bool(source.any()), bool(pose.any())))
        image = 0.01 + source + pose + source * pose
        return GeneratorOutput(image.expand_as(inputs["noisy"]))


def _batch(count: int = 2, *, target: bool = True) -> Batch:
    random = torch.Generator().manual_seed(3)
    images = torch.rand(2, count, 3, *SIZE, generator=random) * 2 - 1
    poses = torch.rand(2, count, 18, *SIZE, generator=random)
    tensors = {
        "source": images[0],
        "source_pose": poses[0],
        "target_pose": poses[1],
        **({"target": images[1]} if target else {}),
    }
    names = [str(number) for number in range(count)]
    return Batch(tensors, source_names=names, target_names=names, total=count)


def _small(**options: object) -> AttentionUNet:
    torch.manual_seed(0)
    network = AttentionUNet(
        AttentionUNetConfig(**{"widths": [8, 16], "blocks": 1, "attending": 1, **options}), TASK
    )
    for parameter in network.parameters():  # what adds nothing at first would hide mistakes
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return network


def _method(generator: Generator, **options: object) -> FlowMatching:
    return FlowMatching(FlowMatchingConfig(**options), Parts(generator, TASK))


@pytest.fixture
def gaussian() -> Gaussian:
    return Gaussian()


@pytest.fixture
def adding() -> Adding:
    return Adding()


@pytest.fixture
def batch() -> Callable[..., Batch]:
    """Return a batch of random pictures and maps; a target by choice."""
    return _batch


@pytest.fixture
def small() -> Callable[..., AttentionUNet]:
    """Return a small network, all of whose layers do something."""
    return _small


@pytest.fixture
def method() -> Callable[..., FlowMatching]:
    """Return the method around a generator."""
    return _method
