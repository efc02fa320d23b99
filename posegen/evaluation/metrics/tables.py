"""Keypoints of generated pictures from a file.

A row is found by its pair. The result of the pair (A, B) may be named `A___B_vis.png`, as PATN's
test.py writes it and its tool/crop_*.py leaves it, `A___B` or `A_2_B_vis`, with or without the
extensions of A, of B and of the picture itself; any other name is the target's, of results that do
not name their sources.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from posegen.core.batches import Batch
from posegen.core.errors import DataError
from posegen.evaluation.results.files import plain, stem
from posegen.evaluation.results.keypoints import check_inside, read_keypoints
from posegen.evaluation.results.layouts import LAYOUTS


def pair_keys(name: str) -> list[tuple[str, str]]:
    """Return source and target of a result's name, without endings, `/` and `_`.

    A name that can be read in several ways has several.

    >>> pair_keys("a.jpg___b/c.jpg_vis.png")
    [('a', 'bc')]
    """
    for layout in ("pairs", "gfla"):
        readings = LAYOUTS[layout].readings(stem(name))
        if readings:
            return [(plain(source), plain(target)) for source, target in readings]
    return [("", plain(name))]


class KeypointTable:
    """The keypoints of generated pictures, from a CSV file in the published format.

    Args:
        path: a file with the header `name:keypoints_y:keypoints_x`: 18 numbers each in the order of
            openpose18, -1 for a missing joint, in pixels of the pictures that are scored.

    Raises:
        DataError: for a file that is missing or malformed, or two rows for one pair.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser()
        names, self.keypoints = read_keypoints(self.path)
        self.rows: dict[tuple[str, str], int] = {}
        for row, name in enumerate(names):
            for key in pair_keys(name):
                if key in self.rows:
                    raise DataError(
                        f"{path}: {names[self.rows[key]]!r} and {name!r} are of one pair; delete "
                        "one of the two rows."
                    )
                self.rows[key] = row

    def __call__(self, batch: Batch) -> Tensor:
        """Return the keypoints of a batch's generated pictures: (B, 18, 3).

        Raises:
            DataError: where they are copies of the sources, a pair has no row, or a joint is
                outside its picture.
        """
        source = batch.get("source")
        if source is not None and torch.equal(source, batch.generated):
            raise DataError(
                f"{self.path}: has the keypoints of the results, not of the copied sources; "
                "`--set pckh.detector=NAME` detects those of any image."
            )
        if len(batch.target_names) != len(batch):
            raise DataError(
                f"{self.path}: its rows are found by names, and these pairs have none; "
                "`--set pckh.detector=NAME` detects the keypoints of any image."
            )
        pairs = list(zip(batch.source_names, batch.target_names, strict=True))
        keys = [(plain(source), plain(target)) for source, target in pairs]
        shown = [f"{source}___{target}" for source, target in pairs]
        for key, name in zip(keys, shown, strict=True):
            if key not in self.rows:
                raise DataError(
                    f"{self.path}: has no row for the pair {name}; add it, with -1 for all 18 "
                    "joints where no person is seen."
                )
        keypoints = self.keypoints[[self.rows[key] for key in keys]]
        height, width = batch.generated.shape[-2:]
        check_inside(keypoints, (height, width), shown, str(self.path))
        return keypoints
