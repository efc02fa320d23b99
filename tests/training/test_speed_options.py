"""What makes a step faster or smaller changes no number: float64, with each option on and off."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from posegen.compute import winograd
from posegen.compute.kernels import InstanceNorm2d
from posegen.compute.winograd import WinogradConv2d
from posegen.config import ExperimentConfig
from posegen.core import Batch, TaskInfo
from posegen.training import Stepper, build_method

Tiny = Callable[..., ExperimentConfig]
PLAIN = [
    "training.channels_last=false",
    "training.cpu_kernels=false",
    "optimizer.fused=false",
    'losses.perceptual={name="random-vgg",weight=10.0,layers=["relu1_2"]}',
]
#: As in the two published presets; without dropout and pool, as in the recorded runs.
PRESETS = {
    "market1501": ["generator.norm=batch", "method.objective=bce"],
    "deepfashion": ["generator.norm=instance", "method.objective=lsgan"],
}
DISCRIMINATORS = ("appearance", "shape")


def options(preset: str, *more: str) -> list[str]:
    norm = PRESETS[preset][0].partition("=")[2]
    parts = [f"discriminators.{name}.norm={norm}" for name in DISCRIMINATORS]
    rest = ["generator.dropout=0.0", "discriminators.appearance.dropout=0.0"]
    rest.append("discriminators.appearance.pool_size=0")
    return [*PRESETS[preset], *parts, *rest, *PLAIN, *more]


def batch_of(count: int = 4) -> Batch:
    random = torch.Generator().manual_seed(1)

    def images(channels: int) -> Tensor:
        return torch.rand(count, channels, 32, 16, generator=random, dtype=torch.float64) * 2 - 1

    return Batch(
        {
            "source": images(3),
            "target": images(3),
            "source_pose": images(18).abs(),
            "target_pose": images(18).abs(),
        }
    )


def stepper(config: ExperimentConfig) -> Stepper:
    torch.manual_seed(0)
    method = build_method(config, TaskInfo((32, 16), 18))
    for module in [*method.networks.values(), *method.frozen.values()]:
        module.double()
    return Stepper.of(method, config)


def trained(config: ExperimentConfig) -> tuple[list[dict[str, float]], dict[str, Tensor]]:
    """The losses of three steps, and all weights after them."""
    made = stepper(config)
    losses = [{k: float(v) for k, v in made.step(batch_of()).items()} for _ in range(3)]
    weights = {
        f"{name}.{key}": tensor
        for name, network in made.method.networks.items()
        for key, tensor in network.state_dict().items()
    }
    return losses, weights


@pytest.fixture(autouse=True)
def kernels_for_small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "LEAST_CHANNELS", 1)
    monkeypatch.setattr(winograd, "LEAST_TILES", 1)


EACH = [[], *([text.replace("false", "true")] for text in PLAIN if text.endswith("false"))]
EACH += [[e[0] for e in EACH[1:]]]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_option_gives_the_plain_losses_and_weights(tiny: Tiny, preset: str) -> None:
    losses, weights = trained(tiny(*options(preset)))
    for chosen in EACH[1:]:
        found, after = trained(tiny(*options(preset, *chosen)))
        for one, other in zip(found, losses, strict=True):
            assert one == pytest.approx(other, rel=1e-9), chosen
        for key, wanted in weights.items():
            if preset == "deepfashion" and key.endswith("conv.bias") and "head" not in key:
                continue  # the norm takes it away again: its gradient is a rounding error
            torch.testing.assert_close(after[key], wanted, rtol=0, atol=1e-7, msg=f"{chosen} {key}")


def test_the_kernels_are_those_that_were_chosen(tiny: Tiny) -> None:
    for wanted in (False, True):
        flag = f"training.cpu_kernels={str(wanted).lower()}"
        modules = list(
            stepper(tiny(*options("deepfashion", flag))).method.networks["shape"].modules()
        )
        for ours in (WinogradConv2d, InstanceNorm2d):
            assert any(isinstance(module, ours) for module in modules) == wanted


def test_frozen_discriminators_get_no_gradient_in_the_generators_phase(tiny: Tiny) -> None:
    made = stepper(tiny(*options("market1501")))
    others = [made.method.networks[name] for name in DISCRIMINATORS]
    seen = []

    def look(*_: object) -> None:
        seen.extend(parameter.grad for network in others for parameter in network.parameters())

    made.optimizers["generator"].register_step_pre_hook(look)
    made.step(batch_of())
    assert seen
    assert all(gradient is None for gradient in seen)


def test_compiled_networks_are_one_graph_each_and_give_the_same(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With PyTorch's tracing and a backend that takes no minutes."""

    def quickly(network: nn.Module, cuda_graphs: bool) -> None:
        network.compile(fullgraph=True, backend="aot_eager")

    monkeypatch.setattr("posegen.training.stepper.compile_network", quickly)
    flags = [text.replace("false", "true") for text in PLAIN]
    losses, _ = trained(tiny(*options("deepfashion", *flags)))
    found, _ = trained(tiny(*options("deepfashion", *flags, "training.compile=true")))
    for one, other in zip(found, losses, strict=True):
        assert one == pytest.approx(other, rel=1e-9)
