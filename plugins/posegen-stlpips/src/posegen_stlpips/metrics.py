"""The metrics: perceptual distance, of pictures and of their distributions, and sharpness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics.image.kid import poly_mmd

from posegen.core import Batch, ConfigError, Metric, PerImageMetric
from posegen_stlpips.colour import luma_chroma
from posegen_stlpips.config import SharpnessConfig, STLPIPSConfig
from posegen_stlpips.network import STLPIPSNetwork, load_network


class STLPIPS(PerImageMetric):
    """Shift-tolerant LPIPS (arXiv:2207.13686), ≥ 0; 0 for equal images.

    Convention:
        - The AlexNet variant, trained from scratch, as stlpips-pytorch 0.0.2 has it; another file
          by the option `weights`. Kernels are rounded to half precision, which moves a value by
          less than a thousandth of its size.
        - Images scaled to [-1, 1], in float32, at their own size (no resizing).
        - Reduction: per stage mean over places, sum over stages, mean over images.
        - It is not LPIPS: another network, other training, another scale.

    Raises:
        posegen.core.WeightsError: on construction, for a wrong file of weights.
    """

    def __init__(self, config: STLPIPSConfig) -> None:
        super().__init__(config)
        self.network = load_network(config.weights)

    def score(self, batch: Batch) -> Tensor:
        """Return one value per image: (B,).

        Raises:
            posegen.core.ConfigError: where pictures are too small for the network.
        """
        return self.network.distance(*_directions(self.network, batch))

    def describe(self) -> str:
        """Return the protocol, with the weights that are in use."""
        return (
            f"shift-tolerant LPIPS ({self.network.weights}), not LPIPS; 8-bit RGB scaled to "
            "[-1, 1], own size, mean over images"
        )


class STKID(Metric):
    """Kernel distance (Bińkowski et al. 2018, arXiv:1801.01401) on the features of `st-lpips`.

    How far the generated pictures are from the targets as distributions; 0 for equal ones.

    Convention:
        - Features of a picture: for each of the five stages, the mean over places of the directions
          that `st-lpips` compares. So x·y / 5 is a mean of five likenesses of at most 1.
        - Unbiased estimate of MMD² with the kernel (x·y / 5 + 1)³ over all pictures at once, no
          subsets: nothing is drawn. It can be a little below 0. Not multiplied by 1,000.
        - It is neither KID nor comparable with it, which needs Inception's weights.
        - Keeps the features: 9 KiB per pair.

    Raises:
        posegen.core.WeightsError: on construction, for a wrong file of weights.
        posegen.core.ConfigError: in `compute`, for fewer than two pairs.
    """

    generated: Any  # lists of tensors while updating, one tensor after a synchronisation
    targets: Any

    def __init__(self, config: STLPIPSConfig) -> None:
        super().__init__(config)
        self.network = load_network(config.weights)
        for name in ("generated", "targets"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, batch: Batch) -> None:
        """Take a batch in."""
        generated, targets = _directions(self.network, batch)
        self.generated.append(_means(generated))
        self.targets.append(_means(targets))

    def compute(self) -> Tensor:
        """Return the distance."""
        generated, targets = (
            side if isinstance(side, Tensor) else torch.cat(side)
            for side in (self.generated, self.targets)
        )
        if len(generated) < 2:
            raise ConfigError(
                f"st-kid needs at least 2 pairs and there are {len(generated)}; score more, or "
                "leave st-kid out of --metrics."
            )
        gamma = 1 / len(self.network.layers.stages)
        distance: Tensor = poly_mmd(targets.double(), generated.double(), 3, gamma, coef=1.0)
        return distance

    def describe(self) -> str:
        """Return the protocol, with the weights that are in use."""
        return (
            f"kernel distance on features of shift-tolerant LPIPS ({self.network.weights}), not "
            "KID; against the targets of the same pairs, cubic kernel, all pictures at once"
        )


def _directions(network: STLPIPSNetwork, batch: Batch) -> tuple[list[Tensor], list[Tensor]]:
    """Return the network's directions of the generated pictures and of the targets, kept."""

    @torch.no_grad()
    def seen(image: Tensor) -> list[Tensor]:
        image = (image.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        # By default convolutions on an NVIDIA GPU round to 10 bits (TF32), which moves scores.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return network.directions(image)

    key = ("st-lpips", network.weights)
    generated = batch.once((*key, "generated"), lambda: seen(batch.generated))
    return generated, batch.once(key, lambda: seen(batch.target), of_targets=True)


def _means(directions: Sequence[Tensor]) -> Tensor:
    """Return the mean over places of all stages side by side: (B, channels of all stages)."""
    return torch.cat([values.mean(dim=(2, 3)) for values in directions], dim=1)


class Sharpness(PerImageMetric):
    """Gradient energy of the generated image relative to the target's; 1 for equal images.

    r = E(generated) / E(target), where E is the mean over an image of (∂Y/∂x)² + (∂Y/∂y)², by
    differences of neighbouring pixels of the brightness Y (BT.601): the "gradient energy" GRA2
    among the measures of focus of Pertuz et al., Pattern Recognition 46(5), 2013 (from Subbarao et
    al., 1993). Blur makes r less than 1, noise and ringing make it more. The value is
    min(r, 1/r), and so in [0, 1], or r itself where `folded` is false. It says nothing of whether
    the detail is at the right place. Images whose target has one brightness have no value.
    """

    def __init__(self, config: SharpnessConfig) -> None:
        super().__init__(config)
        self.folded = config.folded

    def score(self, batch: Batch) -> Tensor:
        """Return one value per image: (B,); NaN where the target is flat."""
        goal = batch.once("sharpness", lambda: gradient_energy(batch.target), of_targets=True)
        ratio = gradient_energy(batch.generated) / torch.where(goal > 0, goal, torch.nan)
        return torch.minimum(ratio, 1 / ratio) if self.folded else ratio

    def describe(self) -> str | None:
        """Return how the number is computed."""
        if self.folded:
            return None
        return (
            "plain ratio r of the mean squared differences of neighbouring pixels' brightness to "
            "the target's, 1 is right, blur is below and noise above, mean over images"
        )


def gradient_energy(image: Tensor) -> Tensor:
    """Return the mean squared gradient of the brightness, (B,) float64, of images (B, 3, H, W)."""
    luma = luma_chroma(image.double())[:, :1]
    across, down = (luma.diff(dim=dim).square().mean(dim=(1, 2, 3)) for dim in (3, 2))
    return across + down
