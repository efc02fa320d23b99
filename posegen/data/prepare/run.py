"""Prepares a data set: pictures, keypoints and pairs, each only where they are not there yet.

What is written depends on the download and the settings alone, so a job that was stopped goes on,
and one that is done changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from posegen.core.errors import ConfigError, DataError
from posegen.core.files import held
from posegen.data.config import SPLITS, Split
from posegen.data.files import check_new, put, put_lines, read_lines
from posegen.data.footage import Footage
from posegen.data.image_files import in_threads
from posegen.data.pairs import TEST_PAIRS, make_pairs, thinned, valid_poses
from posegen.data.pictures import is_picture
from posegen.data.posing import PeopleFinder, pose_by_detector
from posegen.data.prepare.downloads import Download
from posegen.data.prepare.recipes import Names, Plan, Recipe
from posegen.data.problems import Problems
from posegen.data.tables import PAIR_HEADER, pair_fields, read_annotations
from posegen.poses.formats.published import ANNOTATION_HEADER, AnnotationWriter, annotation_row

#: The file in a prepared folder that says how it was made.
RECORD = "prepare.json"

#: What is being done, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Request:
    """A data set to prepare.

    Attributes:
        raw: the download: a folder or an archive.
        recipe: what becomes of its files, and where.
        annotations: a folder with as many of the published CSV files and lists as there are.
        finder: finds the keypoints of splits that have no file of them.
        batch_size: pictures that the detector sees at once.
    """

    raw: Path
    recipe: Recipe
    annotations: Path | None = None
    finder: PeopleFinder | None = None
    batch_size: int = 16

    def given(self, name: str) -> Path | None:
        """Return the published file of that name, if it was given."""
        path = self.annotations / name if self.annotations else None
        return path if path and path.is_file() else None

    def folder(self, split: Split) -> Path:
        """Return where the pictures of a split are written."""
        return self.recipe.config.image_folders(split)[0]

    def pictures(self, split: Split) -> list[str]:
        """Return the names of the pictures that are written."""
        return sorted(f.name for f in self.folder(split).iterdir() if is_picture(f.name))


def prepare(request: Request, progress: Progress) -> dict[Split, dict[str, int]]:
    """Prepare a data set, or what is missing of it; return how much of what each split has.

    Raises:
        ConfigError: where the folder holds something else, or keypoints cannot be had.
        DataError: where the download or a CSV file is not as it should be, or pictures are missing
            in it.
    """
    _check_keypoints(request)
    raw = Download(request.raw)
    plan = request.recipe.plan(raw.paths, _published_split(request, raw))
    if not plan.places:
        raise DataError(
            f"{request.raw}: holds no picture in {request.recipe.pictures}, or none that is in the "
            "published split (train.lst and test.lst, or the CSV files of keypoints); give what "
            "the data set's authors publish, and the lists that belong to it."
        )
    root = request.recipe.config.root
    if not (root / RECORD).is_file():
        check_new(root)
    root.mkdir(parents=True, exist_ok=True)
    with held(root):
        _record(request)
        _write_pictures(request, raw, plan, progress)
        counts = {split: _write_tables(request, split, plan, progress) for split in SPLITS}
    missing = sorted(set(plan.names).difference(*map(request.pictures, SPLITS)))
    if missing:
        raise DataError(
            f"{request.raw}: lacks {len(missing)} of the {len(plan.names)} pictures of the data "
            f"set, for example the one of {missing[0]}; complete the download and run this again: "
            "what is done stays."
        )
    return counts


def _check_keypoints(request: Request) -> None:
    """Say so before hours of work if the keypoints of a split cannot be had."""
    if request.annotations and not request.annotations.is_dir():
        raise DataError(f"{request.annotations}: no such folder; give the one with the CSV files.")
    for split in SPLITS:
        name = request.recipe.config.annotations(split).name
        if not request.given(name) and not request.finder:
            raise ConfigError(
                f"the keypoints of the {split} split are missing: give the folder of {name} with "
                "`--annotations DIR`, or find them with `--detector NAME`."
            )


def _record(request: Request) -> None:
    """Write how the folder is made; refuse one that was made otherwise."""
    recipe, finder = request.recipe, request.finder
    given = request.annotations.iterdir() if request.annotations else ()
    record = {
        "dataset": type(recipe).__name__.lower(),
        **recipe.settings,
        "published_files": {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in given
            if file.suffix in (".csv", ".lst")
        },
        "detector": finder and {"name": finder.name, **finder.options},
    }
    text = json.dumps(record, indent=2, sort_keys=True) + "\n"
    path = recipe.config.root / RECORD
    if not path.is_file():
        check_new(path.parent)
        path.parent.mkdir(parents=True, exist_ok=True)
        put(path, text.encode())
    elif path.read_text(encoding="utf-8") != text:
        raise ConfigError(
            f"{path}: the folder was prepared with other options or files than these; give the "
            "same ones, or a new folder."
        )


def _published_split(request: Request, raw: Download) -> Names | None:
    """Read the published split: of `.lst` files, or else of the CSV files of keypoints."""
    lists: dict[str, Split] = {f"{split}.lst": split for split in SPLITS}
    inside = {path: lists[n] for path in raw.paths if (n := PurePosixPath(path).name) in lists}
    published = {
        inside[path]: set(content.decode(errors="replace").split())
        for path, content in raw.read(inside)
    }
    for name, split in lists.items():
        if given := request.given(name):
            published[split] = set(read_lines(given))
        elif table := request.given(request.recipe.config.annotations(split).name):
            published.setdefault(split, set(_names_in(table)))
    return published if len(published) == len(SPLITS) else None


def _write_pictures(request: Request, raw: Download, plan: Plan, progress: Progress) -> None:
    for split in SPLITS:
        request.folder(split).mkdir(parents=True, exist_ok=True)
    there = {(split, name) for split in SPLITS for name in request.pictures(split)}
    missing = {path: place for path, place in plan.places.items() if place not in there}

    def write(item: tuple[str, bytes]) -> None:
        path, content = item
        split, name = missing[path]
        put(request.folder(split) / name, request.recipe.convert(path, content))

    for done, _ in enumerate(in_threads(write, raw.read(missing)), start=1):
        progress("writing pictures", done, len(missing))


def _write_tables(request: Request, split: Split, plan: Plan, progress: Progress) -> dict[str, int]:
    """Write the keypoints and the pairs of a split, where they are not there."""
    recipe, config = request.recipe, request.recipe.config
    in_split = {name for name, own in plan.names.items() if own == split}
    annotations, pairs = config.annotations(split), config.pairs(split)
    given = request.given(annotations.name)
    if given is None:
        _find_keypoints(request, split, progress)
    elif not annotations.exists():
        _take_keypoints(given, annotations, recipe, in_split)
    names, keypoints = read_annotations(annotations, recipe.size, config.crop, Problems())
    valid = valid_poses(keypoints)
    given = request.given(pairs.name)
    if given is None:
        made = make_pairs(names, valid.tolist(), config.outfit)
        kept = thinned(made, TEST_PAIRS if split == "test" else None)
        put_lines(pairs, [PAIR_HEADER, *map(",".join, kept)])
    elif not pairs.exists():
        _take_pairs(given, pairs, recipe, in_split)
    return {
        "pictures": len(request.pictures(split)),
        "with keypoints": len(names),
        "with a valid pose": int(valid.sum()),
        "pairs": len(read_lines(pairs)) - 1,
        "pairs in the published files": config.published_pairs[split],
    }


def _names_in(path: Path) -> list[str]:
    """Return the names of the images that a CSV file has keypoints of."""
    return [line.partition(":")[0].strip() for line in read_lines(path)[1:]]


def _take_keypoints(given: Path, out: Path, recipe: Recipe, names: Collection[str]) -> None:
    """Write the keypoints of a published file: as it is, or those of the names for the new size."""
    if recipe.faithful:
        put(out, given.read_bytes())
        return
    published, keypoints = read_annotations(
        given, recipe.published_size, recipe.config.crop, Problems()
    )
    # At the published size joints beside the picture stay, as the publishers have them.
    size = None if recipe.size == recipe.published_size else recipe.size
    moved = zip(published, recipe.move(keypoints), strict=True)
    rows = [annotation_row(name, points, size) for name, points in moved if name in names]
    put_lines(out, [ANNOTATION_HEADER, *rows])


def _take_pairs(given: Path, out: Path, recipe: Recipe, names: Collection[str]) -> None:
    """Write the pairs of a published file: as it is, or those whose images are both in `names`."""
    if recipe.faithful:
        put(out, given.read_bytes())
        return
    rows = map(pair_fields, read_lines(given)[1:])
    kept = [",".join(row) for row in rows if all(name in names for name in row)]
    put_lines(out, [PAIR_HEADER, *kept])


def _find_keypoints(request: Request, split: Split, progress: Progress) -> None:
    """Write the keypoints that the detector finds, sorted by name, unless all are there.

    A row is on the disk as soon as it is found, in a file of its own name that another call goes on
    with.
    """
    assert request.finder is not None  # `_check_keypoints`
    out, names = request.recipe.config.annotations(split), request.pictures(split)
    unfinished = out.with_name(f"{out.name}.partial")
    if out.exists():
        if set(_names_in(out)) == set(names):
            return
        out.replace(unfinished)  # more pictures came; those that have a row keep it
    with AnnotationWriter(unfinished, resume=True) as writer:
        for posed in pose_by_detector(
            Footage(request.folder(split)),
            request.finder,
            leave_out=frozenset(writer.names),
            batch_size=request.batch_size,
        ):
            writer.add(posed.name, posed.keypoints, request.recipe.size)
            progress(f"finding keypoints of the {split} split", len(writer.names), len(names))
    rows = dict(zip(_names_in(unfinished), read_lines(unfinished)[1:], strict=True))
    put_lines(out, [ANNOTATION_HEADER, *(rows[name] for name in sorted(names))])
    unfinished.unlink()
