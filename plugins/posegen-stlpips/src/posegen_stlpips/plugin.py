"""What this package brings. posegen imports this module at every start, so: no torch here."""

from __future__ import annotations

from posegen.core import LossSpec, MetricSpec, hookimpl

_PAPER = "arXiv:2207.13686; pypi.org/project/stlpips-pytorch 0.0.2"
_LICENCE = "Apache-2.0 AND BSD-2-Clause"  # BSD: the weights


@hookimpl
def posegen_losses() -> list[LossSpec]:
    """Perceptual terms, and one that they need beside them."""
    return [
        LossSpec(
            name="st-lpips",
            summary="Shift-tolerant perceptual distance; its weights come with the package.",
            target="posegen_stlpips.losses:STLPIPSLoss",
            config="posegen_stlpips.config:STLPIPSLossConfig",
            contract=2,
            licence=_LICENCE,
            source=_PAPER,
        ),
        LossSpec(
            name="st-style",
            summary="Difference of Gram matrices of the same network's activations: textures.",
            target="posegen_stlpips.losses:STStyleLoss",
            config="posegen_stlpips.config:STStyleConfig",
            contract=2,
            licence=_LICENCE,
            source=f"arXiv:1603.08155, section 3.2; {_PAPER}",
        ),
        LossSpec(
            name="colour",
            summary="Mean absolute difference of averaged colours, against coloured fringes.",
            target="posegen_stlpips.losses:ColourLoss",
            config="posegen_stlpips.config:ColourConfig",
            contract=2,
            licence="Apache-2.0",
            source="ITU-R BT.601 for the colours",
        ),
    ]


@hookimpl
def posegen_metrics() -> list[MetricSpec]:
    """Measures of what the eye sees."""
    return [
        MetricSpec(
            name="st-lpips",
            summary="Shift-tolerant perceptual distance (not LPIPS); needs no download.",
            target="posegen_stlpips.metrics:STLPIPS",
            config="posegen_stlpips.config:STLPIPSConfig",
            contract=2,
            direction="lower",
            protocol="shift-tolerant LPIPS (AlexNet variant unless set), not LPIPS; 8-bit RGB "
            "scaled to [-1, 1], own size, mean over images",
            value_range=(0, None),
            licence=_LICENCE,
            source=_PAPER,
        ),
        MetricSpec(
            name="st-kid",
            summary="Kernel distance of distributions on features of st-lpips (not KID).",
            target="posegen_stlpips.metrics:STKID",
            config="posegen_stlpips.config:STLPIPSConfig",
            contract=2,
            direction="lower",
            protocol="kernel distance on features of shift-tolerant LPIPS, not KID; against the "
            "targets of the same pairs, cubic kernel, all pictures at once",
            value_range=(None, None),
            licence=_LICENCE,
            source=f"arXiv:1801.01401; {_PAPER}",
        ),
        MetricSpec(
            name="sharpness",
            summary="Gradient energy beside the target's: 1 is right, blur is below.",
            target="posegen_stlpips.metrics:Sharpness",
            config="posegen_stlpips.config:SharpnessConfig",
            contract=2,
            direction="higher",
            protocol="min(r, 1/r) of the ratio r of the mean squared differences of neighbouring "
            "pixels' brightness (BT.601) to the target's, mean over images",
            value_range=(0, None),
            licence="Apache-2.0",
            source="Pertuz et al., Pattern Recognition 46(5), 2013: GRA2",
        ),
    ]
