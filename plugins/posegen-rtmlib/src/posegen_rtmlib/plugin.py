"""What this package brings. posegen imports this module at every start, so: no torch here."""

from __future__ import annotations

from posegen.core import DetectorSpec, hookimpl


@hookimpl
def posegen_detectors() -> list[DetectorSpec]:
    """RTMPose and its relatives."""
    return [
        DetectorSpec(
            name="rtmlib",
            summary="RTMPose, or DWPose and RTMW with hands and face, as ONNX files.",
            target="posegen_rtmlib.detector:RTMLib",
            config="posegen_rtmlib.config:RTMLibConfig",
            contract=2,
            licence="Apache-2.0",
            source="arXiv:2303.07399; github.com/Tau-J/rtmlib",
        )
    ]
