"""Keypoints of pictures from a CSV file in the published format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from posegen.core.errors import DataError
from posegen.data.config import DeepFashionConfig
from posegen.data.problems import Problems
from posegen.data.tables import read_annotations
from posegen.evaluation.results.files import plain

#: No joint is outside a picture of this side: pictures are not known yet when a file is read.
_ANYWHERE = (1 << 20, 1 << 20)
#: How far a joint may lie beside a picture: DeepFashion's were found before its columns were cut.
_BESIDE = DeepFashionConfig.crop


def read_keypoints(path: Path, beside: int = 0) -> tuple[list[str], Tensor]:
    """Read a file with the header `name:keypoints_y:keypoints_x`.

    Args:
        path: 18 numbers each in the order of openpose18, -1 for a missing joint.
        beside: how many pixels a joint may lie to the left of a picture.

    Returns:
        The names, and (N, 18, 3) float32 as in `posegen.core.Pair`.

    Raises:
        DataError: for a file that is missing or malformed.
    """
    return read_annotations(path, _ANYWHERE, beside, Problems(collect=False))


def check_inside(
    keypoints: Tensor, size: tuple[int, int], names: Sequence[str], where: str, beside: int = 0
) -> None:
    """Refuse keypoints (N, 18, 3) of pictures of (H, W) with a joint right of or below them.

    Raises:
        DataError: naming the first picture.
    """
    limits = torch.tensor([size[1] - 0.5 + beside, size[0] - 0.5])
    outside = ((keypoints[..., :2] >= limits).any(-1) & (keypoints[..., 2] > 0)).any(-1)
    if bool(outside.any()):
        name = names[int(outside.nonzero()[0])]
        raise DataError(
            f"{where}: a joint of {name!r} is outside its picture, which is {size[0]}×{size[1]} "
            "(height×width); give the keypoints of pictures of this size."
        )


def keypoints_of(names: Sequence[str], path: Path, size: tuple[int, int]) -> Tensor:
    """Return the keypoints of the target pictures of results.

    Args:
        names: the pictures, as results name them: with or without extension, and in any of the
            published ways of flattening a folder's name.
        path: the CSV file.
        size: (H, W) of the pictures in pixels.

    Returns:
        (N, 18, 3) float32 as in `posegen.core.Pair`.

    Raises:
        DataError: for a file that is missing or malformed, a picture that has no row, or a joint
            that is outside a picture.
    """
    annotated, keypoints = read_keypoints(path, _BESIDE)
    rows = {plain(name): row for row, name in enumerate(annotated)}
    for name in names:
        if plain(name) not in rows:
            raise DataError(f"--annotations {path}: has no row for {name!r}; add one.")
    chosen = keypoints[[rows[plain(name)] for name in names]]
    check_inside(chosen, size, names, f"--annotations {path}", _BESIDE)
    return chosen
