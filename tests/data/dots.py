"""People made of coloured dots, a dot for each joint, and a detector that finds them.

The detector is a plugin: `POSEGEN_PLUGINS=dots` with this folder on the path. It sees nothing but
pixels, so whatever cutting and scaling was done to a picture has been done to its keypoints too.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import product

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from posegen.core import Config, DetectorSpec, PoseDetector, hookimpl

_SIDE = ("shoulder", "elbow", "wrist")
_LEG = ("hip", "knee", "ankle")
JOINTS = [
    *("nose", "neck"),
    *(f"{side}_{joint}" for part in (_SIDE, _LEG) for side in ("right", "left") for joint in part),
    *("right_eye", "left_eye", "right_ear", "left_ear"),
]
GROUND = (90, 90, 90)
COLOURS = np.array([c for c in product((20, 135, 250), repeat=3) if len(set(c)) > 1])[:18]

#: x and y in a picture of width and height 1, seen from the front.
FRONT = np.array(
    [
        *[(0.5, 0.14), (0.5, 0.22), (0.33, 0.24), (0.28, 0.38), (0.25, 0.5)],
        *[(0.67, 0.24), (0.72, 0.38), (0.75, 0.5), (0.4, 0.52), (0.4, 0.7), (0.4, 0.9)],
        *[(0.6, 0.52), (0.6, 0.7), (0.6, 0.9), (0.42, 0.1), (0.58, 0.1), (0.3, 0.12), (0.7, 0.12)],
    ]
)


def pose(seed: int, size: tuple[int, int], missing: Sequence[str] = ()) -> Tensor:
    """Return a front pose (18, 3), a little different for each seed, in whole pixels."""
    height, width = size
    random = np.random.default_rng(seed)
    places = FRONT * (width, height)
    places += random.uniform(-0.04, 0.04, 2) * (width, height)
    # Hands and feet move more than what is in the middle.
    for joint in (3, 4, 6, 7, 9, 10, 12, 13):
        places[joint] += random.uniform(-0.03, 0.03, 2) * (width, height)
    places = np.rint(places).clip(0, (width - 1, height - 1))
    seen = [[float(joint not in missing)] for joint in JOINTS]
    keypoints = np.concatenate([places, seen], axis=1)
    return torch.from_numpy(keypoints * seen).float()


def picture(keypoints: Tensor, size: tuple[int, int], radius: int = 1) -> Image.Image:
    """Draw a pose."""
    pixels = np.full((*size, 3), GROUND, dtype=np.uint8)
    for colour, (x, y, seen) in zip(COLOURS, keypoints.tolist(), strict=True):
        if seen:
            top, left = max(0, round(y) - radius), max(0, round(x) - radius)
            pixels[top : round(y) + radius + 1, left : round(x) + radius + 1] = colour
    return Image.fromarray(pixels)


def jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, subsampling=0)
    return file.getvalue()


class DotsConfig(Config):
    tolerance: int = 60


class Dots(PoseDetector):
    """Finds the dots of one person."""

    skeleton = "openpose18"
    calls = 0

    def __init__(self, config: DotsConfig) -> None:
        self.tolerance = config.tolerance

    def __call__(self, images: Tensor) -> list[Tensor]:
        type(self).calls += 1
        return [self._people(image.cpu().permute(1, 2, 0).numpy().astype(int)) for image in images]

    def _people(self, pixels: np.ndarray) -> Tensor:
        palette = np.concatenate([COLOURS, [GROUND]])
        away = np.abs(pixels[:, :, None] - palette).sum(-1)
        nearest = np.where(away.min(-1) < self.tolerance, away.argmin(-1), -1)
        joints = []
        for joint in range(18):
            y, x = np.nonzero(nearest == joint)
            # The median: at the edges of dots JPEG makes colours of other dots.
            joints.append((np.median(x), np.median(y), 1.0) if len(x) > 2 else (0.0, 0.0, 0.0))
        person = torch.tensor(joints).float()
        return person[None] if person[:, 2].any() else person.new_zeros(0, 18, 3)


@hookimpl
def posegen_detectors() -> list[DetectorSpec]:
    return [
        DetectorSpec(
            name="dots",
            summary="Finds people made of dots.",
            target="dots:Dots",
            config="dots:DotsConfig",
            contract=2,
        )
    ]
