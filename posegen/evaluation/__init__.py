"""Scores of models: the evaluator behind `posegen eval`, the built-in metrics, their reports.

Names are loaded on first use, so that importing the package imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from posegen.core.lazy import lazy_exports

if TYPE_CHECKING:
    from posegen.evaluation.api import evaluate
    from posegen.evaluation.evaluator import Evaluation, Score, evaluate_pairs

__all__ = ["Evaluation", "Score", "evaluate", "evaluate_pairs"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "posegen.evaluation.api": ("evaluate",),
        "posegen.evaluation.evaluator": ("Evaluation", "Score", "evaluate_pairs"),
    },
)
