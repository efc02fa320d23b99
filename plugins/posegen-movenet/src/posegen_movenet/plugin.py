"""What this package brings. posegen imports this module at every start, so: no torch here."""

from __future__ import annotations

from posegen.core import DetectorSpec, hookimpl


@hookimpl
def posegen_detectors() -> list[DetectorSpec]:
    """MoveNet."""
    return [
        DetectorSpec(
            name="movenet",
            summary="MoveNet, 17 joints; its weights come with the package, fast on a CPU.",
            target="posegen_movenet.detector:MoveNet",
            config="posegen_movenet.config:MoveNetConfig",
            contract=2,
            licence="Apache-2.0 AND MIT",  # MIT: the package that converted the weights
            source="tfhub.dev/google/movenet/singlepose, version 4",
        )
    ]
