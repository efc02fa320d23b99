"""The CSV files of the published layouts: keypoints of images, and pairs of images.

Each error is one sentence with the file, the row (the line's number, the header being row 1) and
what to do.
"""

from __future__ import annotations

import csv
import json
from array import array
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posegen.core.errors import DataError
from posegen.poses.layouts import OPENPOSE18

ANNOTATION_HEADER = "name:keypoints_y:keypoints_x"
PAIR_HEADER = "from,to"

_JOINTS = len(OPENPOSE18)


def read_annotations(path: Path, size: tuple[int, int], crop: int) -> tuple[list[str], Tensor]:
    """Read the keypoints of all images.

    Args:
        path: the CSV file.
        size: (H, W) of the images in pixels.
        crop: how many pixels a joint may lie beside the image, left and right.

    Returns:
        The images' names, and their keypoints: (N, 18, 3) float32, x and y in pixels and visibility
        1, or all three 0 for a missing joint.

    Raises:
        DataError: for a file that is missing or malformed, or a joint that is not in its image.
    """
    rows: dict[str, int] = {}
    numbers = array("d")
    for row, line in _rows(path, ANNOTATION_HEADER):
        where = f"{path}, row {row}"
        fields = line.split(":")
        if len(fields) != 3:
            raise DataError(
                f"{where}: has {len(fields)} fields between colons, not 3; write "
                f"{ANNOTATION_HEADER!r}."
            )
        name = fields[0].strip()
        if name in rows:
            raise DataError(
                f"{where}: {name!r} is annotated a second time, after row {rows[name]}; delete one "
                "of the two rows."
            )
        rows[name] = row
        numbers += _parse(fields[1], "keypoints_y", where)
        numbers += _parse(fields[2], "keypoints_x", where)
    y, x = np.array(numbers).reshape(-1, 2, _JOINTS).swapaxes(0, 1)
    missing = (y == -1) | (x == -1)
    _check_inside(x, y, missing, size, crop, path, list(rows.values()))
    keypoints = np.stack([x, y, np.ones_like(x)], axis=-1)
    keypoints[missing] = 0
    return list(rows), torch.from_numpy(keypoints.astype(np.float32))


def read_pairs(
    path: Path, annotations: Path, names: Sequence[str], folder: Path, files: Collection[str]
) -> Tensor:
    """Read the pairs.

    Args:
        path: the CSV file.
        annotations: the file that `names` are from, for messages.
        names: the annotated images.
        folder: where the images are, for messages.
        files: the names of all files in it.

    Returns:
        (P, 2) int32: for each pair the places of its images in `names`, source first.

    Raises:
        DataError: for a file that is missing or malformed, or an image that is not annotated or
            not there.
    """
    usable = {name: place for place, name in enumerate(names) if name in files}
    places = array("i")
    for row, line in _rows(path, PAIR_HEADER):
        pair = next(csv.reader([line])) if '"' in line else line.split(",")  # split is faster
        if len(pair) != 2:
            raise DataError(
                f"{path}, row {row}: has {len(pair)} fields between commas, not 2; write "
                f"{PAIR_HEADER!r}."
            )
        for field in pair:
            name = field.strip()
            place = usable.get(name)
            if place is None:
                if name in names:
                    problem = f"{folder / name} is not there; put the image there"
                else:
                    problem = f"{name!r} has no row in {annotations.name}; annotate the image"
                raise DataError(f"{path}, row {row}: {problem}, or delete the pair.")
            places.append(place)
    if not places:
        raise DataError(f"{path}: holds no pair below its header; add one at least.")
    return torch.from_numpy(np.array(places).reshape(-1, 2))


def _rows(path: Path, header: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, line) of all lines below the header that are not blank."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; put it there, or give another folder.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({error}); replace it.") from error
    if "".join(lines[0].split()) != header:
        raise DataError(
            f"{path}, row 1: the header is {lines[0].strip()[:60]!r}; it must be {header!r}."
        )
    yield from ((row, line) for row, line in enumerate(lines[1:], start=2) if line.strip())


def _parse(text: str, field: str, where: str) -> array[float]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    shown = text.strip()[:40]
    if not isinstance(values, list):
        raise DataError(
            f"{where}: {field} is not a JSON list ({shown!r}); write {_JOINTS} numbers in square "
            "brackets, -1 for a missing joint."
        )
    if len(values) != _JOINTS:
        raise DataError(
            f"{where}: {field} has {len(values)} numbers, not {_JOINTS}; write one for each joint, "
            "-1 for a missing one."
        )
    try:
        return array("d", values)
    except (TypeError, OverflowError):
        raise DataError(
            f"{where}: {field} holds what is not a number ({shown!r}); write numbers only, -1 for "
            "a missing joint."
        ) from None


def _check_inside(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    missing: NDArray[np.bool_],
    size: tuple[int, int],
    crop: int,
    path: Path,
    rows: Sequence[int],
) -> None:
    height, width = size
    inside = (y >= -0.5) & (y < height - 0.5)  # the complement is asked for: NaN is not inside
    inside &= (x >= -0.5 - crop) & (x < width - 0.5 + crop)
    outside = np.argwhere(~(inside | missing))
    if len(outside):
        place, joint = outside[0]
        raise DataError(
            f"{path}, row {rows[place]}: joint {joint} ({OPENPOSE18.joints[joint]}) at "
            f"y={y[place, joint]:g}, x={x[place, joint]:g} is outside an image of height {height} "
            f"and width {width}; correct the row (y comes first), or give the size that the "
            "keypoints were found in with `--set data.image_size=[H,W]`."
        )
