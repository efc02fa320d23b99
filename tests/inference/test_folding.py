"""Folding changes the layers and not the images; what cannot be folded is left alone."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from posegen.core import Config, Generator, GeneratorOutput, TaskInfo
from posegen.inference.folding import folded

Inputs = Callable[..., tuple[Tensor, Tensor, Tensor]]
TASK = TaskInfo((32, 16), 18)


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_patn_is_folded_whole_and_its_weights_are_left_as_they_are(
    patn: Callable[..., Generator], inputs: Inputs
) -> None:
    network = patn()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fast, count = folded(network, TASK)
    assert count == norms(network) == 17
    assert norms(fast) == 0
    wanted, made = network(*inputs(3)), fast(*inputs(3))
    torch.testing.assert_close(made.image, wanted.image, atol=1e-5, rtol=0)
    torch.testing.assert_close(made.aux["attention"], wanted.aux["attention"], atol=1e-5, rtol=0)
    assert made.image.std() > 0.05
    after = network.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_instance_norm_is_no_batch_norm(patn: Callable[..., Generator], inputs: Inputs) -> None:
    network = patn(norm="instance")
    fast, count = folded(network, TASK)
    assert count == 0
    assert torch.equal(fast(*inputs(2)).image, network(*inputs(2)).image)
    # Nothing was folded, so nothing takes memory twice.
    assert all(a is b for a, b in zip(fast.parameters(), network.parameters(), strict=True))


class Toy(Generator):
    """Layers that are called by name, as residual networks do, each kind of call once."""

    def __init__(self, call: str) -> None:
        super().__init__(Config(), TASK)
        self.call = call
        groups = 3 if call == "grouped transposed" else 1
        kind = nn.ConvTranspose2d if "transposed" in call else nn.Conv2d
        self.conv = kind(39, 39, 3, padding=1, groups=groups, bias=call != "no bias")
        self.norm = nn.BatchNorm2d(
            39, affine=call != "not affine", track_running_stats=call != "no statistics"
        )
        self.head = nn.Conv2d(39, 3, 1)

    def forward(self, source: Tensor, source_pose: Tensor, target_pose: Tensor) -> GeneratorOutput:
        whole = torch.cat([source, source_pose, target_pose], dim=1)
        made = self.conv(whole)
        if self.call == "between":
            made = made.relu_()
        out = self.norm(made)
        if self.call == "result twice":
            out = out + made
        if self.call == "convolution twice":
            out = out + self.conv(out)
        if self.call == "norm twice":
            out = out + self.norm(out)
        if self.call == "values" and bool(out.mean() > 100):
            out = -out
        aux = {"features": made} if self.call == "also a result" else {}
        return GeneratorOutput(self.head(out.relu()).tanh(), aux)

    def encode_source(self, source: Tensor, source_pose: Tensor) -> tuple[Tensor, ...]:
        if self.call == "other way":  # reads the convolution before the norm
            return (self.conv(torch.cat([source, source_pose, source_pose], dim=1)),)
        return super().encode_source(source=source, source_pose=source_pose)

    def generate_from(self, code: tuple[Tensor, ...], target_pose: Tensor) -> GeneratorOutput:
        if self.call == "other way":
            return GeneratorOutput(self.head(code[0]).tanh())
        return super().generate_from(code, target_pose=target_pose)


@pytest.mark.parametrize(
    ("call", "count"),
    [
        ("plain", 1),
        ("no bias", 1),
        ("not affine", 1),
        ("transposed", 1),
        ("grouped transposed", 0),
        ("no statistics", 0),
        ("between", 0),
        ("result twice", 0),
        ("convolution twice", 0),
        ("norm twice", 0),
        ("also a result", 0),
        ("values", 0),
        ("other way", 0),
    ],
)
def test_only_what_gives_the_same_is_folded(call: str, count: int, inputs: Inputs) -> None:
    torch.manual_seed(0)
    network = Toy(call).train()
    for seed in range(3):
        network(*inputs(2, seed))
    network.eval()
    fast, found = folded(network, TASK)
    assert found == count
    assert norms(fast) == 1 - count
    torch.testing.assert_close(fast(*inputs(2)).image, network(*inputs(2)).image, atol=1e-5, rtol=0)


def test_a_network_in_training_is_not_folded() -> None:
    network = Toy("plain").train()
    assert folded(copy.deepcopy(network), TASK)[1] == 0
