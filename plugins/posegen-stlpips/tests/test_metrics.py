from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from posegen_stlpips.config import SharpnessConfig, STLPIPSConfig, STLPIPSLossConfig
from posegen_stlpips.losses import STLPIPSLoss
from posegen_stlpips.metrics import STKID, STLPIPS, Sharpness
from torch import Tensor, nn

from posegen.core import Batch, ConfigError, GeneratorOutput, TaskInfo

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


def test_st_kid_by_its_definition(batch: Batch) -> None:
    metric = STKID(STLPIPSConfig())
    for first in range(3):  # in parts: it is of all pictures at once all the same
        metric.update(batch.part(first, first + 1))
    network = metric.network

    def features(images: Tensor) -> Tensor:
        stages = network.directions(images.float() / 127.5 - 1)
        return torch.cat([stage.flatten(2).mean(dim=2) for stage in stages], dim=1).double()

    x, y = features(batch.target), features(batch.generated)
    kernel = [[((a @ b).item() / 5 + 1) ** 3 for b in (*x, *y)] for a in (*x, *y)]
    same = [sum(kernel[i][j] for i in s for j in s if i != j) / 6 for s in ((0, 1, 2), (3, 4, 5))]
    across = sum(kernel[i][j] for i in (0, 1, 2) for j in (3, 4, 5)) / 9
    assert metric.compute().item() == pytest.approx(sum(same) - 2 * across, rel=1e-4)
    assert metric.per_image() is None


def test_st_kid_grows_with_blur(pictures: Pictures) -> None:
    sharp = torch.cat([pictures(seed, (32, 32))[1] for seed in range(12)])
    metric, distances = STKID(STLPIPSConfig()), []
    for kernel in (1, 3, 7):
        metric.reset()
        blurred = nn.functional.avg_pool2d(sharp, kernel, stride=1, padding=kernel // 2)
        metric.update(Batch({"generated": eight_bits(blurred), "target": eight_bits(sharp)}))
        distances.append(metric.compute().item())
    assert distances[0] < distances[1] < distances[2]
    assert distances[2] > 0


def test_st_kid_shares_its_features_with_st_lpips_and_needs_two_pairs(batch: Batch) -> None:
    calls: list[int] = []
    for metric in (STKID(STLPIPSConfig()), STLPIPS(STLPIPSConfig())):
        metric.network.register_forward_hook(lambda *_: calls.append(1))
        metric.update(batch)
    assert len(calls) == 2
    alone = STKID(STLPIPSConfig())
    alone.update(batch.part(0, 1))
    with pytest.raises(ConfigError, match="at least 2 pairs"):
        alone.compute()


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
