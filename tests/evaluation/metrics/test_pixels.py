from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from posegen.core import Config, ConfigError, Kind
from posegen.evaluation.metrics.config import L1Config, MaskSSIMConfig, SSIMConfig
from posegen.evaluation.metrics.pixels import L1, PSNR, MaskL1
from posegen.evaluation.metrics.similarity import SSIM, MaskSSIM
from posegen.plugins import registry


def planes(image):
    return image.permute(1, 2, 0).numpy()


def pairs(natural):
    """Return name -> (generated, target), three pairs of each."""
    target = natural(0, 3, (37, 50))
    return {
        "another natural": (natural(5, 3, (37, 50)), target),
        "inverted": (255 - target, target),
        "nearly equal": (target ^ 1, target),
        "flat": (torch.full_like(target, 250), torch.full_like(target, 3)),
        "with fractions": (target * 0.37 + 11.3, target * 1.0),
    }


def test_psnr_equals_scikit_image(natural, scored):
    for name, (generated, target) in pairs(natural).items():
        ours = PSNR(Config()).score(scored(generated, target))
        theirs = [
            peak_signal_noise_ratio(planes(b), planes(a), data_range=255)
            for a, b in zip(generated, target, strict=True)
        ]
        assert ours.dtype == torch.float64
        rtol = 1e-12 if generated.dtype == torch.uint8 else 1e-7
        np.testing.assert_allclose(ours, theirs, rtol=rtol, err_msg=name)


def test_psnr_of_equal_images_is_the_cap(natural, scored):
    image = natural(0, 2, (20, 20))
    assert PSNR(Config()).score(scored(image, image)).tolist() == [100.0, 100.0]


def test_l1_is_the_mean_difference_on_unit_range(natural, scored):
    a, b = natural(0, 3, (20, 16)), natural(1, 3, (20, 16))
    expected = np.abs(a.numpy() / 255 - b.numpy() / 255).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(L1(L1Config()).score(scored(a, b)), expected, rtol=1e-12)
    published = L1(L1Config(value_range="symmetric")).score(scored(a, b))
    np.testing.assert_allclose(published, 2 * expected, rtol=1e-12)


def test_the_line_in_a_report_says_the_range_of_l1():
    assert L1(L1Config()).describe() == registry().get(Kind.METRIC, "l1").spec.protocol
    assert "scaled to [-1, 1]" in L1(L1Config(value_range="symmetric")).describe()


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


@pytest.mark.parametrize(
    ("metric", "config"),
    [
        (SSIM, SSIMConfig()),
        (MaskSSIM, MaskSSIMConfig(mask="data")),
        (PSNR, Config()),
        (L1, L1Config()),
        (MaskL1, Config()),
    ],
)
def test_two_parts_merge_to_one_pass(natural, scored, metric, config):
    a, b, mask = natural(0, 5, (20, 16)), natural(1, 5, (20, 16)), torch.ones(5, 1, 20, 16)
    whole, first, second = metric(config), metric(config), metric(config)
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
