"""A split in a published layout: its folder of images, and its CSV files of keypoints and pairs.

Each problem is one sentence with the file, the row (the line's number, the header being row 1) and
what to do. A bad row ends the reading or is left out: see `posegen.data.problems`.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from posegen.core.errors import DataError
from posegen.core.files import read_regular
from posegen.core.skeletons import OPENPOSE18
from posegen.core.texts import LIMIT, one_form, parse_rows
from posegen.data.config import PublishedConfig, Split
from posegen.data.image_files import first_size
from posegen.data.problems import Problems
from posegen.poses.formats.published import ANNOTATION_HEADER, parse_row

PAIR_HEADER = "from,to"

BAD_ANNOTATION = "unreadable rows of keypoints"
TWICE = "images annotated twice"
OUTSIDE = "images with a joint outside"
BAD_PAIR = "unreadable rows of pairs"
NOT_ANNOTATED = "pairs of images without usable keypoints"
NOT_THERE = "pairs of missing images"


class SplitTables(NamedTuple):
    """A split as its files have it: only images that have a pair.

    Attributes:
        folder: where the images are.
        image_size: (H, W) of each.
        names: of their files.
        keypoints: (N, 18, 3), see `read_annotations`.
        pairs: (P, 2) int32, places in `names`.
    """

    folder: Path
    image_size: tuple[int, int]
    names: list[str]
    keypoints: Tensor
    pairs: Tensor


def read_split(config: PublishedConfig, split: Split, problems: Problems) -> SplitTables:
    """Read the CSV files of a split, and look for its pictures.

    Raises:
        DataError: for a file or folder that is missing, or has another header.
    """
    annotations, pairs = config.annotations(split), config.pairs(split)
    if not config.root.is_dir():
        raise DataError(f"{config.root}: no such folder; give the one that holds {pairs.name}.")
    folder = image_folder(config, split)
    files = set(os.listdir(folder))  # one listing, not a look-up for each image
    size = config.image_size or first_size(folder, files)
    names, keypoints = read_annotations(annotations, size, config.crop, problems)
    if other := other_frame(keypoints, size):
        raise DataError(f"{annotations}: {other}")
    places = read_pairs(pairs, annotations, names, folder, files, problems)
    used, places = torch.unique(places, return_inverse=True)
    names = as_filed([names[place] for place in used.tolist()], files)
    return SplitTables(folder, size, names, keypoints[used.long()], places.int())


def as_filed(names: Iterable[str], files: Iterable[str]) -> list[str]:
    """Return the names of images as their files are named; one without a file stays as it is."""
    filed = {one_form(file): file for file in sorted(files)}
    return [filed.get(name, name) for name in names]


def has_pairs(config: PublishedConfig, split: Split) -> bool:
    """Return whether there is a file of a split's pairs, with more than a header."""
    try:
        with config.pairs(split).open("rb") as file:
            return bool(file.readline() and file.read(1024).strip())
    except OSError:
        return False


def image_folder(config: PublishedConfig, split: Split) -> Path:
    """Return the folder of a split's pictures, or raise DataError."""
    folders = config.image_folders(split)
    for folder in folders:
        if folder.is_dir():
            return folder
    raise DataError(
        f"{folders[0]}: no such folder, nor {folders[1]}; put the images of the {split} split into "
        "one of them."
    )


def read_annotations(
    path: Path, size: tuple[int, int], crop: int, problems: Problems
) -> tuple[list[str], Tensor]:
    """Read the keypoints of all images.

    Args:
        path: the CSV file.
        size: (H, W) of the images in pixels.
        crop: how many pixels a joint may lie beside the image, left and right.
        problems: told of bad rows.

    Returns:
        The images' names in the form that names are compared in (`one_form`), and their keypoints
        (N, 18, 3) float32: x and y in pixels and visibility 1, or all three 0 for a missing joint.

    Raises:
        DataError: for a file that is missing or has another header.
    """
    rows: dict[str, int] = {}
    numbers = array("d")
    for row, line in _rows(path, ANNOTATION_HEADER, problems, BAD_ANNOTATION):
        where = f"{path}, row {row}"
        try:
            name, *axes = parse_row(line, where)
        except DataError as error:
            problems.add(BAD_ANNOTATION, str(error))
            continue
        name = one_form(name)
        if name in rows:
            says = f"{name!r} is annotated a second time, after row {rows[name]}; delete one of the"
            problems.add(TWICE, f"{where}: {says} two rows.")
            continue
        rows[name] = row
        numbers += axes[0] + axes[1]
    names = list(rows)
    y, x = np.array(numbers).reshape(-1, 2, len(OPENPOSE18)).swapaxes(0, 1)
    height, width = size
    seen = (y != -1) & (x != -1)
    inside = (y >= -0.5) & (y < height - 0.5)  # the complement is asked for: NaN is not inside
    inside &= (x >= -0.5 - crop) & (x < width - 0.5 + crop)
    wrong = seen & ~inside
    for place in np.flatnonzero(wrong.any(axis=1)).tolist():
        joint = int(wrong[place].argmax())
        problems.add(
            OUTSIDE,
            f"{path}, row {rows[names[place]]}: joint {joint} ({OPENPOSE18.joints[joint]}) at "
            f"y={y[place, joint]:g}, x={x[place, joint]:g} is outside an image of height {height} "
            f"and width {width}; correct the row (y comes first), or give the size that the "
            "keypoints were found in with `--set data.image_size=[H,W]`.",
        )
    keypoints = np.stack([x, y, seen], axis=-1)
    keypoints[~seen] = 0
    good = ~wrong.any(axis=1)
    names = [name for name, usable in zip(names, good, strict=True) if usable]
    return names, torch.from_numpy(keypoints[good].astype(np.float32))


