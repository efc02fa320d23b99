"""A small folder in the published layout."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torchvision.io import write_png

from posegen.data.config import Market1501Config

SIZE = (16, 8)
Y = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 3, -1]
X = [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7, -1, 3]


class MarketFolder:
    """A valid folder of three images and four pairs, to be damaged."""

    def __init__(self, root: Path) -> None:
        self.config = Market1501Config(root=root, image_size=SIZE)
        self.names = ["a.png", "b.png", "c.png"]
        self.images = root / "market_data" / "train"
        self.images.mkdir(parents=True)
        random = torch.Generator().manual_seed(0)
        self.pixels = torch.randint(0, 256, (3, 3, *SIZE), generator=random, dtype=torch.uint8)
        for name, pixels in zip(self.names, self.pixels, strict=True):
            write_png(pixels, str(self.images / name))
        self.annotations = ["name:keypoints_y:keypoints_x", *(self.row(n) for n in self.names)]
        self.pairs = ["from,to", "a.png,b.png", "b.png,a.png", "a.png,c.png", "c.png,a.png"]

    def save(self) -> Market1501Config:
        self.config.annotations("train").write_text("\n".join(self.annotations) + "\n")
        self.config.pairs("train").write_text("\n".join(self.pairs) + "\n")
        return self.config

    def row(self, name: str, y: Sequence[object] = Y, x: Sequence[object] = X) -> str:
        return f"{name}: {json.dumps(list(y))}: {json.dumps(list(x))}"


@pytest.fixture
def noise(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of a data set of noise, which declares fields."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    return importlib.import_module("noise")


@pytest.fixture
def market(tmp_path: Path) -> MarketFolder:
    return MarketFolder(tmp_path / "market")
