"""posegen's own components, registered as anybody's are."""

from __future__ import annotations

from posegen.core.specs import (
    DatasetSpec,
    DetectorSpec,
    EncoderSpec,
    LossSpec,
    MethodSpec,
    MetricSpec,
    TrackerSpec,
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
            contract=2,
            source="arXiv:1904.03349; Market-1501 maps of the published code",
        ),
        EncoderSpec(
            name="one-hot",
            summary="One map per joint: 1 in the joint's own pixel (published DeepFashion).",
            target="posegen.poses.encoders:OneHotEncoder",
            config="posegen.poses.config:OneHotConfig",
            contract=2,
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
            contract=2,
        ),
        LossSpec(
            name="vgg19",
            summary="Mean absolute difference of VGG-19 activations (ImageNet weights, 575 MB).",
            target="posegen.training.losses:VGG19Loss",
            config="posegen.training.loss_config:VGG19LossConfig",
            contract=2,
            source="arXiv:1603.08155; arXiv:1904.03349, equation 7",
            weights=("vgg19-dcbb9e9d.pth",),
        ),
        LossSpec(
            name="random-vgg",
            summary="Difference of activations of an untrained VGG-19 (seeded); needs no download.",
            target="posegen.training.losses:RandomVGGLoss",
            config="posegen.training.loss_config:RandomVGGConfig",
            contract=2,
            source="arXiv:2103.10571",
        ),
        LossSpec(
            name="style",
            summary="Difference of Gram matrices of VGG-19 activations: textures.",
            target="posegen.training.losses:StyleLoss",
            config="posegen.training.loss_config:StyleConfig",
            contract=2,
            source="arXiv:1612.07919; arXiv:1901.00212, equation 5; arXiv:1603.08155, section 3.2",
            weights=("vgg19-dcbb9e9d.pth",),
        ),
        LossSpec(
            name="tv",
            summary="Total variation of the generated image, against noise.",
            target="posegen.training.losses:TotalVariation",
            contract=2,
            source="Rudin, Osher and Fatemi, Physica D 60, 1992; arXiv:1603.08155, section 3.2",
        ),
        LossSpec(
            name="multi-scale",
            summary="Any other loss at several sizes of the pictures, added.",
            target="posegen.training.losses:MultiScale",
            config="posegen.training.loss_config:MultiScaleConfig",
            contract=2,
            source="arXiv:1711.11585, section 3.2, of discriminators",
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
            capabilities=("export",),
            contract=2,
            source="arXiv:1904.03349, equation 9 and the published code",
        ),
    ]


@hookimpl
def posegen_trackers() -> list[TrackerSpec]:
    """Experiment trackers of the core distribution."""
    return [
        TrackerSpec(
            name="json-lines",
            summary="One line of JSON per logged step, in the run's metrics.jsonl.",
            target="posegen.training.trackers:JsonLines",
            contract=1,
        ),
        TrackerSpec(
            name="tensorboard",
            summary="Event files with numbers and sample grids, in the run's folder tensorboard.",
            target="posegen.training.trackers:TensorBoard",
            contract=1,
        ),
        TrackerSpec(
            name="wandb",
            summary="Weights & Biases, offline unless chosen otherwise (extra `wandb`).",
            target="posegen.training.trackers:WeightsAndBiases",
            config="posegen.training.tracker_config:WandbConfig",
            contract=1,
        ),
    ]


@hookimpl
def posegen_datasets() -> list[DatasetSpec]:
    """Data sets of the core distribution."""
    return [
        DatasetSpec(
            name="market1501",
            summary="A folder in the published Market-1501 layout (128×64).",
            target="posegen.data.published:PublishedDataset",
            config="posegen.data.config:Market1501Config",
            contract=2,
            marker="market-pairs-train.csv",
            source="github.com/tengteng95/Pose-Transfer",
        ),
        DatasetSpec(
            name="deepfashion",
            summary="A folder in the published DeepFashion layout (256×176).",
            target="posegen.data.published:PublishedDataset",
            config="posegen.data.config:DeepFashionConfig",
            contract=2,
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
            contract=2,
            source="arXiv:1703.06870; torchvision",
            weights=("keypointrcnn_resnet50_fpn_coco-fc266e95.pth",),
        ),
    ]


@hookimpl
def posegen_metrics() -> list[MetricSpec]:
    """Metrics of the core distribution."""
    return METRICS
