"""What this package brings. posegen imports this module at every start, so: no torch here."""

from __future__ import annotations

from posegen.core import GeneratorSpec, MethodSpec, ModelSpec, hookimpl

_FLOW_MATCHING = "arXiv:2210.02747"
_LICENCE = "Apache-2.0"


@hookimpl
def posegen_methods() -> list[MethodSpec]:
    """How such networks are trained, and how pictures are made with them."""
    return [
        MethodSpec(
            name="flow-matching",
            summary="Predicts the picture from one with noise; sampled in steps, with guidance.",
            target="posegen_flow_matching.method:FlowMatching",
            config="posegen_flow_matching.config:FlowMatchingConfig",
            sampling="posegen_flow_matching.config:Sampling",
            contract=2,
            licence=_LICENCE,
            source=f"{_FLOW_MATCHING}; arXiv:2511.13720",
        )
    ]


@hookimpl
def posegen_generators() -> list[GeneratorSpec]:
    """The network."""
    return [
        GeneratorSpec(
            name="attention-unet",
            summary="A U-Net that takes noise away and attends to the source by pose.",
            target="posegen_flow_matching.network:AttentionUNet",
            config="posegen_flow_matching.config:AttentionUNetConfig",
            contract=2,
            capabilities=("compile",),
            licence=_LICENCE,
            source="arXiv:2211.12500 (PIDM), in a form of our own",
        )
    ]


@hookimpl
def posegen_models() -> list[ModelSpec]:
    """The recipe that puts both together."""
    return [
        ModelSpec(
            name="flow-matching",
            summary="Flow matching in pixels, from scratch, for a CPU as well.",
            target="posegen_flow_matching.model:FlowMatchingModel",
            contract=1,
            licence=_LICENCE,
            source=_FLOW_MATCHING,
        )
    ]
