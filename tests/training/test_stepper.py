"""The step: objectives, accumulation, averages, and what is random."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
import torch
from rich.console import Console
from torch import nn

from posegen.config import ExperimentConfig
from posegen.core import (
    Batch,
    ConfigError,
    Discriminator,
    Generator,
    GeneratorOutput,
    Noise,
    Parts,
    StepContext,
    TaskInfo,
)
from posegen.core.noise import derive
from posegen.training import Stepper, build_method
from posegen.training.adversarial import Adversarial
from posegen.training.adversarial_config import AdversarialConfig
from posegen.training.average import Average
from posegen.training.display import Status, make_display
from posegen.training.randomness import PairSampler

Tiny = Callable[..., ExperimentConfig]
TASK = TaskInfo((32, 16), 18)


def batch_of(count: int = 4) -> Batch:
    random = torch.Generator().manual_seed(1)

    def images(channels: int) -> torch.Tensor:
        return torch.rand(count, channels, 32, 16, generator=random) * 2 - 1

    points = torch.zeros(count, 18, 3)
    return Batch(
        {
            "source": images(3),
            "target": images(3),
            "source_keypoints": points,
            "target_keypoints": points,
            "source_pose": images(18).abs(),
            "target_pose": images(18).abs(),
        }
    )


class Scores(Discriminator):
    """Gives the scores that it was made with: one for the real images, one for generated ones."""

    inputs = ("source",)

    def __init__(self, real: torch.Tensor, fake: torch.Tensor) -> None:
        nn.Module.__init__(self)
        self.real, self.fake = real, fake
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, image: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        return self.factor * (self.fake if image.requires_grad or image.mean() == 0 else self.real)


class Zero(Generator):
    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.shift = nn.Parameter(torch.zeros(()))

    def forward(
        self, source: torch.Tensor, source_pose: torch.Tensor, target_pose: torch.Tensor
    ) -> GeneratorOutput:
        return GeneratorOutput(torch.zeros_like(source) + self.shift)


@pytest.mark.parametrize("objective", ["bce", "lsgan"])
def test_adversarial_losses_equal_torchs(objective: str) -> None:
    random = torch.Generator().manual_seed(0)
    scores = [torch.randn(4, 8, 2, 2, generator=random) * 3 for _ in range(4)]
    judges = {"a": Scores(scores[0], scores[1]), "b": Scores(scores[2], scores[3])}
    method = Adversarial(
        AdversarialConfig(objective=objective, weight=5.0),  # type: ignore[arg-type]
        Parts(Zero(), TASK, judges),
    )

    def judged(values: torch.Tensor, label: float) -> torch.Tensor:
        labels = torch.full_like(values, label)
        if objective == "bce":
            return nn.functional.binary_cross_entropy(values.sigmoid(), labels)
        return nn.functional.mse_loss(values, labels)

    context = StepContext(method.networks, torch.Generator(), Noise(0, []))
    total, terms = method.loss("generator", batch_of(), context)
    expected = 5 * (judged(scores[1], 1) + judged(scores[3], 1)) / 2
    torch.testing.assert_close(total, expected)
    torch.testing.assert_close(terms["adversarial"], expected)
    total, _ = method.loss("b", batch_of(), context)
    torch.testing.assert_close(total, 5 * (judged(scores[2], 1) + judged(scores[3], 0)) / 2)
    assert method.phases == {"generator": ("generator",), "a": ("a",), "b": ("b",)}


def test_weight_zero_trains_no_discriminator(tiny: Tiny) -> None:
    method = build_method(tiny("method.weight=0"), TASK)
    assert list(method.phases) == ["generator"]


def test_each_phase_changes_its_own_network_only(tiny: Tiny) -> None:
    config = tiny()
    torch.manual_seed(0)
    stepper = Stepper.of(build_method(config, TASK), config)
    seen: dict[str, dict[str, torch.Tensor]] = {}
    real = stepper.method.loss

    def watch(phase: str, batch: Batch, context: StepContext) -> object:
        seen[phase] = {
            name: torch.cat([p.detach().flatten() for p in network.parameters()])
            for name, network in stepper.method.networks.items()
        }
        return real(phase, batch, context)

    stepper.method.loss = watch  # type: ignore[method-assign, assignment]
    stepper.step(batch_of())
    for name in ("appearance", "shape"):
        assert torch.equal(seen["generator"][name], seen[name][name])
    assert not torch.equal(seen["generator"]["generator"], seen["appearance"]["generator"])
    assert torch.equal(seen["appearance"]["generator"], seen["shape"]["generator"])
    for network in stepper.method.networks.values():
        assert all(p.requires_grad for p in network.parameters())


def test_accumulation_equals_the_whole_batch(tiny: Tiny) -> None:
    plain = [
        "generator.norm=instance",
        "generator.dropout=0.0",
        "discriminators.appearance.norm=instance",
        "discriminators.shape.norm=instance",
        "discriminators.appearance.dropout=0.0",
        "discriminators.appearance.pool_size=0",
    ]
    terms: list[dict[str, float]] = []
    gradients: list[list[torch.Tensor]] = []
    for parts in (1, 3):  # three parts of four: of unequal size
        config = tiny(*plain, f"training.accumulate={parts}")
        torch.manual_seed(0)
        stepper = Stepper.of(build_method(config, TASK), config)
        # The weights after it are no measure: Adam makes a full step of a rounding error.
        gradients.append(watched(stepper, "generator"))
        terms.append({name: float(value) for name, value in stepper.step(batch_of()).items()})
    assert terms[0] == pytest.approx(terms[1], rel=1e-4)
    whole, parted = (torch.cat(found) for found in gradients)
    torch.testing.assert_close(parted, whole, atol=1e-4 * float(whole.abs().max()), rtol=1e-3)


def watched(stepper: Stepper, phase: str) -> list[torch.Tensor]:
    """A list that a phase's gradients will be in, as its optimiser sees them."""
    found: list[torch.Tensor] = []
    parameters = list(stepper.method.networks[phase].parameters())

    def look(*_: object) -> None:
        found.extend(p.grad.flatten().clone() for p in parameters if p.grad is not None)

    stepper.optimizers[phase].register_step_pre_hook(look)
    return found


