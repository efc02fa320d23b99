"""Files as other programs write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from posegen.core.skeletons import skeleton

Write = Callable[[str, Any], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file: text as it is, all else as JSON."""

    def write(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


@pytest.fixture
def person() -> Callable[..., torch.Tensor]:
    """Make up a person: (K, 3), all joints seen, in a box of 40×80 pixels times `scale`."""

    def person(name: str, scale: float = 1.0, seed: int = 0) -> torch.Tensor:
        random = torch.Generator().manual_seed(seed)
        points = torch.rand(len(skeleton(name)), 3, generator=random)
        points[:, :2] = (points[:, :2] * torch.tensor([40.0, 80.0]) * scale + 20).round()
        points[:, 2] = 1
        return points

    return person


def flat(points: torch.Tensor) -> list[float]:
    """Return x, y, c, x, y, c, …"""
    numbers: list[float] = points.flatten().tolist()
    return numbers
