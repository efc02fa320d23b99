"""What is special about this network, and that it can learn at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from posegen_flow_matching.config import AttentionUNetConfig, Sampling
from posegen_flow_matching.method import FlowMatching
from posegen_flow_matching.network import Attention, AttentionUNet, waves
from pydantic import ValidationError
from torch import Tensor

from posegen.config import OptimizerConfig, ScheduleConfig, TrainingConfig
from posegen.core import Batch, Noise, TaskInfo
from posegen.training import Stepper

Small = Callable[..., AttentionUNet]


def inputs(batch: Batch, seed: int = 0) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(seed)
    noisy = torch.randn(batch.source.shape, generator=random)
    time = torch.rand(len(batch), 1, generator=random)
    return {**batch.select(["source", "source_pose", "target_pose"]), "noisy": noisy, "time": time}


def test_in_two_steps_it_is_forward_to_the_bit(small: Small, batch: Callable[..., Batch]) -> None:
    network, given = small(widths=[8, 16, 16], attending=2).eval(), inputs(batch(3))
    source = {name: given.pop(name) for name in ("source", "source_pose")}
    code = network.encode_source(**source)
    assert len(code) == 3  # what joins the input, and two levels
    assert torch.equal(network.generate_from(code, **given).image, network(**source, **given).image)


def test_the_size_multiple_is_of_patches_and_levels(small: Small) -> None:
    assert small(widths=[8, 8, 8], patch=4).size_multiple == 16
    with pytest.raises(ValidationError, match="attending=3, and there are 2 widths"):
        AttentionUNetConfig(widths=(8, 8), attending=3)


def test_every_place_sees_every_place_of_the_source(small: Small) -> None:
    """One pixel of the source, far away, acts on the corner of the picture: by attention alone."""
    network = small(widths=[8, 8, 8, 8], blocks=1, attending=1, patch=1).eval()
    given = inputs(Batch({n: torch.rand(1, c, 64, 32) for n, c in
                          (("source", 3), ("source_pose", 18), ("target_pose", 18))}))  # fmt: skip
    given["source"].requires_grad_()
    network(**given).image[0, :, 0, 0].sum().backward()
    assert given["source"].grad[0, :, -1, -1].any()


def test_attention_is_one_softmax_over_both_pictures() -> None:
    torch.manual_seed(0)
    layer = Attention(8, heads=2)
    torch.nn.init.normal_(layer.last.weight)
    state, place, source = torch.randn(3, 1, 8, 2, 3).unbind()
    query, key, value = layer.own(layer.norm(state) + place).flatten(2)[0].chunk(3)
    k, v = layer.source(source).flatten(2)[0].chunk(2)
    keys, values = torch.cat([key, k], dim=1), torch.cat([value, v], dim=1)
    found = []
    for head in (slice(0, 4), slice(4, 8)):
        shares = (query[head].T @ keys[head] / 2).softmax(dim=1)  # √4
        found.append((shares @ values[head].T).T)
    expected = state + layer.last(torch.cat(found).view(1, 8, 2, 3))
    torch.testing.assert_close(layer(state, place, source), expected, atol=1e-5, rtol=1e-5)


def test_times_are_told_apart() -> None:
    times = waves(torch.linspace(0, 1, 101)[:, None])
    distance = torch.cdist(times, times) + 9 * torch.eye(101)
    assert float(distance.min()) > 0.5


@pytest.mark.slow
def test_one_pair_is_learnt_by_heart(method: Callable[..., FlowMatching]) -> None:
    """To more than 35 dB, in one step and in eight: less and something is wrong."""
    torch.manual_seed(0)
    size = (16, 8)
    network = AttentionUNet(
        AttentionUNetConfig(widths=(32, 48), patch=2, blocks=1, attending=1), TaskInfo(size, 18)
    )
    random = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 6, 4, 2, generator=random) * 1.6 - 0.8
    source, target = torch.nn.functional.interpolate(coarse, size=size).chunk(2, dim=1)
    maps = torch.rand(2, 1, 18, *size, generator=random)
    one = {"source": source, "target": target, "source_pose": maps[0], "target_pose": maps[1]}
    pair = Batch({name: x.expand(8, *x.shape[1:]) for name, x in one.items()}, total=8)
    way = method(network, drop_source=0.0, drop_pose=0.0, drop_both=0.0)
    steps = 600
    stepper = Stepper(
        way,
        TrainingConfig(batch_size=8, steps=steps, clip_norm=1.0, ema=0.98),
        OptimizerConfig(name="adamw", lr=2e-3, beta1=0.9, beta2=0.99),
        ScheduleConfig(name="cosine", warmup=20),
    )
    for _ in range(steps):
        stepper.step(pair)
    for count in (1, 8):
        with stepper.evaluation() as networks, torch.no_grad():
            noise, options = Noise(5, ["one"]), Sampling(steps=count)
            made = way.sample(networks, Batch(one), noise, options).image
        error = float(((made - target) / 2).square().mean())
        assert -10 * torch.log10(torch.tensor(error)) > 35, count
