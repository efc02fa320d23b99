"""Folders of results: the pictures that any program has generated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posegen.core.lazy import lazy_exports
from posegen.evaluation.results.layouts import LAYOUTS, Layout, find_layout, layout_names
from posegen.evaluation.results.matching import Unmatched

if TYPE_CHECKING:
    from posegen.evaluation.results.reading import ResultItem, ResultsFolder, open_results

__all__ = [
    "LAYOUTS",
    "Layout",
    "ResultItem",
    "ResultsFolder",
    "Unmatched",
    "find_layout",
    "layout_names",
    "open_results",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {"posegen.evaluation.results.reading": ("ResultItem", "ResultsFolder", "open_results")},
)
