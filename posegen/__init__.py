"""posegen: train, evaluate, compare, share and use pose-guided person image synthesis.

The names below are the Python API. They are loaded on first use, so that `import posegen`
(and with it `posegen --help`) costs milliseconds and imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from posegen.core.lazy import lazy_exports

if TYPE_CHECKING:
    from posegen.api import batches, build, dataset, encoder, stepper
    from posegen.config import experiment, preset
    from posegen.evaluation.api import evaluate, evaluate_results
    from posegen.evaluation.modules import evaluate_module
    from posegen.evaluation.validation import metric
    from posegen.inference import PoseTransfer, load_model
    from posegen.training import train

__version__ = "0.1.0"
__all__ = [
    "PoseTransfer",
    "__version__",
    "batches",
    "build",
    "dataset",
    "encoder",
    "evaluate",
    "evaluate_module",
    "evaluate_results",
    "experiment",
    "load_model",
    "metric",
    "preset",
    "stepper",
    "train",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "posegen.api": ("batches", "build", "dataset", "encoder", "stepper"),
        "posegen.config": ("experiment", "preset"),
        "posegen.evaluation.api": ("evaluate", "evaluate_results"),
        "posegen.evaluation.modules": ("evaluate_module",),
        "posegen.evaluation.validation": ("metric",),
        "posegen.inference": ("PoseTransfer", "load_model"),
        "posegen.training": ("train",),
    },
)
