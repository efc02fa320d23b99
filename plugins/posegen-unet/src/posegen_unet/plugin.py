"""What this package brings. posegen imports this module at every start, so: no torch here."""

from __future__ import annotations

from posegen.core import GeneratorSpec, hookimpl


@hookimpl
def posegen_generators() -> list[GeneratorSpec]:
    """Return the spec of the backbone."""
    return [
        GeneratorSpec(
            name="unet",
            summary="A U-Net of residual blocks, as in the first stage of PG2.",
            target="posegen_unet.generator:UNet",
            config="posegen_unet.config:UNetConfig",
            contract=2,
            licence="Apache-2.0",
            source="arXiv:1705.09368, section 3.1",
            capabilities=("compile", "export"),
        )
    ]
