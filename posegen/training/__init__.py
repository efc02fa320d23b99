"""Training: the loop, the adversarial method, checkpoints and logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posegen.core.lazy import lazy_exports

if TYPE_CHECKING:
    from posegen.config.parts import build_method
    from posegen.training.api import train
    from posegen.training.loop import Outcome
    from posegen.training.run import Run
    from posegen.training.stepper import Stepper

__all__ = ["Outcome", "Run", "Stepper", "build_method", "train"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "posegen.training.api": ("train",),
        "posegen.training.loop": ("Outcome",),
        "posegen.config.parts": ("build_method",),
        "posegen.training.run": ("Run",),
        "posegen.training.stepper": ("Stepper",),
    },
)
