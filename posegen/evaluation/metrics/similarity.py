"""Structural similarity."""

from __future__ import annotations

import torch
from kornia.metrics import ssim
from torch import Tensor

from posegen.core.errors import ConfigError
from posegen.core.metrics import PerImageMetric, ScoredBatch
from posegen.evaluation.metrics.pixels import unit

#: Taps of the SSIM window: radius int(3.5·σ + 0.5) = 5 for σ = 1.5.
WINDOW = 11
#: Images per call of SSIM, which makes a dozen float64 copies of them: a few stay in a CPU's cache,
#: which is about three times as fast, and a large batch does not fill a GPU's memory.
CHUNK = 8


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
