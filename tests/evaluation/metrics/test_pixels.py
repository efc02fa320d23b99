from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from kornia.metrics import ssim as kornia_ssim
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from posegen.core import Config, ConfigError
from posegen.evaluation.metrics.pixels import L1, PSNR, MaskL1
from posegen.evaluation.metrics.similarity import SSIM

SIZES = [(128, 64), (256, 176), (11, 11), (37, 50)]


def planes(image):
    return image.permute(1, 2, 0).numpy()


def skimage_ssim(a, b, data_range=255):
    return structural_similarity(
        planes(a),
        planes(b),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=data_range,
        channel_axis=2,
    )


def kinds(natural, size):
    """Return name -> (generated, target)."""
    generator = torch.Generator().manual_seed(1)
    target = natural(0, 1, size)
    noise = torch.randint(-20, 21, target.shape, generator=generator)
    return {
        "random": (
            torch.randint(0, 256, target.shape, generator=generator).byte(),
            torch.randint(0, 256, target.shape, generator=generator).byte(),
        ),
        "another natural": (natural(5, 1, size), target),
        "noisy": ((target + noise).clamp(0, 255).byte(), target),
        "inverted": (255 - target, target),
        "nearly black": (target // 100, target // 90),
        "nearly white": (255 - target // 100, 255 - target // 90),
        "flat": (torch.full_like(target, 250), torch.full_like(target, 3)),
    }


@pytest.mark.parametrize("size", SIZES)
def test_ssim_equals_scikit_image(natural, scored, size):
    for name, (generated, target) in kinds(natural, size).items():
        ours = SSIM(Config()).score(scored(generated, target))
        theirs = [skimage_ssim(a, b) for a, b in zip(generated, target, strict=True)]
        assert ours.dtype == torch.float64
        np.testing.assert_allclose(ours, theirs, atol=1e-8, rtol=0, err_msg=name)


def test_ssim_of_equal_images_is_one_even_in_black(natural, scored):
    for image in (natural(0, 1, (20, 20)), torch.zeros(1, 3, 20, 20, dtype=torch.uint8)):
        assert SSIM(Config()).score(scored(image, image)).item() == pytest.approx(1, abs=1e-12)


def test_ssim_refuses_images_smaller_than_its_window(natural, scored):
    image = natural(0, 1, (10, 40))
    with pytest.raises(ConfigError, match="at least 11×11 pixels and these are 10×40"):
        SSIM(Config()).update(scored(image, image))


@pytest.mark.parametrize("size", SIZES)
def test_psnr_equals_scikit_image(natural, scored, size):
    for name, (generated, target) in kinds(natural, size).items():
        ours = PSNR(Config()).score(scored(generated, target))
        theirs = [
            peak_signal_noise_ratio(planes(b), planes(a), data_range=255)
            for a, b in zip(generated, target, strict=True)
        ]
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, err_msg=name)


def test_psnr_of_equal_images_is_the_cap(natural, scored):
    image = natural(0, 2, (20, 20))
    assert PSNR(Config()).score(scored(image, image)).tolist() == [100.0, 100.0]


def test_l1_is_the_mean_difference_on_unit_range(natural, scored):
    a, b = natural(0, 3, (20, 16)), natural(1, 3, (20, 16))
    expected = np.abs(a.numpy() / 255 - b.numpy() / 255).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(L1(Config()).score(scored(a, b)), expected, rtol=1e-12)


def test_mask_l1_is_the_mean_over_the_mask_and_leaves_out_empty_ones(natural, scored):
    a, b = natural(0, 3, (20, 16)), natural(1, 3, (20, 16))
    mask = torch.zeros(3, 1, 20, 16)
    mask[0, :, 3:9, 2:5] = 1
    mask[2, :, 10, 7] = 1
    metric = MaskL1(Config())
    metric.update(scored(a, b, mask))
    difference = np.abs(a.numpy() / 255 - b.numpy() / 255)
    first, last = difference[0, :, 3:9, 2:5].mean(), difference[2, :, 10, 7].mean()
    np.testing.assert_allclose(metric.per_image(), [first, np.nan, last], rtol=1e-12)
    assert metric.compute().item() == pytest.approx((first + last) / 2)


def test_mask_l1_says_that_masks_are_missing(natural, scored):
    image = natural(0, 1, (20, 16))
    with pytest.raises(ConfigError, match="mask-l1 needs body masks and this data set has none"):
        MaskL1(Config()).update(scored(image, image))


@pytest.mark.parametrize("metric", [SSIM, PSNR, L1, MaskL1])
def test_two_parts_merge_to_one_pass(natural, scored, metric):
    a, b, mask = natural(0, 5, (20, 16)), natural(1, 5, (20, 16)), torch.ones(5, 1, 20, 16)
    whole, first, second = metric(Config()), metric(Config()), metric(Config())
    whole.update(scored(a, b, mask))
    first.update(scored(a[:2], b[:2], mask[:2]))
    second.update(scored(a[2:], b[2:], mask[2:]))
    expected, theirs = whole.compute(), second.per_image()

    # What torchmetrics does across processes, with the gathering replaced.
    first.sync(dist_sync_fn=lambda mine, group: [mine, theirs], distributed_available=lambda: True)
    torch.testing.assert_close(first.per_image(), whole.per_image(), rtol=1e-14, atol=0)
    first.unsync()
    first.merge_state(second)
    torch.testing.assert_close(first.compute(), expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("case", ["market_128x64", "fashion_256x176"])
def test_published_scores(golden, scored, case):
    """The published protocols differ in ways that each metric's docstring states."""
    arrays = np.load(golden / f"metrics_{case}.npz")
    items = json.loads((golden / f"metrics_{case}.json").read_text())["items"]
    for index, item in enumerate(items):
        generated, target = (
            torch.from_numpy(arrays[f"{index}.{name}"]).permute(2, 0, 1)[None]
            for name in ("generated", "target")
        )
        batch = scored(generated, target)
        assert 2 * L1(Config()).score(batch).item() == pytest.approx(item["l1"], rel=1e-9)

        data_range = float(generated.max()) - float(generated.min())
        published = kornia_ssim(
            generated.double(), target.double(), 11, max_val=data_range, eps=0.0, padding="valid"
        )
        assert published.mean().item() == pytest.approx(item["ssim"], abs=1e-9)
        # Ours at the fixed range is scikit-image's; near the published one, and not equal.
        ours = SSIM(Config()).score(batch).item()
        assert ours == pytest.approx(skimage_ssim(generated[0], target[0]), abs=1e-8)
        assert 0 < abs(ours - item["ssim"]) < 0.05 or data_range == 255
