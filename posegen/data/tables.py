"""The CSV files of the published layouts: keypoints of images, and pairs of images.

Each problem is one sentence with the file, the row (the line's number, the header being row 1) and
what to do. A bad row ends the reading or is left out: see `posegen.data.problems`.
"""

from __future__ import annotations

import csv
import json
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posegen.core.errors import DataError
from posegen.data.problems import Problems
from posegen.poses.layouts import OPENPOSE18

ANNOTATION_HEADER = "name:keypoints_y:keypoints_x"
PAIR_HEADER = "from,to"

BAD_ANNOTATION = "unreadable rows of keypoints"
TWICE = "images annotated twice"
OUTSIDE = "images with a joint outside"
BAD_PAIR = "unreadable rows of pairs"
NOT_ANNOTATED = "pairs of images without keypoints"
BAD_KEYPOINTS = "pairs of images whose row of keypoints is bad"
NOT_THERE = "pairs of missing images"

_JOINTS = len(OPENPOSE18)


class Annotations(NamedTuple):
    """The keypoints of all images.

    Attributes:
        names: the images' names.
        keypoints: (N, 18, 3) float32: x and y in pixels and visibility 1, or all three 0 for a
            missing joint.
    """

    names: list[str]
    keypoints: Tensor


def read_annotations(
    path: Path, size: tuple[int, int], crop: int, problems: Problems
) -> Annotations:
    """Read the keypoints of all images.

    Args:
        path: the CSV file.
        size: (H, W) of the images in pixels.
        crop: how many pixels a joint may lie beside the image, left and right.
        problems: told of rows that are malformed, of second rows of an image, and of joints that
            are not in their image.

    Raises:
        DataError: for a file that is missing or has another header.
    """
    rows: dict[str, int] = {}
    numbers = array("d")
    for row, line in _rows(path, ANNOTATION_HEADER, problems, BAD_ANNOTATION):
        where = f"{path}, row {row}"
        try:
            name, values = _annotation(line, where)
        except DataError as error:
            problems.add(BAD_ANNOTATION, str(error))
            problems.bad_rows[line.partition(":")[0].strip()] = row
            continue
        if name in rows:
            problems.add(
                TWICE,
                f"{where}: {name!r} is annotated a second time, after row {rows[name]}; delete one "
                "of the two rows.",
            )
            continue
        rows[name] = row
        numbers += values
    y, x = np.array(numbers).reshape(-1, 2, _JOINTS).swapaxes(0, 1)
    missing = (y == -1) | (x == -1)
    good = _inside(x, y, missing, size, crop, path, list(rows.values()), problems)
    problems.bad_rows |= {
        name: row for (name, row), inside in zip(rows.items(), good, strict=True) if not inside
    }
    keypoints = np.stack([x, y, np.ones_like(x)], axis=-1)
    keypoints[missing] = 0
    names = [name for name, inside in zip(rows, good, strict=True) if inside]
    return Annotations(names, torch.from_numpy(keypoints[good].astype(np.float32)))


def read_pairs(
    path: Path,
    annotations: Path,
    names: Sequence[str],
    folder: Path,
    files: Collection[str],
    problems: Problems,
) -> Tensor:
    """Read the pairs.

    Args:
        path: the CSV file.
        annotations: the file that `names` are from, for messages.
        names: the annotated images.
        folder: where the images are, for messages.
        files: the names of all files in it.
        problems: told of rows that are malformed, and of images that are not annotated or not
            there.

    Returns:
        (P, 2) int32: for each pair the places of its images in `names`, source first.

    Raises:
        DataError: for a file that is missing, has another header, or has no usable pair.
    """
    rows = list(_rows(path, PAIR_HEADER, problems, BAD_PAIR))
    usable = {name: place for place, name in enumerate(names) if name in files}
    annotated = frozenset(names)
    places = _plain_pairs([line for _, line in rows], usable)
    if places is None:
        places = array("i")
        for row, line in rows:
            pair = next(csv.reader([line]))
            problem = _pair_problem(pair, annotated, usable, annotations, folder, problems.bad_rows)
            if problem:
                problems.add(problem[0], f"{path}, row {row}: {problem[1]}")
            else:
                places.extend(usable[field.strip()] for field in pair)
    if not places:
        usable_one = "usable " if rows else ""
        raise DataError(f"{path}: holds no {usable_one}pair below its header; add one at least.")
    return torch.from_numpy(np.array(places, dtype=np.int32).reshape(-1, 2))


