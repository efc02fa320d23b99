"""Metrics that need no network: SSIM, PSNR, L1 and L1 inside the body.

Each takes finished 8-bit pictures and gives one float64 value per image; the score is the mean over
the images. A "Convention" block says what decides the number, and which settings of other programs
give the same one: scores under one name differ by more than methods do where these are left open.
"""

from __future__ import annotations

import torch
from kornia.metrics import ssim
from torch import Tensor

from posegen.core.errors import ConfigError
from posegen.core.metrics import PerImageMetric, ScoredBatch

#: Taps of the SSIM window: radius int(3.5·σ + 0.5) = 5 for σ = 1.5.
WINDOW = 11
#: Images per call of SSIM, which makes a dozen float64 copies of them: a few stay in a CPU's cache,
#: which is about three times as fast, and a large batch does not fill a GPU's memory.
CHUNK = 8
#: PSNR of equal images, whose true value is infinite, and the most that any image gets.
MOST_DB = 100.0


def unit(image: Tensor) -> Tensor:
    """Return 8-bit images as float64 in [0, 1]."""
    # Loaded batches are channels-last, which float64 convolutions on a CPU are slow with.
    return image.to(torch.float64, memory_format=torch.contiguous_format) / 255


class SSIM(PerImageMetric):
    """Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004), in [-1, 1]; 1 for equal images.

    Convention:
        - Window: Gaussian, σ = 1.5, 11×11 taps. Covariances: population (divided by N).
        - Border: only places where the whole window lies in the image (5 pixels cropped).
        - Range: 255 for 8-bit values (computed as 1 on [0, 1]), K1 = 0.01, K2 = 0.03, in float64.
        - Reduction: mean over places and the three colour channels, then over images.
        - scikit-image ≥ 0.15: `structural_similarity(a, b, gaussian_weights=True, sigma=1.5,
          use_sample_covariance=False, data_range=255, channel_axis=…)`. Its defaults (a flat 7×7
          window, sample covariance) and torchmetrics (no crop) give other numbers.
        - Published PATN scores take another range, max − min of each generated image, a 13-tap
          window (scikit-image 0.14), images read back from JPEG files, and for DeepFashion 40 white
          columns on either side, which alone add about 0.1. Do not compare with them directly.

    Raises:
        posegen.core.ConfigError: in `update`, for images smaller than the window.
    """

    def score(self, batch: ScoredBatch) -> Tensor:
        """Return one value per image: (B,)."""
        height, width = batch.target.shape[-2:]
        if min(height, width) < WINDOW:
            raise ConfigError(
                f"ssim needs images of at least {WINDOW}×{WINDOW} pixels and these are "
                f"{height}×{width}; leave ssim out of --metrics."
            )
        places = range(0, len(batch.target), CHUNK)
        parts = ((batch.generated[i : i + CHUNK], batch.target[i : i + CHUNK]) for i in places)
        # kornia's defaults keep the border and bias dark images by an eps in the denominator.
        maps = (
            ssim(unit(a), unit(b), WINDOW, max_val=1.0, eps=0.0, padding="valid") for a, b in parts
        )
        return torch.cat([similarity.mean(dim=(1, 2, 3)) for similarity in maps])


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
