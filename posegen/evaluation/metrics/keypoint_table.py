"""Keypoints of generated pictures from a CSV file in the published format."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from posegen.core.errors import DataError
from posegen.data.problems import Problems
from posegen.data.tables import read_annotations
from posegen.evaluation.metrics.names import key_of, pair_key

#: No joint is outside a picture of this side: pictures are not known yet when the file is read.
_ANYWHERE = 1 << 20


class KeypointTable:
    """The rows of a file, found by the names of a pair.

    The picture of the pair (A, B) may be named `A___B_vis.png`, as PATN's test.py writes it and its
    tool/crop_*.py leaves it, `A___B` or `A_2_B_vis`, with or without the extensions of A, of B and
    of the picture itself: see `posegen.evaluation.metrics.names`.

    Args:
        path: a CSV file with the header `name:keypoints_y:keypoints_x`: 18 numbers each in the
            order of openpose18, -1 for a missing joint, in pixels of the pictures that are scored.

    Raises:
        DataError: for a file that is missing or malformed, or two rows for one pair.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser()
        names, self.keypoints = read_annotations(
            self.path, (_ANYWHERE, _ANYWHERE), 0, Problems(collect=False)
        )
        self.rows: dict[tuple[str, str], int] = {}
        for row, name in enumerate(names):
            other = self.rows.setdefault(pair_key(name), row)
            if other != row:
                raise DataError(
                    f"{path}: {names[other]!r} and {name!r} are of one pair; delete one of the "
                    "two rows."
                )

    def of_pair(self, source: str, target: str, size: tuple[int, int]) -> Tensor:
        """Return the keypoints of a pair's generated picture: (18, 3) as in `posegen.core.Pair`.

        Args:
            source, target: the pair's names.
            size: (H, W) of the picture in pixels.

        Raises:
            DataError: where there is no row for the pair, or a joint outside the picture.
        """
        name, row = f"{source}___{target}", self.rows.get(key_of(source, target))
        if row is None:
            raise DataError(
                f"{self.path}: has no row for the pair {name}; add it, with -1 for all 18 joints "
                "where no person was found."
            )
        keypoints = self.keypoints[row]
        limits = torch.tensor([size[1] - 0.5, size[0] - 0.5])
        if bool(((keypoints[:, :2] >= limits).any(-1) & (keypoints[:, 2] > 0)).any()):
            raise DataError(
                f"{self.path}: a joint of {name} is outside its picture, which is "
                f"{size[0]}×{size[1]} (height×width); give keypoints of pictures of this size."
            )
        return keypoints
