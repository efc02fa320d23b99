from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from posegen.core import DataError, Kind, PluginError
from posegen.data.config import DeepFashionConfig, Market1501Config
from posegen.data.detect import detect_layout
from posegen.plugins.components import PluginRecord, Registry


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (Market1501Config, {}),
        (DeepFashionConfig, {"root": ".", "image_size": (256, 175)}),
        (DeepFashionConfig, {"root": ".", "image_size": (0, 176)}),
    ],
)
def test_configs_refuse(config: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config(**options)


def test_configs_need_no_torch() -> None:
    code = "import posegen.data.config, posegen.data.detect, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def registry() -> Registry:
    from posegen.plugins.builtin import posegen_datasets

    return Registry([PluginRecord("builtin", "posegen", "0", specs=tuple(posegen_datasets()))])


def test_without_its_package_people_says_what_to_install(registry: Registry) -> None:
    with pytest.raises(PluginError, match="posegen plugins install posegen-people"):
        registry.get(Kind.DATASET, "people")


def test_detects_the_layout(market: Any, registry: Registry) -> None:
    root = market.save().root
    assert detect_layout(root, registry) == "market1501"
    DeepFashionConfig(root=root).pairs("train").touch()
    with pytest.raises(DataError, match=r"market-pairs-train\.csv \(market1501\)"):
        detect_layout(root, registry)
    market.config.pairs("train").unlink()
    assert detect_layout(root, registry) == "deepfashion"


def test_unknown_layout_names_all_markers(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(DataError, match=r"fasion-resize-pairs-train\.csv \(deepfashion\), market"):
        detect_layout(tmp_path, registry)
    with pytest.raises(DataError, match="no such folder"):
        detect_layout(tmp_path / "nowhere", registry)
