from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from posegen_stlpips.config import SharpnessConfig, STLPIPSConfig, STLPIPSLossConfig
from posegen_stlpips.losses import STLPIPSLoss
from posegen_stlpips.metrics import STLPIPS, Sharpness
from torch import Tensor, nn

from posegen.core import Batch, GeneratorOutput, TaskInfo

Pictures = Callable[..., tuple[Tensor, Tensor]]


def eight_bits(image: Tensor) -> Tensor:
    return ((image + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


@pytest.fixture
def batch(pictures: Pictures) -> Batch:
    pairs = [pictures(seed, (64, 32)) for seed in range(3)]
    generated, target = (eight_bits(torch.cat(side)) for side in zip(*pairs, strict=True))
    return Batch({"generated": generated, "target": target})


def test_st_lpips_of_8_bit_pictures_is_the_losss(batch: Batch) -> None:
    metric = STLPIPS(STLPIPSConfig())
    metric.update(batch)
    loss = STLPIPSLoss(STLPIPSLossConfig(), TaskInfo((64, 32), pose_channels=18))
    image, target = (tensor.float() / 127.5 - 1 for tensor in (batch.generated, batch.target))
    expected = loss(GeneratorOutput(image), Batch({"target": target}))
    torch.testing.assert_close(metric.compute().float(), expected)
    assert "alex.safetensors" in metric.describe()
    assert "not LPIPS" in metric.describe()


def test_the_rows_of_a_table_share_what_they_can(batch: Batch) -> None:
    metric, kept, calls = STLPIPS(STLPIPSConfig()), {}, []  # type: ignore[var-annotated]
    metric.network.register_forward_hook(lambda *_: calls.append(1))
    for generated in (batch.generated, batch.target.flip(0)):
        metric.update(batch.having(generated=generated).sharing_targets(kept))
    assert len(calls) == 3  # two rows' pictures, and the targets once


def sharpness(generated: Tensor, target: Tensor, *, folded: bool = True) -> list[float]:
    metric = Sharpness(SharpnessConfig(folded=folded))
    metric.update(Batch({"generated": generated, "target": target}))
    return list(metric.per_image().tolist())


def test_sharpness_by_hand() -> None:
    target = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    target[..., 0, 0] = 100  # the differences that are not zero: one across of two, one down of two
    half = target // 2
    assert sharpness(half, target, folded=False) == pytest.approx([0.25])
    assert sharpness(half, target) == pytest.approx([0.25])
    assert sharpness(target, half, folded=False) == pytest.approx([4])
    assert sharpness(target, half) == pytest.approx([0.25])
    assert sharpness(target * 0, target) == [0]
    assert sharpness(target, target) == [1]


def test_blur_is_below_and_noise_above(batch: Batch) -> None:
    target = batch.target
    soft = nn.functional.avg_pool2d(target.float(), 3, 1, padding=1, count_include_pad=False)
    noise = 30 * torch.randn(target.shape, generator=torch.Generator().manual_seed(0))
    assert max(sharpness(soft, target, folded=False)) < 0.5
    assert min(sharpness(target + noise, target, folded=False)) > 1.2
    for ratio, kept in zip(
        sharpness(target + noise, target, folded=False), sharpness(target + noise, target),
        strict=True,
    ):  # fmt: skip
        assert kept == pytest.approx(1 / ratio)


def test_a_flat_target_has_no_sharpness(batch: Batch) -> None:
    target = batch.target.clone()
    target[1] = 128
    metric = Sharpness(SharpnessConfig())
    metric.update(Batch({"generated": batch.target, "target": target}))
    assert metric.per_image().isnan().tolist() == [False, True, False]
    assert metric.compute() == 1


def test_the_plain_ratio_says_so() -> None:
    assert Sharpness(SharpnessConfig()).describe() is None
    assert "plain ratio" in str(Sharpness(SharpnessConfig(folded=False)).describe())
