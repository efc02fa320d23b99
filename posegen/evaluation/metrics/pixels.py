"""Metrics of single pixels: PSNR, L1 and L1 inside the body.

Each takes finished 8-bit pictures and gives one float64 value per image; the score is the mean over
the images. A "Convention" block says what decides the number, and which settings of other programs
give the same one: scores under one name differ by more than methods do where these are left open.
"""

from __future__ import annotations

import torch
from torch import Tensor

from posegen.core.batches import Batch
from posegen.core.metrics import PerImageMetric
from posegen.evaluation.metrics.config import L1Config
from posegen.evaluation.metrics.masks import target_mask
from posegen.evaluation.metrics.shares import in_shares

#: PSNR of equal images, whose true value is infinite, and the most that any image gets.
MOST_DB = 100.0


def _difference(generated: Tensor, target: Tensor) -> Tensor:
    """Return generated - target in 8-bit levels: float32.

    That holds these whole numbers and their squares exactly; sums of them need float64.
    """
    return generated.float() - target


class PSNR(PerImageMetric):
    """Peak signal-to-noise ratio in dB, at most 100.

    Convention:
        - 10·log10(255² / MSE), MSE over all pixels and the three channels of one image.
        - Reduction: mean over images of the per-image value; not the value of the mean error.
        - Equal images have no finite value and get 100 dB, the most that any image can get.
        - scikit-image: `peak_signal_noise_ratio(a, b, data_range=255)` per image. GFLA, PIDM and
          CFLD call it with images in [0, 1] and `data_range=1`, which is the same.
        - The PATN paper gives no PSNR.
    """

    def score(self, batch: Batch) -> Tensor:
        """Return one value per image: (B,)."""
        error = in_shares(_squared_error, batch.generated, batch.target)
        return (10 * (255**2 / error).log10()).clamp(max=MOST_DB)


class L1(PerImageMetric):
    """Mean absolute difference, in [0, 1], or with `value_range="symmetric"` in [0, 2].

    Convention:
        - Images scaled to [0, 1]; mean over pixels, the three channels, then images.
        - numpy: `np.abs(a / 255 - b / 255).mean()`. GFLA and PIDM compute that.
        - PATN's scripts bring images to [-1, 1] once more, so that their L1 is twice this one:
          `value_range="symmetric"`. So is the training loss `l1`, whose images are in [-1, 1].
    """

    def __init__(self, config: L1Config) -> None:
        super().__init__(config)
        self.value_range = config.value_range

    def score(self, batch: Batch) -> Tensor:
        """Return one value per image: (B,)."""
        error = in_shares(_absolute_error, batch.generated, batch.target)
        return error / (255 if self.value_range == "unit" else 127.5)

    def describe(self) -> str:
        """Return how the number is computed under these options."""
        scale = "[0, 1]" if self.value_range == "unit" else "[-1, 1]"
        return f"8-bit RGB scaled to {scale}, mean over pixels, channels and images"


class MaskL1(PerImageMetric):
    """Mean absolute difference over the pixels of the target's body mask, in [0, 1].

    Convention:
        - Images scaled to [0, 1]; mean over the mask's pixels and the three channels of an image,
          then over images, so that every image counts the same however large the person is.
        - The mask is the data set's own, of the body's true outline.
        - An image with an empty mask has no value (NaN) and is left out of the mean.
        - numpy: `np.abs(a / 255 - b / 255)[mask].mean()`.
        - Published PATN scores have no such metric: their mask-SSIM multiplies both images by a
          mask and averages over the whole picture.

    Raises:
        posegen.core.ConfigError: in `update`, where the data set has no masks.
    """

    def score(self, batch: Batch) -> Tensor:
        """Return one value per image: (B,), NaN where the mask is empty."""
        mask = target_mask(batch, "data", "mask-l1")
        return in_shares(_masked_error, batch.generated, batch.target, mask) / 255


def _squared_error(generated: Tensor, target: Tensor) -> Tensor:
    return _difference(generated, target).square().mean(dim=(1, 2, 3), dtype=torch.float64)


def _absolute_error(generated: Tensor, target: Tensor) -> Tensor:
    return _difference(generated, target).abs().mean(dim=(1, 2, 3), dtype=torch.float64)


def _masked_error(generated: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    error = _difference(generated, target).abs() * mask
    # 0 / 0 is the NaN of an empty mask.
    return error.sum(dim=(1, 2, 3), dtype=torch.float64) / (3 * mask.sum(dim=(1, 2, 3)))