def _plain_pairs(lines: Sequence[str], usable: dict[str, int]) -> array[int] | None:
    """Read pairs at once where all is well: a tenth of the time; else None."""
    if all(line.count(",") == 1 for line in lines):
        found = list(map(usable.get, ",".join(lines).split(","))) if lines else []
        if None not in found:
            return array("i", found)  # type: ignore[arg-type]
    return None


def _pair_problem(
    pair: list[str],
    annotated: Collection[str],
    usable: dict[str, int],
    annotations: Path,
    folder: Path,
    bad_rows: Mapping[str, int],
) -> tuple[str, str] | None:
    """Return the kind and the sentence of what is wrong with a pair, or None."""
    if len(pair) != 2:
        return (
            BAD_PAIR,
            f"has {len(pair)} fields between commas, not 2; write {PAIR_HEADER!r}.",
        )
    for name in (field.strip() for field in pair):
        if name in usable:
            continue
        if name in annotated:
            return (
                NOT_THERE,
                f"{folder / name} is not there; put the image there, or delete the pair.",
            )
        if name in bad_rows:
            return (
                BAD_KEYPOINTS,
                f"the keypoints of {name!r} cannot be used; mend row {bad_rows[name]} of "
                f"{annotations.name}, or delete the pair.",
            )
        return (
            NOT_ANNOTATED,
            f"{name!r} has no row in {annotations.name}; annotate the image, or delete the pair.",
        )
    return None


def _rows(path: Path, header: str, problems: Problems, kind: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, line) of all lines below the header that are not blank."""
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; put it there, or give another folder.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); replace it.") from error
    try:
        first = lines[0].decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}, row 1: cannot be read as UTF-8 text ({error.reason}); save the file as UTF-8."
        ) from None
    if "".join(first.split()) != header:
        raise DataError(
            f"{path}, row 1: the header is {first.strip()[:60]!r}; it must be {header!r}."
        )
    for row, line in enumerate(lines[1:], start=2):
        try:
            text = line.decode().strip()
        except UnicodeDecodeError as error:
            problems.add(
                kind,
                f"{path}, row {row}: cannot be read as UTF-8 text ({error.reason}); write it anew.",
            )
            continue
        if text:
            yield row, text


def _annotation(line: str, where: str) -> tuple[str, array[float]]:
    """Return the name, and 36 numbers: y of all joints, then x.

    Raises:
        DataError: saying what is wrong with the row.
    """
    fields = line.split(":")
    if len(fields) != 3:
        raise DataError(
            f"{where}: has {len(fields)} fields between colons, not 3; write {ANNOTATION_HEADER!r}."
        )
    name = fields[0].strip()
    if not name or "/" in name or "\\" in name:
        raise DataError(
            f"{where}: {name!r} is not the name of a file in the folder of the images; write the "
            "name without any path."
        )
    return name, _parse(fields[1], "keypoints_y", where) + _parse(fields[2], "keypoints_x", where)


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


def _inside(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    missing: NDArray[np.bool_],
    size: tuple[int, int],
    crop: int,
    path: Path,
    rows: Sequence[int],
    problems: Problems,
) -> NDArray[np.bool_]:
    """Return which images have all their joints inside, and tell of the others."""
    height, width = size
    inside = (y >= -0.5) & (y < height - 0.5)  # the complement is asked for: NaN is not inside
    inside &= (x >= -0.5 - crop) & (x < width - 0.5 + crop)
    wrong = ~(inside | missing)
    good: NDArray[np.bool_] = np.logical_not(wrong.any(axis=1))
    for place in np.flatnonzero(~good).tolist():
        joint = int(wrong[place].argmax())
        problems.add(
            OUTSIDE,
            f"{path}, row {rows[place]}: joint {joint} ({OPENPOSE18.joints[joint]}) at "
            f"y={y[place, joint]:g}, x={x[place, joint]:g} is outside an image of height {height} "
            f"and width {width}; correct the row (y comes first), or give the size that the "
            "keypoints were found in with `--set data.image_size=[H,W]`.",
        )
    return good
