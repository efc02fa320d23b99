"""What this package brings. posegen imports this module at every start, so: no torch here."""

from __future__ import annotations

from posegen.core import (
    ConverterSpec,
    DiscriminatorSpec,
    GeneratorSpec,
    ModelSpec,
    hookimpl,
)

_PAPER = "arXiv:1904.03349; github.com/tengteng95/Pose-Transfer"
_LICENCE = "Apache-2.0"


@hookimpl
def posegen_generators() -> list[GeneratorSpec]:
    """The network that makes the images."""
    return [
        GeneratorSpec(
            name="patn",
            summary="Image and pose codes through a chain of pose-attentional transfer blocks.",
            target="posegen_patn.generator:PATNGenerator",
            config="posegen_patn.config:PATNConfig",
            contract=2,
            capabilities=("compile", "export"),
            licence=_LICENCE,
            source=_PAPER,
        )
    ]


@hookimpl
def posegen_discriminators() -> list[DiscriminatorSpec]:
    """The network that judges them; a model uses it twice, with different conditions."""
    return [
        DiscriminatorSpec(
            name="patn-resnet",
            summary="Residual discriminator that scores every place of a feature map.",
            target="posegen_patn.discriminator:ResnetDiscriminator",
            config="posegen_patn.config:ResnetDiscriminatorConfig",
            contract=2,
            capabilities=("compile", "export"),
            licence=_LICENCE,
            source=_PAPER,
        )
    ]


@hookimpl
def posegen_models() -> list[ModelSpec]:
    """The recipe that puts the parts together."""
    return [
        ModelSpec(
            name="patn",
            summary="Progressive pose attention transfer (CVPR 2019).",
            target="posegen_patn.model:PATN",
            contract=1,
            licence=_LICENCE,
            source=_PAPER,
        )
    ]


@hookimpl
def posegen_converters() -> list[ConverterSpec]:
    """Readers of checkpoints that others published."""
    return [
        ConverterSpec(
            name="patn-official",
            summary="Checkpoints of the published PATN code (netG, netD_PP, netD_PB).",
            target="posegen_patn.convert:PATNOfficial",
            contract=1,
            licence=_LICENCE,
            source=_PAPER,
        )
    ]
