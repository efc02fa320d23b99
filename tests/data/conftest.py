"""A small folder in the published layout, and a stand-in for the renderer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torchvision.io import write_png

from posegen.data import people
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
def market(tmp_path: Path) -> MarketFolder:
    return MarketFolder(tmp_path / "market")


class Rendered(NamedTuple):
    images: Tensor
    masks: Tensor
    keypoints: Tensor


Call = tuple[tuple[int, int], ...]


def render_stub(
    identities: Sequence[int], pictures: Sequence[int], size: tuple[int, int], *, seed: int
) -> Rendered:
    """Noise that depends on (identity, picture, seed) only, as with the renderer."""
    height, width = size
    images, masks, keypoints = [], [], []
    for identity, picture in zip(map(int, identities), map(int, pictures), strict=True):
        random = torch.Generator().manual_seed(identity * 1000 + picture + 7_919 * seed)
        image = torch.randint(0, 256, (4, height, width), generator=random, dtype=torch.uint8)
        images.append(image[:3])
        masks.append((image[3:] > 127).to(torch.uint8) * 255)
        points = torch.rand(18, 3, generator=random) * torch.tensor([width - 1, height - 1, 1.0])
        points[:, 2] = torch.tensor([1.0, 0.5, 0.0]).repeat(6)
        keypoints.append(points)
    return Rendered(torch.stack(images), torch.stack(masks), torch.stack(keypoints))


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Replace the renderer by `render_stub`; the list says what each call rendered."""
    calls: list[Call] = []

    def render(
        identities: Sequence[int], pictures: Sequence[int], size: tuple[int, int], *, seed: int
    ) -> Rendered:
        calls.append(tuple(zip(map(int, identities), map(int, pictures), strict=True)))
        return render_stub(identities, pictures, size, seed=seed)

    monkeypatch.setattr(people, "render_people", render, raising=False)
    return calls
