"""Structural similarity, of whole pictures and of the body alone."""

from __future__ import annotations

import torch
from torch import Tensor

from posegen.core.batches import Batch
from posegen.core.errors import ConfigError
from posegen.core.metrics import PerImageMetric
from posegen.evaluation.metrics.config import MaskSSIMConfig, SSIMConfig
from posegen.evaluation.metrics.filters import gaussian, running_sums, weighted_sums, widened
from posegen.evaluation.metrics.masks import target_mask
from posegen.evaluation.metrics.shares import in_shares

#: The two small constants of the formula, as parts of the data range.
K1, K2 = 0.01, 0.03
#: Numbers of one picture stack that are filtered at a time: what then is in use about fits a CPU's
#: cache, which more than halves the time. A GPU needs more work per call.
CPU_CHUNK, GPU_CHUNK = 1 << 17, 1 << 23


class SSIM(PerImageMetric):
    """Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004), in [-1, 1]; 1 for equal images.

    Convention, with the options' defaults:
        - Window: Gaussian, σ = 1.5, 11×11 taps. Covariances: population (divided by N).
        - Border: only places where the whole window lies in the image (5 pixels cropped).
        - Range: 255 for 8-bit values, K1 = 0.01, K2 = 0.03, in float64.
        - Reduction: mean over places and the three colour channels, then over images.
        - scikit-image ≥ 0.15: `structural_similarity(a, b, gaussian_weights=True, sigma=1.5,
          use_sample_covariance=False, data_range=255, channel_axis=…)`. Its defaults (a flat 7×7
          window, sample covariance) and torchmetrics (no crop) give other numbers.

    What published scripts compute is in the files of their protocols. Where the range is that of
    the generated image, no range counts as less than 1: the formula divides by it.

    Raises:
        posegen.core.ConfigError: in `update`, for images smaller than the window.
    """

    name = "ssim"

    def __init__(self, config: SSIMConfig) -> None:
        super().__init__(config)
        self.config = config

    def score(self, batch: Batch) -> Tensor:
        """Return one value per image: (B,)."""
        self._check(batch)
        return in_shares(self.similarity, batch.generated, batch.target)

    def similarity(self, generated: Tensor, target: Tensor) -> Tensor:
        """Return the SSIM of two batches (B, 3, H, W) in 8-bit levels: (B,) float64."""
        limit = CPU_CHUNK if target.device.type == "cpu" else GPU_CHUNK
        count = min(len(target), max(1, limit // target[0].numel()))
        height, width = target.shape[-2:]
        moments = _Moments(self.config, count, (height, width), target.device)
        parts = (torch.split(x, count) for x in (generated, target, self._range(generated)))
        return torch.cat(
            [_ssim(moments(a, b), levels, self.config) for a, b, levels in zip(*parts, strict=True)]
        )

    def _check(self, batch: Batch) -> None:
        height, width = batch.target.shape[-2:]
        needed = max(2 * self.config.radius, 2 * self.config.border) + 1
        if min(height, width) < needed:
            raise ConfigError(
                f"{self.name} needs images of at least {needed}×{needed} pixels with this window "
                f"and these are {height}×{width}; leave {self.name} out of --metrics."
            )

    def _range(self, generated: Tensor) -> Tensor:
        """Return the data range of each image in 8-bit levels: (B,) float64."""
        if self.config.data_range != "generated":
            levels = self.config.data_range
            return generated.new_full((len(generated),), levels, dtype=torch.float64)
        greatest, least = generated.amax((1, 2, 3)), generated.amin((1, 2, 3))
        return (greatest.double() - least).clamp(min=1)

    def describe(self) -> str:
        """Return how the number is computed under these options."""
        config, taps = self.config, 2 * self.config.radius + 1
        gaussian_window = config.window == "gaussian"
        shape = f"Gaussian window σ {config.sigma:g}" if gaussian_window else "flat window"
        covariance = "sample" if config.sample_covariance else "population"
        whole = config.border == config.radius
        border = "valid border" if whole else f"{config.border} pixels cropped"
        levels = config.data_range
        given = "max - min of the generated image" if levels == "generated" else f"{levels:g}"
        return (
            f"8-bit RGB, {taps}×{taps} {shape}, {covariance} covariance, {border}, "
            f"data range {given}, mean over channels and images"
        )


class MaskSSIM(SSIM):
    """Structural similarity of the bodies: both images are multiplied by a body mask first.

    Convention:
        - Mask: drawn from the target's keypoints as published (`masks.body_mask`), or the data
          set's own with `mask="data"`; the same for both images.
        - Everything outside becomes black, and the mean is over the whole picture as in `ssim`:
          the equal black parts count as 1, so that values are high.
        - With `data_range="generated"` the range is that of the multiplied image.
        - An image with an empty mask has no value (NaN) and is left out of the mean; the published
          score of such an image is no number.
        - Else as `ssim`. PATN's script for Market-1501: `data_range="generated"`.

    Raises:
        posegen.core.ConfigError: in `update`, where the pairs have no keypoints or masks, or for
            images smaller than the window.
    """

    name = "mask-ssim"
    config: MaskSSIMConfig

    def score(self, batch: Batch) -> Tensor:
        """Return one value per image: (B,), NaN where the mask is empty."""
        self._check(batch)
        mask = target_mask(batch, self.config.mask, self.name)

        def masked(generated: Tensor, target: Tensor, mask: Tensor) -> Tensor:
            values = self.similarity(generated * mask, target * mask)
            return values.masked_fill(~mask.flatten(1).any(1), torch.nan)

        return in_shares(masked, batch.generated, batch.target, mask)

    def describe(self) -> str:
        """Return how the number is computed under these options."""
        drawn = "a body mask drawn from the target's keypoints"
        mask = drawn if self.config.mask == "keypoints" else "the data set's body mask"
        return f"both images times {mask}; {super().describe()}"


class _Moments:
    """Computes the local moments of pairs of pictures, in the same memory again and again.

    SSIM's five moments are got from four, the means of s, d, s² and d² under the window, where s is
    the sum of the two pictures and d their difference.

    Args:
        config: the window.
        count: pairs at a time.
        size: (H, W) of the pictures.
        device: where they are.
    """

    def __init__(
        self, config: SSIMConfig, count: int, size: tuple[int, int], device: torch.device
    ) -> None:
        self.config = config
        self.margin = config.radius - config.border
        height, width = (side + 2 * self.margin for side in size)
        lost = 2 * config.radius
        sizes = ((height, width), (height - lost, width), (height - lost, width - lost))
        self.maps, self.rows, self.means = (
            torch.empty(count, 4, 3, *size, dtype=torch.float64, device=device) for size in sizes
        )

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the means: (B, 4, 3, h, w) float64, overwritten by the next call.

        Args:
            first, second: (B, 3, H, W) in 8-bit levels, B at most `count`.
        """
        if self.margin:
            first, second = widened(first, self.margin), widened(second, self.margin)
        maps, rows, means = (each[: len(first)] for each in (self.maps, self.rows, self.means))
        total, difference = maps[:, 0].copy_(first), maps[:, 1].copy_(second)
        total.add_(difference)
        torch.sub(total, difference, alpha=2, out=difference)
        torch.square(maps[:, :2], out=maps[:, 2:])
        if self.config.window == "gaussian":
            weights = gaussian(self.config.sigma, self.config.radius)
            return weighted_sums(weighted_sums(maps, weights, -2, rows), weights, -1, means)
        taps = 2 * self.config.radius + 1
        return running_sums(running_sums(maps, taps, -2, rows), taps, -1, means).div_(taps**2)


def _ssim(means: Tensor, data_range: Tensor, config: SSIMConfig) -> Tensor:
    """Return the mean SSIM of each image: (B,) float64.

    With means m and variances v of s and d (see `_Moments`) the published formula is
    (m_s² - m_d² + 2·C1)(v_s - v_d + 2·C2) over the same with plus signs.

    Args:
        means: of s, d, s² and d²: (B, 4, 3, h, w), overwritten.
        data_range: (B,) float64.
        config: which covariances.
    """
    squares, variances = means[:, :2], means[:, 2:]
    variances.addcmul_(squares, squares, value=-1)
    if config.sample_covariance:
        pixels = (2 * config.radius + 1) ** 2
        variances.mul_(pixels / (pixels - 1))
    squares.square_()
    # (B, square or variance, of s or of d, 3, h, w): both factors of the formula at once.
    terms = means.view(len(means), 2, 2, *means.shape[2:])
    constants = torch.stack([2 * (k * data_range).square() for k in (K1, K2)], dim=1)
    numerator, denominator = terms[:, :, 0], terms[:, :, 1]
    numerator.add_(constants.view(-1, 2, 1, 1, 1))
    denominator.add_(numerator)  # a + b in place of b, and then 2a - (a + b) in place of a
    numerator.mul_(2).sub_(denominator).div_(denominator)
    return numerator[:, 0].mul_(numerator[:, 1]).mean(dim=(1, 2, 3))
