"""Metrics of single pixels: PSNR, L1 and L1 inside the body.

Each takes finished 8-bit pictures and gives one float64 value per image; the score is the mean over
the images. A "Convention" block says what decides the number, and which settings of other programs
give the same one: scores under one name differ by more than methods do where these are left open.
"""

from __future__ import annotations

import torch
from torch import Tensor

from posegen.core.errors import ConfigError
from posegen.core.metrics import PerImageMetric, ScoredBatch

#: PSNR of equal images, whose true value is infinite, and the most that any image gets.
MOST_DB = 100.0


def unit(image: Tensor) -> Tensor:
    """Return 8-bit images as float64 in [0, 1]."""
    # Loaded batches are channels-last, which float64 convolutions on a CPU are slow with.
    return image.to(torch.float64, memory_format=torch.contiguous_format) / 255


class PSNR(PerImageMetric):
    """Peak signal-to-noise ratio in dB, at most 100.

    Convention:
        - 10·log10(255² / MSE), MSE over all pixels and the three channels of one image.
        - Reduction: mean over images of the per-image value; not the value of the mean error.
        - Equal images have no finite value and get 100 dB, the most that any image can get.
        - scikit-image: `peak_signal_noise_ratio(a, b, data_range=255)` per image.
        - The PATN paper gives no PSNR.
    """

    def score(self, batch: ScoredBatch) -> Tensor:
        """Return one value per image: (B,)."""
        error = (unit(batch.generated) - unit(batch.target)).square().mean(dim=(1, 2, 3))
        return (-10 * error.log10()).clamp(max=MOST_DB)


class L1(PerImageMetric):
    """Mean absolute difference, in [0, 1].

    Convention:
        - Images scaled to [0, 1]; mean over pixels, the three channels, then images.
        - numpy: `np.abs(a / 255 - b / 255).mean()`.
        - The published PATN code brings images to [-1, 1] once more, so its L1 is twice this one;
          so is the training loss `l1`, whose images are in [-1, 1].
    """

    def score(self, batch: ScoredBatch) -> Tensor:
        """Return one value per image: (B,)."""
        return (unit(batch.generated) - unit(batch.target)).abs().mean(dim=(1, 2, 3))


class MaskL1(PerImageMetric):
    """Mean absolute difference over the pixels of the target's body mask, in [0, 1].

    Convention:
        - Images scaled to [0, 1]; mean over the mask's pixels and the three channels of an image,
          then over images, so that every image counts the same however large the person is.
        - An image with an empty mask has no value (NaN) and is left out of the mean.
        - numpy: `np.abs(a / 255 - b / 255)[mask].mean()`.
        - Published PATN scores have no such metric: their mask-SSIM multiplies both images by a
          mask and averages over the whole picture.

    Raises:
        posegen.core.ConfigError: in `update`, where the data set has no masks.
    """

    def score(self, batch: ScoredBatch) -> Tensor:
        """Return one value per image: (B,), NaN where the mask is empty."""
        if batch.target_mask is None:
            raise ConfigError(
                "mask-l1 needs body masks and this data set has none; "
                "leave mask-l1 out of --metrics."
            )
        mask = batch.target_mask.double()
        difference = (unit(batch.generated) - unit(batch.target)).abs().mean(dim=1, keepdim=True)
        # 0 / 0 is the NaN of an empty mask.
        return (difference * mask).sum(dim=(1, 2, 3)) / mask.sum(dim=(1, 2, 3))
