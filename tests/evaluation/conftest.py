"""Pictures and a small data set that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from posegen.core import Batch, Config, Pair, PairDataset
from posegen.poses.config import GaussianConfig
from posegen.poses.encoders import GaussianEncoder

SIZE = (32, 24)


def _natural(seed: int, count: int, size: tuple[int, int]) -> Tensor:
    """Return (count, 3, H, W) uint8 images with edges, smooth areas and some noise."""
    random = np.random.default_rng(seed)
    smooth = gaussian_filter(random.normal(size=(count, 3, *size)), (0, 0, 3, 3))
    edges = np.sign(gaussian_filter(random.normal(size=(count, 1, *size)), (0, 0, 5, 5)))
    images = 120 + 400 * smooth + 60 * edges + random.normal(0, 3, size=smooth.shape)
    return torch.from_numpy(images.clip(0, 255).round().astype(np.uint8))


@pytest.fixture
def natural() -> Callable[..., Tensor]:
    """`natural(seed, count, size)`."""
    return _natural


@pytest.fixture
def scored() -> Callable[..., Batch]:
    """`scored(generated, target, mask=None)`."""

    def make(generated: Tensor, target: Tensor, mask: Tensor | None = None) -> Batch:
        pictures = {"generated": generated, "target": target, "source": target}
        masks = {} if mask is None else {"target_mask": mask}
        return Batch({**pictures, "target_keypoints": torch.zeros(len(target), 18, 3), **masks})

    return make


class Pairs(PairDataset):
    """Seeded pairs of 32×24 pixels; `read` lists the indices in the order of reading."""

    skeleton = "openpose18"
    image_size = SIZE

    def __init__(self, count: int, masks: bool = True) -> None:
        super().__init__(Config(), "test")
        self.images = _natural(3, 2 * count, SIZE)
        self.mask = torch.zeros(1, *SIZE, dtype=torch.uint8)
        self.mask[:, 5:20, 4:18] = 255
        self.masks = masks
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(self.images) // 2

    def __getitem__(self, index: int) -> Pair:
        self.read.append(index)
        keypoints = torch.full((18, 3), 10.0)
        mask = self.mask if self.masks else None
        source, target = self.images[2 * index], self.images[2 * index + 1]
        return Pair(source, target, keypoints, keypoints, f"s{index}", f"t{index}", mask, mask)


@pytest.fixture
def pairs() -> Callable[..., Pairs]:
    """`pairs(count, masks=True)`."""
    return Pairs


@pytest.fixture
def encoder() -> GaussianEncoder:
    return GaussianEncoder(GaussianConfig())


@pytest.fixture
def golden() -> Path:
    """The folder of recorded numbers."""
    return Path(__file__).parents[1] / "data" / "golden"
