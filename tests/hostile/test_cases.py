"""Files that once ended in a raw error, each read as a user's command reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from posegen.config import experiment, preset
from posegen.core.errors import ConfigError, DataError, WeightsError
from posegen.evaluation.protocols.loading import load
from posegen.poses.formats import read_poses
from posegen.weights.description import CONFIG, TENSORS, canonical, read_config
from posegen.weights.files import write_tensors


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"people": [5]}, "a person is no object"),
        ({"images": [{"id": [1]}], "annotations": [{"image_id": [2]}]}, r"its image \[2\] is not"),
    ],
)
def test_poses(content: Any, said: str, tmp_path: Path) -> None:
    path = tmp_path / "poses.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=said):
        list(read_poses(path))


def test_categories_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "poses.json"
    content = {"images": [], "annotations": [], "categories": [{"keypoints": 5}]}
    path.write_text(json.dumps(content))
    assert list(read_poses(path)) == []


def test_a_size_of_one_number(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "x"\nversion = 1\nsummary = "s"\nsource = "s"\n[[variants]]\nname = "v"\n'
        'summary = "s"\nsize = [128]\n[[variants.columns]]\nname = "l1"\nmetric = "l1"\n'
    )
    with pytest.raises(ConfigError, match=r"mine\.toml: variants\.v\.size"):
        load(str(path))


@pytest.mark.parametrize("text", ["losses=1", "discriminators=[1]", f"{'a.' * 3000}b=1"])
def test_options(text: str) -> None:
    with pytest.raises(ConfigError):
        experiment(preset("patn", "demo"), overrides=[text])


def test_a_description_that_lacks_what_is_null_in_the_other(tmp_path: Path) -> None:
    tree = {"schema": 3, "model": "patn"}
    write_tensors(tmp_path / TENSORS, {"a": torch.ones(2)}, {**tree, "licence": None})
    (tmp_path / CONFIG).write_text(canonical(tree))
    with pytest.raises(WeightsError):
        read_config(tmp_path)
