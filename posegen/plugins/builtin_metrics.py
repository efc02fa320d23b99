"""Specs of posegen's own metrics."""

from __future__ import annotations

from posegen.core.specs import MetricSpec

METRICS = [
    MetricSpec(
        name="ssim",
        summary="Structural similarity, as scikit-image computes it.",
        target="posegen.evaluation.metrics.similarity:SSIM",
        contract=1,
        direction="higher",
        protocol="8-bit RGB, 11×11 Gaussian window σ 1.5, population covariance, valid border, "
        "data range 255, mean over channels and images",
        source="Wang et al. 2004",
    ),
    MetricSpec(
        name="psnr",
        summary="Peak signal-to-noise ratio in dB.",
        target="posegen.evaluation.metrics.pixels:PSNR",
        contract=1,
        direction="higher",
        protocol="8-bit RGB, peak 255, mean over images of the per-image value, at most 100 dB",
    ),
    MetricSpec(
        name="l1",
        summary="Mean absolute difference.",
        target="posegen.evaluation.metrics.pixels:L1",
        contract=1,
        direction="lower",
        protocol="8-bit RGB scaled to [0, 1], mean over pixels, channels and images",
    ),
    MetricSpec(
        name="mask-l1",
        summary="Mean absolute difference inside the target's body mask.",
        target="posegen.evaluation.metrics.pixels:MaskL1",
        contract=1,
        direction="lower",
        protocol="as l1, over the pixels of the target's body mask only",
    ),
    MetricSpec(
        name="lpips",
        summary="Learned perceptual distance.",
        target="posegen.evaluation.metrics.lpips:LPIPS",
        config="posegen.evaluation.metrics.config:LPIPSConfig",
        contract=1,
        direction="lower",
        protocol="lpips 0.1 linear heads on an ImageNet trunk (AlexNet unless set), 8-bit RGB "
        "scaled to [-1, 1], mean over images",
        source="arXiv:1801.03924",
    ),
]
