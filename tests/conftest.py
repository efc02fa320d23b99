"""Downloads and people made of dots, for tests of data, and of commands that need data."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def dots(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module of people made of dots, installed as a plugin with the detector `dots`."""
    from posegen.plugins import registry

    monkeypatch.syspath_prepend(str(Path(__file__).parent / "data"))
    monkeypatch.setenv("POSEGEN_PLUGINS", "dots")
    registry.cache_clear()
    yield importlib.import_module("dots")
    registry.cache_clear()


class RawTrees:
    """Downloads of the two data sets as their authors pack them, made of dots."""

    def __init__(self, root: Path, dots: ModuleType) -> None:
        self.root, self.dots = root, dots

    def write(self, path: str, size: tuple[int, int], seed: int, **options: Any) -> Path:
        radius = 1 if size[0] < 200 else 3
        keypoints = self.dots.pose(seed, size, **options)
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(self.dots.jpeg(self.dots.picture(keypoints, size, radius)))
        return file

    def market(self) -> Path:
        """3 people to train on (one of their 9 poses is not valid), 2 to test on, and clutter."""
        base = "Market-1501-v15.09.15"
        people = {"train": ["0002", "0007", "0010"], "test": ["0001", "0003"]}
        seed = 0
        for split, identities in people.items():
            for identity in identities:
                for shot in range(3):
                    seed += 1
                    name = f"{identity}_c{shot + 1}s1_{seed:06d}_01.jpg"
                    missing = ["left_hip"] if seed == 1 else []
                    self.write(
                        f"{base}/bounding_box_{split}/{name}", (128, 64), seed, missing=missing
                    )
        for name in ("-1_c1s1_000401_03.jpg", "0000_c1s1_000151_01.jpg"):
            self.write(f"{base}/bounding_box_test/{name}", (128, 64), 99)
        self.write(f"{base}/query/0001_c1s1_001051_00.jpg", (128, 64), 98)
        (self.root / base / "bounding_box_train" / "Thumbs.db").write_bytes(b"x")
        (self.root / base / "readme.txt").write_text("Market-1501")
        return self.root / base

    def deepfashion(self, lists: bool = True) -> Path:
        """4 items; 00000080 is in train in colour 01 and in test in colour 02."""
        base = "In-shop Clothes Retrieval Benchmark"
        items = {
            "MEN/Denim/id_00000080/01": "train",
            "MEN/Denim/id_00000080/02": "test",
            "WOMEN/Blouses_Shirts/id_00000693/02": "train",
            "WOMEN/Tees_Tanks/id_00007796/01": "train",
            "MEN/Shirts_Polos/id_00001802/02": "test",
        }
        names: dict[str, list[str]] = {"train": [], "test": []}
        views = ("1_front", "2_side", "4_full")
        for number, (item, split) in enumerate(items.items()):
            for shot, view in enumerate(views):
                self.write(f"{base}/Img/img/{item}_{view}.jpg", (256, 256), 10 * number + shot)
                gender, category, code, colour = item.split("/")
                name = f"fashion{gender}{category}{code.replace('_', '')}{colour}"
                names[split].append(f"{name}_{view.replace('_', '')}.jpg")
        (self.root / base / "README.txt").write_text("DeepFashion")
        for split in names if lists else ():
            (self.root / base / f"{split}.lst").write_text("\n".join(names[split]) + "\n")
        return self.root / base


@pytest.fixture
def raw(tmp_path: Path, dots: ModuleType) -> RawTrees:
    return RawTrees(tmp_path / "raw", dots)
