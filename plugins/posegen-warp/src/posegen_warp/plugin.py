"""What this package brings. posegen imports this module at every start, so: no torch here."""

from __future__ import annotations

from posegen.core import GeneratorSpec, LossSpec, ModelSpec, hookimpl

_DEFORMABLE = "arXiv:1801.00055"
_GLOBAL_FLOW = "arXiv:2003.00696"
_LICENCE = "Apache-2.0"


@hookimpl
def posegen_generators() -> list[GeneratorSpec]:
    """The networks that make the images."""
    return [
        GeneratorSpec(
            name="limbs",
            summary="Ten body parts moved by affine maps, merged and completed by a U-Net.",
            target="posegen_warp.limbs:Limbs",
            config="posegen_warp.config:LimbsConfig",
            contract=2,
            capabilities=("compile", "export"),
            licence=_LICENCE,
            source=_DEFORMABLE,
        ),
        GeneratorSpec(
            name="flow",
            summary="Flows at two levels, attention to patches where they point, masks.",
            target="posegen_warp.flow:Flow",
            config="posegen_warp.config:FlowConfig",
            contract=2,
            capabilities=("compile", "export"),
            licence=_LICENCE,
            source=_GLOBAL_FLOW,
        ),
    ]


@hookimpl
def posegen_losses() -> list[LossSpec]:
    """Terms that such networks are trained with."""
    return [
        LossSpec(
            name="gradient",
            summary="Mean absolute difference of the images' derivatives: edges in their places.",
            target="posegen_warp.losses:Gradient",
            contract=2,
            licence=_LICENCE,
            source="arXiv:1511.05440, section 3.2 (gradient difference), without its absolutes",
        ),
        LossSpec(
            name="flow-correctness",
            summary="Whether flows fetch what looks like the target, of all places in the source.",
            target="posegen_warp.flow_losses:FlowCorrectness",
            config="posegen_warp.config:CorrectnessConfig",
            contract=2,
            licence=_LICENCE,
            source=f"{_GLOBAL_FLOW}, section 3.3",
            weights=("vgg19-dcbb9e9d.pth",),
        ),
        LossSpec(
            name="flow-regularity",
            summary="How far flows are from affine maps within small windows.",
            target="posegen_warp.flow_losses:FlowRegularity",
            config="posegen_warp.config:RegularityConfig",
            contract=2,
            licence=_LICENCE,
            source=f"{_GLOBAL_FLOW}, section 3.3",
        ),
    ]


@hookimpl
def posegen_models() -> list[ModelSpec]:
    """The recipes that put the parts together."""
    return [
        ModelSpec(
            name="limbs",
            summary="Deformable skip connections (CVPR 2018), for a CPU as well.",
            target="posegen_warp.model:LimbsModel",
            contract=1,
            licence=_LICENCE,
            source=_DEFORMABLE,
        ),
        ModelSpec(
            name="flow",
            summary="Global flow, local attention (CVPR 2020).",
            target="posegen_warp.flow_model:FlowModel",
            contract=1,
            licence=_LICENCE,
            source=_GLOBAL_FLOW,
        ),
    ]
