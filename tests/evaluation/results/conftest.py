"""Folders of small pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HEIGHT, WIDTH = 8, 6


@pytest.fixture
def picture() -> Callable[..., np.ndarray]:
    """`picture(level, width=6, height=8)`: (H, W, 3) uint8 of levels near `level`."""

    def make(level: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
        ramp = np.arange(height * width * 3).reshape(height, width, 3) % 10
        return (level + ramp).astype(np.uint8)

    return make


@pytest.fixture
def save(tmp_path: Path, picture: Callable[..., np.ndarray]) -> Callable[..., Path]:
    """`save("folder/name.png", pixels or level)` writes a picture below the test's folder."""

    def write(name: str, pixels: np.ndarray | int = 0) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        array = picture(pixels) if isinstance(pixels, int) else pixels
        Image.fromarray(array).save(path)
        return path

    return write
