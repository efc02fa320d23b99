"""The losses of flows, against what is known beforehand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from posegen_warp.config import CorrectnessConfig, RegularityConfig
from posegen_warp.flow_losses import FlowCorrectness, FlowRegularity, incorrectness, irregularity
from torch import Tensor
from torch.nn import functional

from posegen.core import Batch, ConfigError, GeneratorOutput, TaskInfo, VGG19Features, WeightsError

SIZE = (64, 32)
TASK = TaskInfo(SIZE, 18)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def shift(right: float, down: float, size: tuple[int, int]) -> Tensor:
    return torch.tensor([right, down]).view(1, 2, 1, 1).repeat(1, 1, *size)


def correctness(flows: dict[str, Tensor], source: Tensor, target: Tensor) -> Tensor:
    loss = FlowCorrectness(CorrectnessConfig(features="colours"), TASK)
    return loss(GeneratorOutput(target, flows), Batch({"source": source, "target": target}))


def test_incorrectness_by_hand() -> None:
    """Two places, features at right angles: the right one gives exp(-1), the wrong one exp(0)."""
    features = torch.eye(2).view(1, 2, 1, 2)
    right = incorrectness(torch.zeros(1, 2, 1, 2), features, features)
    assert float(right) == pytest.approx(0, abs=1e-6)
    flow = torch.zeros(1, 2, 1, 2)
    flow[0, 0, 0, 0] = 1.0
    half = incorrectness(flow, features, features)
    assert float(half) == pytest.approx((1 - math.exp(-1)) / 2, abs=1e-6)


def test_incorrectness_is_relative_to_the_best_place_there_is() -> None:
    """A target that the source shows only faintly costs nothing where the flow finds the best."""
    source = torch.tensor([[1.0, 0.0], [1.0, 1.0]]).T.view(1, 2, 1, 2)
    target = torch.tensor([[0.0, 1.0], [0.0, 1.0]]).T.view(1, 2, 1, 2)
    flow = torch.zeros(1, 2, 1, 2)
    flow[0, 0, 0, 0] = 1.0  # both fetch from the second place, whose cosine is 1/√2
    assert float(incorrectness(flow, source, target)) == pytest.approx(0, abs=1e-6)


def test_the_right_flow_costs_less_than_wrong_ones() -> None:
    target = functional.interpolate(noise(1, 3, 16, 8) * 2 - 1, SIZE, mode="bilinear")
    source = target.roll((8, 16), dims=(3, 2))  # 2 places to the right, 4 down, at 1/4
    right, near, none, wrong = (
        correctness({"flow": shift(*by, (16, 8))}, source, target)
        for by in ((2, 4), (2.4, 4), (0, 0), (-2, 1))
    )
    assert right < near < none
    assert right < wrong / 2
    both = {"flow": shift(2, 4, (16, 8)), "flow_8": shift(0, 0, (8, 4))}
    coarse = correctness({"flow": shift(0, 0, (8, 4))}, source, target)
    torch.testing.assert_close(correctness(both, source, target), right + coarse)


def test_the_gradient_leads_to_the_right_flow() -> None:
    target = functional.interpolate(noise(1, 3, 8, 4) * 2 - 1, SIZE, mode="bilinear")
    flow = shift(0.4, 0, (16, 8)).requires_grad_()
    correctness({"flow": flow}, target, target).backward()
    assert flow.grad is not None
    assert flow.grad[:, 0].mean() > 0


def test_pictures_of_one_colour_give_a_finite_gradient() -> None:
    flat = torch.full((1, 3, *SIZE), 0.25)
    flow = shift(0.4, 0, (16, 8)).requires_grad_()
    correctness({"flow": flow}, flat, flat).backward()
    assert flow.grad is not None
    assert flow.grad.isfinite().all()


def test_vggs_layers_belong_to_levels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POSEGEN_OFFLINE", "1")
    missing = tmp_path / "vgg.pth"
    with pytest.raises(WeightsError, match=r"vgg\.pth: no such file"):
        FlowCorrectness(CorrectnessConfig(weights=missing), TASK)

    def random(layers: tuple[str, ...], weights: Path | None, option: str) -> VGG19Features:
        return VGG19Features.random(layers, 0)

    monkeypatch.setattr(VGG19Features, "pretrained", random)
    loss = FlowCorrectness(CorrectnessConfig(), TASK)
    target = functional.interpolate(noise(1, 3, 16, 8) * 2 - 1, SIZE, mode="bilinear")
    batch = Batch({"source": target.roll(16, dims=2), "target": target})

    def value(**flows: Tensor) -> Tensor:
        term: Tensor = loss(GeneratorOutput(target, flows), batch)
        return term

    right = value(flow=shift(0, 4, (16, 8)), flow_8=shift(0, 2, (8, 4)))
    assert right < value(flow=shift(0, 0, (16, 8)), flow_8=shift(0, 0, (8, 4)))
    with pytest.raises(ConfigError, match=r"a flow at 1/2 .*'relu2_1'"):
        value(flow=shift(0, 0, (32, 16)))


def test_an_affine_flow_is_regular() -> None:
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(8.0), indexing="ij")
    flow = torch.stack([0.3 * x - 0.7 * y + 5, 0.2 * x + 0.1 * y - 2])[None]
    for size in (3, 5):
        assert irregularity(flow, size) < 1e-8


def test_irregularity_by_hand() -> None:
    """x² over -1, 0, 1 leaves (1, -2, 1) / 3 of its fit in each of three rows: 3 · 6/9."""
    flow = torch.zeros(1, 2, 3, 3)
    flow[0, 0] = torch.tensor([1.0, 0.0, 1.0])
    assert float(irregularity(flow, 3)) == pytest.approx(2.0)


def test_windows_go_from_fine_to_coarse() -> None:
    flows = {"flow_8": noise(1, 2, 8, 4), "flow": noise(1, 2, 16, 8, seed=1)}
    loss = FlowRegularity(RegularityConfig(windows=(5, 3)), TASK)
    made = loss(GeneratorOutput(torch.zeros(1, 3, *SIZE), flows), Batch({}))
    expected = irregularity(flows["flow"], 5) + irregularity(flows["flow_8"], 3)
    torch.testing.assert_close(made, expected)
    small = FlowRegularity(RegularityConfig(windows=(5,)), TASK)
    with pytest.raises(ConfigError, match="a window of 5 does not fit a flow of 8×4"):
        small(GeneratorOutput(torch.zeros(1, 3, *SIZE), flows), Batch({}))


@pytest.mark.parametrize(
    "loss",
    [
        FlowCorrectness(CorrectnessConfig(features="colours"), TASK),
        FlowRegularity(RegularityConfig(), TASK),
    ],
    ids=["correctness", "regularity"],
)
def test_a_generator_without_flows_is_refused(loss: FlowCorrectness | FlowRegularity) -> None:
    image = torch.zeros(1, 3, *SIZE)
    with pytest.raises(ConfigError, match="the generator makes no flow; train the generator"):
        loss(GeneratorOutput(image), Batch({"source": image, "target": image}))
