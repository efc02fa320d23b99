"""What this package brings. posegen imports this module at every start, so: no torch here."""

from __future__ import annotations

from posegen.core import DiscriminatorSpec, GeneratorSpec, ModelSpec, hookimpl

_TEXT = "the project's starting text, a machine's summary of arXiv:1904.03349; docs/patn-masked.md"
_LICENCE = "Apache-2.0"


@hookimpl
def posegen_generators() -> list[GeneratorSpec]:
    """The network that makes the images."""
    return [
        GeneratorSpec(
            name="patn-masked",
            summary="Blocks that move body parts into a picture and pass image and mask on.",
            target="posegen_patn_masked.generator:MaskedPATN",
            config="posegen_patn_masked.config:MaskedPATNConfig",
            contract=2,
            capabilities=("compile", "export"),
            licence=_LICENCE,
            source=_TEXT,
        )
    ]


@hookimpl
def posegen_discriminators() -> list[DiscriminatorSpec]:
    """The network that judges them; a model uses it twice, for the picture and for a region."""
    return [
        DiscriminatorSpec(
            name="patn-masked-branch",
            summary="Patch discriminator of the picture, or of what the generator's mask shows.",
            target="posegen_patn_masked.discriminator:Branch",
            config="posegen_patn_masked.config:BranchConfig",
            contract=2,
            capabilities=("compile", "export"),
            licence=_LICENCE,
            source=_TEXT,
        )
    ]


@hookimpl
def posegen_models() -> list[ModelSpec]:
    """The recipe that puts the parts together."""
    return [
        ModelSpec(
            name="patn-masked",
            summary="Masked pose attention transfer: attention, transfer and fusion, with masks.",
            target="posegen_patn_masked.model:MaskedPATNModel",
            contract=1,
            licence=_LICENCE,
            source=_TEXT,
        )
    ]
