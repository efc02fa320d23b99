"""Reports of evaluations as pages: what `posegen report` writes.

Names are loaded on first use, so that importing the package imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from posegen.core.lazy import lazy_exports

if TYPE_CHECKING:
    from posegen.reports.page import Report, make_report
    from posegen.reports.subjects import Subject, open_subjects

__all__ = ["Report", "Subject", "make_report", "open_subjects"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "posegen.reports.page": ("Report", "make_report"),
        "posegen.reports.subjects": ("Subject", "open_subjects"),
    },
)
