from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from posegen_stlpips.config import ColourConfig, STLPIPSLossConfig, STStyleConfig
from posegen_stlpips.losses import ColourLoss, STLPIPSLoss, STStyleLoss
from posegen_stlpips.network import load_network
from pydantic import ValidationError
from torch import Tensor, nn

from posegen.core import Batch, ConfigError, GeneratorOutput, Loss, TaskInfo, gram

Pictures = Callable[..., tuple[Tensor, Tensor]]
TASK = TaskInfo((64, 32), pose_channels=18)
LOSSES = {
    "st-lpips": lambda: STLPIPSLoss(STLPIPSLossConfig(), TASK),
    "st-style": lambda: STStyleLoss(STStyleConfig(), TASK),
    "colour": lambda: ColourLoss(ColourConfig(), TASK),
}


def value(loss: Loss, image: Tensor, target: Tensor) -> Tensor:
    result: Tensor = loss(GeneratorOutput(image), Batch({"target": target}))
    return result


def test_st_lpips_is_the_mean_distance_over_pictures_and_scales(pictures: Pictures) -> None:
    network = load_network(None)
    pairs = [pictures(seed, (64, 32)) for seed in (0, 1)]
    image, target = (torch.cat(side) for side in zip(*pairs, strict=True))

    def distance(scale: int) -> Tensor:
        size = (64 * scale, 32 * scale)
        sides = [nn.functional.interpolate(x, size, mode="bilinear") for x in (image, target)]
        return network.distance(*(network.directions(side) for side in sides)).mean()

    one, both = (
        value(STLPIPSLoss(STLPIPSLossConfig(scales=scales), TASK), image, target)
        for scales in ((1.0,), (1.0, 2.0))
    )
    torch.testing.assert_close(one, distance(1))
    torch.testing.assert_close(both, (distance(1) + distance(2)) / 2)


@pytest.mark.parametrize("name", LOSSES)
def test_only_the_generated_image_gets_a_gradient(name: str, pictures: Pictures) -> None:
    loss = LOSSES[name]()
    image, target = (picture.requires_grad_() for picture in pictures(0, (64, 32)))
    value(loss, image, target).backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()
    assert image.grad.any()
    assert not any(parameter.requires_grad for parameter in loss.parameters())
    if name != "colour":
        assert target.grad is None


@pytest.mark.parametrize("name", LOSSES)
def test_autocast_changes_nothing_but_the_images_rounding(name: str, pictures: Pictures) -> None:
    loss = LOSSES[name]()
    image, target = pictures(0, (64, 32))
    rounded = image.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        under = value(loss, rounded, target)
    assert under.dtype == torch.float32
    assert torch.equal(under, value(loss, rounded.float(), target))


def test_gram_matrices_as_published() -> None:
    values = torch.arange(12.0).view(1, 2, 2, 3)
    one, other = values[0].flatten(1)
    expected = torch.stack([one @ one, one @ other, other @ one, other @ other]).view(1, 2, 2) / 12
    torch.testing.assert_close(gram(values), expected)


def test_style_adds_the_stages_and_ignores_places(pictures: Pictures) -> None:
    image, target = pictures(0, (64, 32))
    alone = [
        value(STStyleLoss(STStyleConfig(stages=(stage,)), TASK), image, target) for stage in (1, 3)
    ]
    both = value(STStyleLoss(STStyleConfig(stages=(3, 1)), TASK), image, target)
    torch.testing.assert_close(both, alone[0] + alone[1])
    network = load_network(None)
    grams = [gram(stages[0]) for stages in (network(image, 1), network(target, 1))]
    torch.testing.assert_close(alone[0], (grams[0] - grams[1]).square().sum())
    texture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    loss = STStyleLoss(STStyleConfig(stages=(1,)), TASK)
    moved = value(loss, texture.roll((8, 8), (2, 3)), texture)
    assert 20 * moved < value(loss, texture * 0.5, texture)


def test_colour_sees_a_tint_and_not_the_brightness() -> None:
    random = torch.Generator().manual_seed(0)
    target = torch.rand(2, 3, 30, 21, generator=random)  # 4 divides neither side
    brighter, tinted = target + 0.1, target.clone()
    tinted[:, 0] += 0.1  # red: Cb by -.0169, Cr by .05
    loss, with_luma = (ColourLoss(ColourConfig(luma=luma), TASK) for luma in (0.0, 2.0))
    assert value(loss, brighter, target) < 1e-6
    torch.testing.assert_close(value(with_luma, brighter, target), torch.tensor(0.2))
    tint = 0.1 * (0.299 / 1.772 + 0.701 / 1.402) / 2
    torch.testing.assert_close(value(loss, tinted, target), torch.tensor(tint))
    torch.testing.assert_close(value(with_luma, tinted, target), torch.tensor(tint + 0.0598))


def test_colour_of_large_squares_sees_no_detail() -> None:
    target = torch.zeros(1, 3, 8, 8)
    checks = target.clone()
    checks[:, 0, ::2, ::2] = 0.5
    checks[:, 0, 1::2, 1::2] = -0.5
    fine, coarse = (ColourLoss(ColourConfig(pools=(pool,)), TASK) for pool in (1, 2))
    assert value(fine, checks, target) > 0.05
    assert value(coarse, checks, target) == 0


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (STLPIPSLossConfig, {"scales": []}),
        (STLPIPSLossConfig, {"scales": [1, 1]}),
        (STLPIPSLossConfig, {"scales": [0.1]}),
        (STStyleConfig, {"stages": [6]}),
        (STStyleConfig, {"stages": []}),
        (ColourConfig, {"pools": [0]}),
        (ColourConfig, {"luma": -1}),
    ],
)
def test_wrong_options_are_refused(config: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config(**options)


def test_pictures_too_small_are_refused_before_training() -> None:
    with pytest.raises(ConfigError, match="32×16 pixels is too small"):
        STLPIPSLoss(STLPIPSLossConfig(scales=(1, 0.5)), TASK)
    with pytest.raises(ConfigError, match="64×16 pixels is too small"):
        STStyleLoss(STStyleConfig(), TaskInfo((64, 16), pose_channels=18))
