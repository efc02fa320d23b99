"""Scores of models and of results: metrics, published protocols, the evaluator, its records.

Names are loaded on first use, so that importing the package imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from posegen.core.lazy import lazy_exports

if TYPE_CHECKING:
    from posegen.evaluation.api import evaluate, evaluate_results
    from posegen.evaluation.result import BASELINE, Evaluation, ProtocolScores, Score

__all__ = [
    "BASELINE",
    "Evaluation",
    "ProtocolScores",
    "Score",
    "evaluate",
    "evaluate_results",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "posegen.evaluation.api": ("evaluate", "evaluate_results"),
        "posegen.evaluation.result": ("BASELINE", "Evaluation", "ProtocolScores", "Score"),
    },
)
