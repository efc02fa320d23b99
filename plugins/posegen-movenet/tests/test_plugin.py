from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import posegen_movenet
import pytest
import torch
from posegen_movenet.config import MoveNetConfig
from posegen_movenet.plugin import posegen_detectors
from torch import Tensor

from posegen.core import Kind
from posegen.plugins import discover
from posegen.plugins.testing import check, check_plugin

ROOT = Path(posegen_movenet.__file__).parents[2]


def test_the_engine_finds_it() -> None:
    points = discover(points=[], modules=["posegen_movenet.plugin"])
    component = points.get(Kind.DETECTOR, "movenet")
    assert component.load().__name__ == "MoveNet"
    assert component.load_config() is MoveNetConfig


def test_it_keeps_the_contract(figure: Callable[..., Tensor]) -> None:
    check_plugin("posegen_movenet.plugin").raise_on_failure()
    (spec,) = posegen_detectors()
    shown = torch.stack([figure((96, 64), 84.0, x, 6.0) for x in (32.0, 28.0)])
    check(spec, options={"people": 2}, pictures=shown).raise_on_failure()


def test_the_readme_has_every_option() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in MoveNetConfig.model_fields:
        assert f"| `{name}` |" in text


@pytest.mark.parametrize("module", ["plugin", "config"])
def test_it_imports_no_torch(module: str) -> None:
    code = f"import sys, posegen_movenet.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
