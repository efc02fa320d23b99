"""Trained models in use, and pictures of what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posegen.core.lazy import lazy_exports

if TYPE_CHECKING:
    from posegen.inference.model import PoseTransfer, load_model

__all__ = ["PoseTransfer", "load_model"]

__getattr__, __dir__ = lazy_exports(
    __name__, {"posegen.inference.model": ("PoseTransfer", "load_model")}
)
