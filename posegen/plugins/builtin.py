"""posegen's own components, registered as anybody's are."""

from __future__ import annotations

from posegen.core.specs import (
    DatasetSpec,
    DetectorSpec,
    EncoderSpec,
    LossSpec,
    MethodSpec,
    MetricSpec,
    hookimpl,
)
from posegen.plugins.builtin_metrics import METRICS


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
def posegen_detectors() -> list[DetectorSpec]:
    """Pose detectors of the core distribution."""
    return [
        DetectorSpec(
            name="keypoint-rcnn",
            summary="torchvision's keypoint R-CNN, trained on COCO's people; 17 joints.",
            target="posegen.poses.keypoint_rcnn:KeypointRCNN",
            config="posegen.poses.config:KeypointRCNNConfig",
            contract=1,
            source="arXiv:1703.06870; torchvision",
            weights=("keypointrcnn_resnet50_fpn_coco-fc266e95.pth",),
        ),
    ]


@hookimpl
def posegen_metrics() -> list[MetricSpec]:
    """Metrics of the core distribution."""
    return METRICS
