"""What is said where rtmlib or ONNX Runtime is not installed."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from posegen_rtmlib.config import RTMLibConfig
from posegen_rtmlib.detector import RTMLib

from posegen.core import PluginError


@pytest.mark.parametrize("missing", ["rtmlib", "onnxruntime"])
def test_missing_packages_are_asked_for(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("rtmlib", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, missing, None)
    said = (
        f"needs the package {missing}, which is not installed; .*`pip install rtmlib onnxruntime`"
    )
    with pytest.raises(PluginError, match=said):
        RTMLib(RTMLibConfig())
