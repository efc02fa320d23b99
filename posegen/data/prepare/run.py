"""Prepares a data set: pictures, keypoints and pairs, each only where they are not there yet.

What is written depends on the download and the settings alone, so a job that was stopped goes on,
and one that is done changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posegen.core.errors import ConfigError, DataError
from posegen.data.config import Split
from posegen.data.files import put, read_lines
from posegen.data.finder import PeopleFinder
from posegen.data.pairs import valid_poses
from posegen.data.pictures import in_threads, is_picture
from posegen.data.prepare.recipes import Names, Plan, Recipe
from posegen.data.prepare.sources import Raw
from posegen.data.prepare.tables import find_keypoints, pair_up, take_keypoints, take_pairs
from posegen.data.problems import Problems
from posegen.data.tables import read_annotations

#: The file in a prepared folder that says how it was made.
RECORD = "prepare.json"

SPLITS: tuple[Split, ...] = ("train", "test")

#: What is being done, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class SplitCounts:
    """How much a prepared split has.

    Attributes:
        pictures: files of pictures.
        annotated: rows of keypoints; `valid` of them have a valid pose.
        pairs: pairs; the published file has `published`.
    """

    pictures: int
    annotated: int
    valid: int
    pairs: int
    published: int


@dataclass(frozen=True)
class Request:
    """A data set to prepare.

    Attributes:
        raw: the download: a folder or an archive.
        recipe: what becomes of its files, and where.
        annotations: a folder with published CSV files and lists; they are used where they are
            there.
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


def prepare(request: Request, progress: Progress) -> dict[Split, SplitCounts]:
    """Prepare a data set, or what is missing of it.

    Raises:
        ConfigError: where the folder holds something else, or keypoints cannot be had.
        DataError: where the download or a CSV file is not as it should be, or pictures are missing
            in it.
    """
    _check_keypoints(request)
    raw = Raw(request.raw)
    plan = request.recipe.plan(raw.paths, _published_split(request, raw))
    _check_pictures(request, plan)
    _record(request)
    _write_pictures(request, raw, plan, progress)
    counts = {split: _write_tables(request, split, plan, progress) for split in SPLITS}
    _check_complete(request, plan)
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


def _check_pictures(request: Request, plan: Plan) -> None:
    """Say so where the download has no picture, or none of the published split."""
    if plan.places:
        return
    if not plan.found:
        raise DataError(
            f"{request.raw}: holds no picture in {request.recipe.pictures}; give the folder or the "
            "archive that the data set's authors publish."
        )
    path, name = min(plan.found.items())
    raise DataError(
        f"{request.raw}: none of its {len(plan.found):,} pictures is in the published "
        "split (train.lst and test.lst, or the CSV files of keypoints); the first, "
        f"{path}, would be called {name} there; give the lists that belong to this download."
    )


def _record(request: Request) -> None:
    """Write how the folder is made; refuse one that was made otherwise."""
    out, finder = request.recipe.config.root, request.finder
    given = sorted(request.annotations.iterdir()) if request.annotations else []
    record: dict[str, Any] = {
        "dataset": type(request.recipe).__name__.lower(),
        **request.recipe.settings(),
        "published_files": {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in given
            if file.suffix in (".csv", ".lst")
        },
        "detector": finder and {"name": finder.name, **finder.options},
    }
    text = json.dumps(record, indent=2, sort_keys=True) + "\n"
    path = out / RECORD
    if path.is_file():
        if path.read_text(encoding="utf-8") != text:
            raise ConfigError(
                f"{path}: the folder was prepared with other options or files than these; give the "
                "same ones, or a new folder."
            )
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out}: exists and is not an empty folder; give the name of a new one.")
    else:
        out.mkdir(parents=True, exist_ok=True)
        put(path, text.encode())


def _published_split(request: Request, raw: Raw) -> Names | None:
    """Read the published split: of `.lst` files, or else of the CSV files of keypoints."""
    lists: dict[str, Split] = {f"{split}.lst": split for split in SPLITS}
    found: dict[Split, set[str]] = {}
    inside = {path: lists[n] for path in raw.paths if (n := path.rpartition("/")[2]) in lists}
    for path, content in raw.read(inside):
        found[inside[path]] = set(content.decode(errors="replace").split())
    for name, split in lists.items():
        if given := request.given(name):
            found[split] = set(read_lines(given))
    tables = {
        split: request.given(request.recipe.config.annotations(split).name) for split in SPLITS
    }
    if len(found) < len(SPLITS) and all(tables.values()):
        return {
            split: {line.partition(":")[0].strip() for line in read_lines(table)[1:]}
            for split, table in tables.items()
            if table
        }
    return found if len(found) == len(SPLITS) else None


def _folder(request: Request, split: Split) -> Path:
    return request.recipe.config.image_folders(split)[0]


def _pictures(request: Request, split: Split) -> list[str]:
    return sorted(f.name for f in _folder(request, split).iterdir() if is_picture(f.name))


def _write_pictures(request: Request, raw: Raw, plan: Plan, progress: Progress) -> None:
    for split in SPLITS:
        _folder(request, split).mkdir(parents=True, exist_ok=True)
    there = {(split, name) for split in SPLITS for name in _pictures(request, split)}
    wanted = {path: place for path, place in plan.places.items() if place not in there}

    def write(item: tuple[str, bytes]) -> None:
        path, content = item
        split, name = wanted[path]
        put(_folder(request, split) / name, request.recipe.convert(path, content))

    for done, _ in enumerate(in_threads(write, raw.read(wanted)), start=1):
        progress("writing pictures", done, len(wanted))


def _write_tables(request: Request, split: Split, plan: Plan, progress: Progress) -> SplitCounts:
    """Write the keypoints and the pairs of a split, where they are not there."""
    recipe, config = request.recipe, request.recipe.config
    pictures = _pictures(request, split)
    names = {name: own for name, own in plan.names.items() if own == split}
    annotations, pairs = config.annotations(split), config.pairs(split)
    given = request.given(annotations.name)
    if given is None:
        assert request.finder is not None  # `_check_keypoints`
        find_keypoints(
            annotations,
            _folder(request, split),
            pictures,
            recipe.size,
            request.finder,
            request.batch_size,
            lambda done, total: progress(f"finding keypoints of the {split} split", done, total),
        )
    elif not annotations.exists():
        take_keypoints(given, annotations, recipe, names)
    table = read_annotations(annotations, recipe.size, config.crop, Problems(collect=False))
    if given := request.given(pairs.name):
        if not pairs.exists():
            take_pairs(given, pairs, recipe, names)
    else:
        pair_up(pairs, table, recipe, split)
    return SplitCounts(
        pictures=len(pictures),
        annotated=len(table.names),
        valid=int(valid_poses(table.keypoints).sum()),
        pairs=len(read_lines(pairs)) - 1,
        published=config.published_pairs[split],
    )


def _check_complete(request: Request, plan: Plan) -> None:
    """Say which pictures the download should have had.

    Raises:
        DataError: naming the first.
    """
    there = {name for split in SPLITS for name in _pictures(request, split)}
    missing = sorted(set(plan.names) - there)
    if missing:
        raise DataError(
            f"{request.raw}: lacks {len(missing)} of the {len(plan.names)} pictures of the data "
            f"set, for example the one of {missing[0]}; complete the download and run this again: "
            "what is done stays."
        )
