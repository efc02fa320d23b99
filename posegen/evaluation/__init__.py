"""Scores of models: the evaluator behind `posegen eval`, the built-in metrics, their reports.

Names are loaded on first use, so that importing the package imports no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posegen.evaluation.api import evaluate
    from posegen.evaluation.evaluator import Evaluation, Score, evaluate_pairs

_LAZY = {
    "Evaluation": "posegen.evaluation.evaluator",
    "Score": "posegen.evaluation.evaluator",
    "evaluate": "posegen.evaluation.api",
    "evaluate_pairs": "posegen.evaluation.evaluator",
}

__all__ = ["Evaluation", "Score", "evaluate", "evaluate_pairs"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'posegen.evaluation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
