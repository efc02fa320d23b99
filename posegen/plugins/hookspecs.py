"""The hooks that a plugin module may implement: one per kind of component.

A hook takes no arguments and returns a list of specs. It is called once, at discovery, so the
module must not import torch. A complete plugin module:

    from posegen.core import GeneratorSpec, hookimpl

    @hookimpl
    def posegen_generators():
        return [
            GeneratorSpec(
                name="unet",
                summary="A U-Net with skip connections.",
                target="posegen_unet.model:UNet",
                config="posegen_unet.config:UNetConfig",
                contract=1,
            )
        ]
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from posegen.core.specs import (
    ConverterSpec,
    DatasetSpec,
    DetectorSpec,
    DiscriminatorSpec,
    EncoderSpec,
    GeneratorSpec,
    LossSpec,
    MethodSpec,
    MetricSpec,
    ModelSpec,
    Spec,
)

hookspec = pluggy.HookspecMarker("posegen")


@hookspec
def posegen_encoders() -> Iterable[EncoderSpec]:  # type: ignore[empty-body]
    """Pose encoders: keypoints -> pose maps."""


@hookspec
def posegen_generators() -> Iterable[GeneratorSpec]:  # type: ignore[empty-body]
    """Generator backbones."""


@hookspec
def posegen_discriminators() -> Iterable[DiscriminatorSpec]:  # type: ignore[empty-body]
    """Discriminators."""


@hookspec
def posegen_losses() -> Iterable[LossSpec]:  # type: ignore[empty-body]
    """Loss terms of the generator."""


@hookspec
def posegen_metrics() -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """Metrics of `posegen eval`."""


@hookspec
def posegen_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Data sets and readers of data layouts."""


@hookspec
def posegen_detectors() -> Iterable[DetectorSpec]:  # type: ignore[empty-body]
    """Pose detectors: image -> keypoints."""


@hookspec
def posegen_methods() -> Iterable[MethodSpec]:  # type: ignore[empty-body]
    """Training methods."""


@hookspec
def posegen_models() -> Iterable[ModelSpec]:  # type: ignore[empty-body]
    """Models: what can follow `--model`."""


@hookspec
def posegen_converters() -> Iterable[ConverterSpec]:  # type: ignore[empty-body]
    """Converters of checkpoints that others published."""


#: hook name -> the type of spec that it returns.
HOOKS: dict[str, type[Spec]] = {
    "posegen_encoders": EncoderSpec,
    "posegen_generators": GeneratorSpec,
    "posegen_discriminators": DiscriminatorSpec,
    "posegen_losses": LossSpec,
    "posegen_metrics": MetricSpec,
    "posegen_datasets": DatasetSpec,
    "posegen_detectors": DetectorSpec,
    "posegen_methods": MethodSpec,
    "posegen_models": ModelSpec,
    "posegen_converters": ConverterSpec,
}