#: The parts of published pictures: 256 columns, of which 40 on either side were cut off.
_WHOLE, _CUT = 256, 176
#: From how many poses on their extent tells the width of the pictures they were found in.
_ENOUGH = 20


def other_frame(keypoints: Tensor, size: tuple[int, int]) -> str | None:
    """Say where keypoints were found in pictures that were cut off at the sides, and these are not.

    DeepFashion's pictures are shared 256 and 176 columns wide, and annotations made for one width
    lie 40 columns beside in the other. Found by the extent of all poses: people who stand in the
    middle of a frame of 176 columns, fill its height, and never reach beyond it.

    Args:
        keypoints: (N, 18, 3), of a split.
        size: (H, W) of its pictures.

    Returns:
        What is wrong and what to do; None where nothing is.
    """
    height, width = size
    seen = keypoints[..., 2] > 0
    if height != width or int(seen.any(dim=1).sum()) < _ENOUGH:
        return None
    poses = keypoints[seen.any(dim=1)]
    x, y = (poses[..., axis].masked_fill(poses[..., 2] == 0, torch.nan) for axis in (0, 1))
    scale = width / _WHOLE
    low, high = torch.nanquantile(x, torch.tensor([0.01, 0.999])).tolist()
    centre = torch.nanmedian(torch.nanmean(x, dim=1)).item()
    tall = torch.nanmedian(torch.nan_to_num(y, -1.0).amax(1) - torch.nan_to_num(y, 1e9).amin(1))
    inside = low >= -1 and 0.7 * _CUT * scale <= high <= _CUT * scale
    if not (inside and abs(centre - _CUT / 2 * scale) < 12 * scale and tall > 0.5 * height):
        return None
    return (
        f"its keypoints reach from column {low:.0f} to {high:.0f} around {centre:.0f}, as "
        f"in pictures {_CUT * scale:.0f} columns wide, and the pictures have {width}: it was made "
        f"after {40 * scale:.0f} columns were cut off at each side. Cut the pictures likewise "
        "(`posegen data prepare deepfashion` does), or take the annotations of the whole pictures."
    )


def read_pairs(
    path: Path,
    annotations: Path,
    names: Sequence[str],
    folder: Path,
    files: Collection[str],
    problems: Problems,
) -> Tensor:
    """Read the pairs of images that are annotated and there (`files` of `folder`).

    `names` are those of `read_annotations`.

    Returns:
        (P, 2) int32: for each pair the places of its images in `names`, source first.

    Raises:
        DataError: for a file that is missing, has another header, or has no usable pair.
    """
    annotated = {name: place for place, name in enumerate(names)}
    there = set(map(one_form, files))
    usable = {name: place for name, place in annotated.items() if name in there}
    places = array("i")
    for row, line in _rows(path, PAIR_HEADER, problems, BAD_PAIR):
        fields = pair_fields(one_form(line))
        where = f"{path}, row {row}"
        if len(fields) != 2:
            says = f"has {len(fields)} fields between commas, not 2; write {PAIR_HEADER!r}."
            problems.add(BAD_PAIR, f"{where}: {says}")
        elif fields[0] in usable and fields[1] in usable:
            places.extend((usable[fields[0]], usable[fields[1]]))
        else:
            bad = next(name for name in fields if name not in usable)
            if base_name(bad) in annotated and base_name(bad) != bad:
                says = f"{bad!r}: names are without folders; write {base_name(bad)!r}."
                problems.add(NOT_ANNOTATED, f"{where}: {says}")
            elif bad in annotated:
                says = f"{folder / bad} is not there; put the image there, or delete the pair."
                problems.add(NOT_THERE, f"{where}: {says}")
            else:
                says = f"{bad!r} has no usable row in {annotations.name}; annotate the image, or"
                problems.add(NOT_ANNOTATED, f"{where}: {says} delete the pair.")
    if not places:
        raise DataError(f"{path}: holds no usable pair below its header; add one at least.")
    return torch.from_numpy(np.array(places, dtype=np.int32).reshape(-1, 2))


def base_name(name: str) -> str:
    """Return a name without folders, whichever system wrote it."""
    return name.replace("\\", "/").rpartition("/")[2]


def pair_fields(line: str) -> list[str]:
    """Return the names in a line of pairs; one with a comma is in quotes."""
    if '"' not in line:  # the csv module takes four times as long
        return [field.strip() for field in line.split(",")]
    try:
        (fields,) = parse_rows([line.replace("\r", " ")], skipinitialspace=True)
    except ValueError:
        return [line]  # a field without an end; no pair, as its row's message says
    return [field.strip() for field in fields]


def _rows(path: Path, header: str, problems: Problems, kind: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, line) of all lines below the header that are not blank."""
    try:
        lines = read_regular(path, LIMIT).decode("utf-8-sig", "replace").split("\n")
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise DataError(f"{path}: {reason}; put the file there, or give another folder.") from None
    if "".join(lines[0].split()) != header:
        shown = lines[0].strip()[:60]
        raise DataError(f"{path}, row 1: the header is {shown!r}; it must be {header!r}.")
    for row, line in enumerate(lines[1:], start=2):
        text = line.strip()
        if "\ufffd" in text:
            problems.add(
                kind, f"{path}, row {row}: cannot be read as UTF-8 text; save the file as UTF-8."
            )
        elif text:
            yield row, text
