from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import posegen_mediapipe
import pytest
from posegen_mediapipe.config import MediaPipeConfig

from posegen.core import Kind
from posegen.plugins import discover

SOURCE = Path(posegen_mediapipe.__file__).parent


def test_the_engine_finds_it() -> None:
    component = discover(points=[], modules=["posegen_mediapipe.plugin"]).get(
        Kind.DETECTOR, "mediapipe"
    )
    assert component.load().skeleton == "mediapipe33"
    assert component.load_config() is MediaPipeConfig
    assert all(field.description for field in MediaPipeConfig.model_fields.values())


def test_the_readme_has_every_option() -> None:
    text = (SOURCE.parents[1] / "README.md").read_text()
    for name in MediaPipeConfig.model_fields:
        assert f"| `{name}` |" in text


@pytest.mark.parametrize("module", ["plugin", "config"])
def test_it_imports_no_torch(module: str) -> None:
    code = f"import sys, posegen_mediapipe.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_it_imports_only_the_public_contracts() -> None:
    imported = set()
    for path in SOURCE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module)
    assert {name for name in imported if name.split(".")[0] == "posegen"} == {"posegen.core"}
