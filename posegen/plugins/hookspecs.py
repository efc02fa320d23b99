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
                contract=2,
            )
        ]
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from posegen.core import specs

#: hook -> the type of spec that it returns.
HOOKS: dict[str, type[specs.Spec]] = {
    "posegen_encoders": specs.EncoderSpec,
    "posegen_generators": specs.GeneratorSpec,
    "posegen_discriminators": specs.DiscriminatorSpec,
    "posegen_losses": specs.LossSpec,
    "posegen_metrics": specs.MetricSpec,
    "posegen_datasets": specs.DatasetSpec,
    "posegen_detectors": specs.DetectorSpec,
    "posegen_methods": specs.MethodSpec,
    "posegen_models": specs.ModelSpec,
    "posegen_converters": specs.ConverterSpec,
    "posegen_trackers": specs.TrackerSpec,
}


@pluggy.HookspecMarker("posegen")
def _hook() -> Iterable[specs.Spec]:
    """Take nothing, and return specs: what pluggy compares a plugin's functions with."""
    raise NotImplementedError


#: All of them, as pluggy takes them.
SPECIFICATIONS = type("Specifications", (), {name: staticmethod(_hook) for name in HOOKS})
