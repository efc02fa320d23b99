"""Keypoints of the target pictures of a folder of results, from a published CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from posegen.core.errors import DataError
from posegen.data.config import DeepFashionConfig
from posegen.data.problems import Problems
from posegen.data.tables import read_annotations
from posegen.evaluation.results.names import plain, stem

#: No joint is outside a picture of this side: only the pictures that are named are checked.
_ANYWHERE = 1 << 20
#: How far a joint may lie beside a picture: DeepFashion's were found before its columns were cut.
_BESIDE = DeepFashionConfig.crop


def keypoints_of(names: Sequence[str], path: Path, size: tuple[int, int]) -> Tensor:
    """Return the keypoints of pictures.

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
    size_of_any = (_ANYWHERE, _ANYWHERE)
    annotated, keypoints = read_annotations(path, size_of_any, _BESIDE, Problems(collect=False))
    rows = {form(name): row for form in (plain, stem, str) for row, name in enumerate(annotated)}
    places = []
    for name in names:
        row = next((rows[key] for key in (name, stem(name), plain(name)) if key in rows), None)
        if row is None:
            raise DataError(f"--annotations {path}: has no row for {name!r}; add one.")
        places.append(row)
    chosen = keypoints[torch.tensor(places)]
    limits = torch.tensor([size[1] - 0.5 + _BESIDE, size[0] - 0.5])
    outside = (chosen[..., :2] >= limits).any(-1) & (chosen[..., 2] > 0)
    if bool(outside.any()):
        name, shown = names[int(outside.any(-1).nonzero()[0])], "{}×{}".format(*size)
        raise DataError(
            f"--annotations {path}: a joint of {name!r} is outside its picture, which is {shown} "
            "(height×width); give the keypoints of pictures of this size."
        )
    return chosen