def test_clipping_limits_the_gradient(tiny: Tiny) -> None:
    config = tiny("training.clip_norm=0.001")
    stepper = Stepper.of(build_method(config, TASK), config)
    gradients = watched(stepper, "generator")
    stepper.step(batch_of())
    norm = torch.linalg.vector_norm(torch.cat(gradients))
    assert 0 < norm <= 0.001 * 1.01


def test_learning_rates_per_network(tiny: Tiny) -> None:
    config = tiny("optimizer.scale.shape=0.25")
    stepper = Stepper.of(build_method(config, TASK), config)
    stepper.step(batch_of())
    rates = {name: adam.param_groups[0]["lr"] for name, adam in stepper.optimizers.items()}
    assert rates["shape"] == pytest.approx(rates["generator"] / 4)
    with pytest.raises(ConfigError, match=r"optimizer.scale.shap: .*did you mean 'shape'"):
        Stepper.of(build_method(config, TASK), tiny("optimizer.scale.shap=0.25"))


def test_the_average_of_weights() -> None:
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    weight = network[0].weight
    average = Average(network, 0.5)
    expected = 0.0
    for step, value in enumerate((3.0, 5.0, -2.0, 8.0, 1.0)):
        nn.init.constant_(weight, value)
        network[1].num_batches_tracked += 1
        average.update(network)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = value if step == 0 else decay * expected + (1 - decay) * value
        assert average.module[0].weight.item() == pytest.approx(expected)
    assert int(average.module[1].num_batches_tracked) == 5


def test_pairs_are_a_function_of_seed_and_step() -> None:
    whole = list(PairSampler(1000, 8, seed=3, start=0, stop=6))
    late = list(PairSampler(1000, 8, seed=3, start=4, stop=6))
    assert whole[4:] == late
    halves = [list(PairSampler(1000, 8, 3, 0, 6, rank, 2)) for rank in (0, 1)]
    assert [a + b for a, b in zip(*halves, strict=True)] == whole
    assert whole != list(PairSampler(1000, 8, seed=4, start=0, stop=6))
    assert len({derive(0, "a", 1), derive(0, "a", 2), derive(0, "b", 1), derive(1, "a", 1)}) == 4


def test_displays() -> None:
    status = Status(10, 100, {"generator/l1": 0.5}, 12.3, 3725.0, 1.5)
    for terminal in (False, True):
        text = io.StringIO()
        display = make_display(Console(file=text, force_terminal=terminal, width=80), "t", 0, 100)
        display.update(status)
        display.note("a note")
        display.close()
        printed = text.getvalue()
        for expected in ("generator/l1", "0.5000", "12.3", "a note"):
            assert expected in printed
        assert ("1:02:05" in printed) != terminal  # the live bar estimates the time itself
