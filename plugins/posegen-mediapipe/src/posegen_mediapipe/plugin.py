"""What this package brings. posegen imports this module at every start, so: no torch here."""

from __future__ import annotations

from posegen.core import DetectorSpec, hookimpl


@hookimpl
def posegen_detectors() -> list[DetectorSpec]:
    """MediaPipe Pose."""
    return [
        DetectorSpec(
            name="mediapipe",
            summary="MediaPipe Pose (BlazePose), 33 landmarks; a small network, fast on a CPU.",
            target="posegen_mediapipe.detector:MediaPipe",
            config="posegen_mediapipe.config:MediaPipeConfig",
            contract=2,
            licence="Apache-2.0",
            source="arXiv:2006.10204; github.com/google-ai-edge/mediapipe",
        )
    ]
