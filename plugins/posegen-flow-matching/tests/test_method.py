"""The equations: velocities, solvers, times, what is dropped, against answers that are known."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from posegen_flow_matching.config import FlowMatchingConfig, Sampling
from posegen_flow_matching.method import FlowMatching
from pydantic import ValidationError
from torch import Tensor, nn

from posegen.core import (
    Batch,
    Config,
    ConfigError,
    Generator,
    GeneratorOutput,
    Loss,
    Noise,
    Parts,
    StepContext,
    TaskInfo,
    WeightedLoss,
)

Build = Callable[..., FlowMatching]


def context(method: FlowMatching, count: int, seed: int = 0) -> StepContext:
    names = [str(number) for number in range(count)]
    return StepContext(dict(method.networks), torch.Generator(), Noise(seed, names))


def sampled(method: FlowMatching, batch: Batch, seed: int = 0, **options: object) -> Tensor:
    noise = Noise(seed, batch.names)
    with torch.no_grad():
        output = method.sample(method.networks, batch, noise, Sampling(**options))
    return output.image


def start(batch: Batch, seed: int = 0) -> Tensor:
    return Noise(seed, batch.names).normal(*batch.source.shape[1:])


# -- sampling ------------------------------------------------------------------------------------


def exact(gaussian: Generator, batch: Batch) -> Tensor:
    """Return where the flow of a normal distribution ends: a draw of it, by the noise's own rank.

    The deviation of z at time t is √(t²d² + (1-t)²), and the flow keeps each z at as many
    deviations from the mean: from 1 at time 0 to d at time 1.
    """
    return gaussian.mean + gaussian.deviation * start(batch)


def error(gaussian: Generator, method: Build, batch: Batch, solver: str, steps: int) -> float:
    made = sampled(method(gaussian), batch, solver=solver, steps=steps)
    return float((made - exact(gaussian, batch)).abs().mean())


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("heun", 2)])
def test_the_order_of_the_solvers(
    gaussian: Generator, method: Build, batch: Callable[..., Batch], solver: str, order: int
) -> None:
    """Twice the steps: half the error by Euler's rule, a quarter by Heun's."""
    few, many = (error(gaussian, method, batch(), solver, steps) for steps in (64, 128))
    assert few / many == pytest.approx(2**order, rel=0.15)
    assert many < (4e-3 if order == 1 else 1e-4)


def test_one_step_is_the_regression(
    gaussian: Generator, method: Build, batch: Callable[..., Batch]
) -> None:
    """At time 0 nothing is known of the picture but the mean of all."""
    made = sampled(method(gaussian), batch(), steps=1)
    torch.testing.assert_close(made, torch.full_like(made, gaussian.mean))


def test_heun_asks_twice_but_for_the_last_step(
    adding: Generator, method: Build, batch: Callable[..., Batch]
) -> None:
    sampled(method(adding), batch(), solver="heun", steps=4)
    assert len(adding.calls) == 7
    assert adding.encoded == 1


@pytest.mark.parametrize("options", [{"steps": 3}, {"steps": 2, "solver": "heun"}])
def test_a_picture_depends_on_its_seed_and_name_alone(
    small: Callable[..., Generator],
    method: Build,
    batch: Callable[..., Batch],
    options: dict[str, object],
) -> None:
    whole, way = batch(3, target=False), method(small().eval())
    made = sampled(way, whole, seed=5, **options)
    assert torch.equal(made, sampled(way, whole, seed=5, **options))
    alone = sampled(way, whole.part(1, 2), seed=5, **options)
    torch.testing.assert_close(made[1:2], alone, atol=1e-5, rtol=0)
    other = sampled(way, whole, seed=6, **options)
    assert (made - other).abs().mean() > 1e-3


# -- training ------------------------------------------------------------------------------------


class Watching(Generator):
    """Keeps what it is given, and answers zero."""

    inputs = ("source", "source_keypoints", "target_pose", "weather", "noisy", "time")

    def __init__(self) -> None:
        super().__init__(Config(), TaskInfo((16, 8), 18))
        self.seen: dict[str, Tensor] = {}
        self.answer = nn.Parameter(torch.zeros(()))

    def forward(self, **inputs: Tensor) -> GeneratorOutput:
        self.seen = inputs
        return GeneratorOutput(self.answer.expand_as(inputs["noisy"]))


def watched(
    method: Build, batch: Callable[..., Batch], count: int, **options: object
) -> tuple[Watching, Batch, Tensor]:
    network = Watching()
    given = batch(count)
    given = given.having(source_keypoints=torch.ones(count, 18, 3), weather=torch.ones(count, 2))
    way = method(network, **options)
    loss, _ = way.loss("generator", given, context(way, count))
    return network, given, loss


def test_the_loss_is_that_of_the_velocity(method: Build, batch: Callable[..., Batch]) -> None:
    network, given, loss = watched(method, batch, 4, noise_scale=2.0, time_mean=-1.0)
    noisy, t = network.seen["noisy"], network.seen["time"][..., None, None]
    noise = (noisy - t * given.target) / (1 - t)
    assert float(noise.std()) == pytest.approx(2.0, rel=0.1)
    true, found = given.target - noise, (0 - noisy) / (1 - t)  # v = x - e, and v̂ of the answer 0
    assert bool((t < 0.95).all())
    torch.testing.assert_close(loss, (found - true).square().mean(), rtol=1e-4, atol=0)


def test_near_the_picture_the_velocity_does_not_explode(
    method: Build, batch: Callable[..., Batch]
) -> None:
    network, given, loss = watched(method, batch, 4, time_mean=12.0, time_deviation=1e-3)
    assert bool((network.seen["time"] > 0.99).all())
    expected = (given.target / 0.05).square().mean()
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=0)


def test_the_loss_of_the_best_network_is_the_spread_of_the_velocity(
    gaussian: Generator, method: Build
) -> None:
    """Of joint normals x and e, the variance of v that z leaves open is d² / (t²d² + (1 - t)²)."""
    random = torch.Generator().manual_seed(1)
    target = gaussian.mean + gaussian.deviation * torch.randn(64, 3, 16, 8, generator=random)
    tensors = {"source": target, "target": target, "target_pose": torch.zeros(64, 18, 16, 8)}
    way = method(gaussian, time_mean=0.4, time_deviation=1e-4)
    loss, _ = way.loss("generator", Batch(tensors), context(way, 64))
    t, d = 1 / (1 + math.exp(-0.4)), gaussian.deviation
    assert float(loss.detach()) == pytest.approx(d**2 / (t**2 * d**2 + (1 - t) ** 2), rel=0.03)


def test_times_follow_their_distribution(method: Build, batch: Callable[..., Batch]) -> None:
    network, _, _ = watched(method, batch, 400, time_mean=-0.8, time_deviation=0.5)
    logits = torch.logit(network.seen["time"])
    assert float(logits.mean()) == pytest.approx(-0.8, abs=0.1)
    assert float(logits.std()) == pytest.approx(0.5, abs=0.06)


def test_what_is_dropped_is_zero_and_how_often(method: Build, batch: Callable[..., Batch]) -> None:
    count = 400
    network, given, _ = watched(method, batch, count, drop_source=0.2, drop_pose=0.3, drop_both=0.1)
    seen = network.seen
    source = ~seen["source"].flatten(1).any(dim=1)
    assert torch.equal(source, ~seen["source_keypoints"].flatten(1).any(dim=1))
    pose = ~seen["target_pose"].flatten(1).any(dim=1)
    assert seen["weather"].all()  # of neither picture
    both = source & pose
    shares = [float(x.float().mean()) for x in (source & ~both, pose & ~both, both)]
    assert shares == pytest.approx([0.2, 0.3, 0.1], abs=0.06)
    assert torch.equal(seen["source"][~source], given.source[~source])


def test_nothing_is_dropped_where_nothing_is_to_be(
    method: Build, batch: Callable[..., Batch]
) -> None:
    none = {"drop_source": 0.0, "drop_pose": 0.0, "drop_both": 0.0}
    network, given, _ = watched(method, batch, 50, **none)
    assert torch.equal(network.seen["source"], given.source)
    assert torch.equal(network.seen["target_pose"], given.target_pose)
    with pytest.raises(ValidationError, match="together above 1"):
        FlowMatchingConfig(drop_source=0.6, drop_pose=0.6)


class Brightness(Loss):
    """The mean of the picture."""

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        return output.image.mean()


def test_losses_of_the_recipe_are_added_of_the_prediction(
    gaussian: Generator, batch: Callable[..., Batch]
) -> None:
    task = TaskInfo((16, 8), 18)
    losses = {
        "brightness": WeightedLoss(3.0, Brightness(Config(), task)),
        "off": WeightedLoss(0.0, Brightness(Config(), task)),
    }
    way = FlowMatching(FlowMatchingConfig(), Parts(gaussian, task, losses=losses))
    loss, terms = way.loss("generator", batch(), context(way, 2))
    assert set(terms) == {"velocity", "brightness"} == {"velocity", *way.frozen}
    torch.testing.assert_close(loss.detach(), terms["velocity"] + terms["brightness"])


def test_a_generator_that_reads_no_noise_is_refused(method: Build) -> None:
    class Plain(Generator):
        def forward(self, **inputs: Tensor) -> GeneratorOutput:
            return GeneratorOutput(inputs["source"])

    with pytest.raises(ConfigError, match=r"does not read 'noisy'.*--generator attention-unet"):
        method(Plain(Config(), TaskInfo((16, 8), 18)))
