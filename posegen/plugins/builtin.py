"""posegen's own components, registered as anybody's are."""

from __future__ import annotations

from posegen.core.specs import (
    DatasetSpec,
    EncoderSpec,
    LossSpec,
    MethodSpec,
    MetricSpec,
    hookimpl,
)


@hookimpl
def posegen_encoders() -> list[EncoderSpec]:
    """Pose encoders of the core distribution."""
    return [
        EncoderSpec(
            name="gaussian",
            summary="One map per joint: exp(-d²/(2σ²)) around it, zero where it is missing.",
            target="posegen.poses.encoders:GaussianEncoder",
            config="posegen.poses.config:GaussianConfig",
            contract=1,
            source="arXiv:1904.03349; Market-1501 maps of the published code",
        ),
        EncoderSpec(
            name="one-hot",
            summary="One map per joint: 1 in the joint's own pixel (published DeepFashion).",
            target="posegen.poses.encoders:OneHotEncoder",
            config="posegen.poses.config:OneHotConfig",
            contract=1,
            source="the published DeepFashion maps, which were stored as integers",
        ),
    ]


@hookimpl
def posegen_losses() -> list[LossSpec]:
    """Loss terms of the core distribution."""
    return [
        LossSpec(
            name="l1",
            summary="Mean absolute difference of the images, both in [-1, 1].",
            target="posegen.training.losses:L1",
            contract=1,
        ),
    ]


@hookimpl
def posegen_methods() -> list[MethodSpec]:
    """Training methods of the core distribution."""
    return [
        MethodSpec(
            name="adversarial",
            summary="A generator against any set of conditional discriminators.",
            target="posegen.training.adversarial:Adversarial",
            config="posegen.training.adversarial_config:AdversarialConfig",
            contract=1,
            source="arXiv:1904.03349, equation 9 and the published code",
        ),
    ]


@hookimpl
def posegen_datasets() -> list[DatasetSpec]:
    """Data sets of the core distribution."""
    return [
        DatasetSpec(
            name="people",
            summary="The embedded people: dressed 3-D bodies, rendered on the fly; no download.",
            target="posegen.data.people.dataset:PeopleDataset",
            config="posegen.data.config:PeopleConfig",
            contract=1,
        ),
        DatasetSpec(
            name="market1501",
            summary="A folder in the published Market-1501 layout (128×64).",
            target="posegen.data.published:PublishedDataset",
            config="posegen.data.config:Market1501Config",
            contract=1,
            marker="market-pairs-train.csv",
            source="github.com/tengteng95/Pose-Transfer",
        ),
        DatasetSpec(
            name="deepfashion",
            summary="A folder in the published DeepFashion layout (256×176).",
            target="posegen.data.published:PublishedDataset",
            config="posegen.data.config:DeepFashionConfig",
            contract=1,
            marker="fasion-resize-pairs-train.csv",
            source="github.com/tengteng95/Pose-Transfer",
        ),
    ]


@hookimpl
def posegen_metrics() -> list[MetricSpec]:
    """Metrics of the core distribution."""
    return [
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
