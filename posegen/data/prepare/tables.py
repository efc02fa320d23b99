"""The CSV files of a prepared split: taken from published ones, or made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from torch import Tensor

from posegen.data.config import Split
from posegen.data.files import put, put_lines, read_lines
from posegen.data.finder import PeopleFinder
from posegen.data.pairs import TEST_PAIRS, make_pairs, thinned, valid_poses
from posegen.data.pictures import in_threads, read_picture
from posegen.data.prepare.recipes import Recipe
from posegen.data.problems import Problems
from posegen.data.tables import ANNOTATION_HEADER, PAIR_HEADER, Annotations, read_annotations
from posegen.poses.formats.published import AnnotationWriter, annotation_row


def take_keypoints(given: Path, out: Path, recipe: Recipe, names: Mapping[str, Split]) -> None:
    """Write the keypoints of a published file: as it is, or those of the names for the new size.

    Args:
        given: the published file.
        out: the new file.
        recipe: says whether the file fits as it is, and how keypoints move.
        names: the names of the split.

    Raises:
        DataError: where the file is not as it should be.
    """
    if recipe.faithful:
        put(out, given.read_bytes())
        return
    if recipe.size == recipe.published_size:
        rows = [line for line in read_lines(given)[1:] if line.partition(":")[0].strip() in names]
        put_lines(out, [ANNOTATION_HEADER, *rows])
        return
    crop = recipe.config.crop
    table = read_annotations(given, recipe.published_size, crop, Problems(collect=False))
    moved = zip(table.names, recipe.move(table.keypoints), strict=True)
    rows = [annotation_row(name, points, recipe.size) for name, points in moved if name in names]
    put_lines(out, [ANNOTATION_HEADER, *rows])


def find_keypoints(
    out: Path,
    folder: Path,
    names: Sequence[str],
    size: tuple[int, int],
    finder: PeopleFinder,
    batch_size: int,
    progress: Callable[[int, int], None],
) -> None:
    """Write the keypoints that a detector finds, sorted by name.

    A row is on the disk as soon as it is found, in a file of its own name that another call goes on
    with.

    Args:
        out: the new file; where it is complete, nothing happens.
        folder: where the pictures are.
        names: the pictures.
        size: (H, W) of each.
        finder: finds them; of several people the best one is taken.
        batch_size: pictures at once.
        progress: called with (pictures done, pictures).
    """
    partial = out.with_name(f"{out.name}.partial")
    if out.exists():
        annotated = {line.partition(":")[0] for line in read_lines(out)[1:]}
        if annotated == set(names):
            return
        out.replace(partial)  # more pictures came: the found ones need not be searched again
    with AnnotationWriter(partial, resume=True) as writer:
        left = [name for name in names if name not in writer.names]
        done = len(names) - len(left)
        read = in_threads(lambda name: (name, read_picture(folder / name, size)), left)
        for batch in _batches(read, batch_size):
            poses = finder.best([picture for _, picture in batch])
            for (name, _), pose in zip(batch, poses, strict=True):
                writer.add(name, pose, size)
            done += len(batch)
            progress(done, len(names))
    rows = {line.partition(":")[0]: line for line in read_lines(partial)[1:]}
    put_lines(out, [ANNOTATION_HEADER, *(rows[name] for name in sorted(names))])
    partial.unlink()


def _batches(items: Iterator[tuple[str, Tensor]], size: int) -> Iterator[list[tuple[str, Tensor]]]:
    while batch := list(islice(items, size)):
        yield batch


def take_pairs(given: Path, out: Path, recipe: Recipe, names: Mapping[str, Split]) -> None:
    """Write the pairs of a published file: as it is, or those whose images are both in `names`."""
    if recipe.faithful:
        put(out, given.read_bytes())
        return
    rows = [[field.strip() for field in line.split(",")] for line in read_lines(given)[1:]]
    kept = [",".join(row) for row in rows if all(name in names for name in row)]
    put_lines(out, [PAIR_HEADER, *kept])


def pair_up(out: Path, table: Annotations, recipe: Recipe, split: Split) -> None:
    """Write all pairs of pictures with valid poses, by the published rule."""
    outfit = recipe.config.naming.outfit
    pairs = make_pairs(table.names, valid_poses(table.keypoints).tolist(), outfit)
    if split == "test":
        pairs = thinned(pairs, TEST_PAIRS)
    put_lines(out, [PAIR_HEADER, *(f"{source},{target}" for source, target in pairs)])
