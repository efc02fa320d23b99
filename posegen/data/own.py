"""A training set of a user's own photos and videos, in the published layout."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from posegen.core.errors import DataError
from posegen.data.config import Market1501Config, Split
from posegen.data.files import check_new, new_data, put_lines
from posegen.data.footage import VIDEO_SUFFIXES, Footage
from posegen.data.framing import follow, frame_around
from posegen.data.image_files import ImageFormat, save_picture
from posegen.data.pairs import make_pairs, valid_poses
from posegen.data.pictures import is_picture
from posegen.data.posing import PeopleFinder
from posegen.data.tables import PAIR_HEADER
from posegen.poses.formats.published import ANNOTATION_HEADER, annotation_row

NOBODY = "pictures with nobody"
LOST = "frames in which the person was lost"
NOT_VALID = "pictures without both shoulders and both hips"


@dataclass(frozen=True)
class OwnOptions:
    """How a training set is made of own pictures.

    Attributes:
        size: (H, W) of the new pictures.
        every: of a video, one frame of so many.
        test: the share of the people (of a single person: of the pictures) in the test split.
        seed: another one tests on other people.
        pairs: how many pairs of each person at most.
        image_format: of the new files.
    """

    size: tuple[int, int] = (256, 176)
    every: int = 5
    test: float = 0.1
    seed: int = 0
    pairs: int = 20_000
    image_format: ImageFormat = "jpg"


@dataclass
class OwnCounts:
    """What became of the pictures.

    Attributes:
        people: person -> how many pictures were taken.
        left_out: why -> how many pictures were not.
        pairs: pairs of each split.
        one_person: True where the test split is of the same person as the training split.
    """

    people: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    pairs: dict[Split, int] = field(default_factory=dict)
    one_person: bool = False

    def shown(self) -> str:
        """Return "anna 12, bert 0"."""
        return ", ".join(f"{person} {count}" for person, count in self.people.items()) or "none"


#: Person -> file name -> keypoints (18, 3), in order.
_Taken = dict[str, dict[str, Tensor]]


def from_folder(
    root: Path,
    out: Path,
    finder: PeopleFinder,
    options: OwnOptions,
    progress: Callable[[int], None],
) -> OwnCounts:
    """Make a training set of a folder of people.

    Each folder in `root` is a person, and each video beside them; so is a folder of pictures, or a
    video, alone. Pictures are cut around the person, see `posegen.data.framing`. The new folder
    appears under its name only when it is complete.

    `progress` is told after each picture how many have been looked at.

    Raises:
        ConfigError: where `out` is not empty, or a video cannot be read for want of a package.
        DataError: for a folder or a picture that cannot be used, or where no pair comes out.
    """
    people = check_folders(root, out, options.every)
    counts = OwnCounts(people=Counter(dict.fromkeys(people, 0)))
    taken: _Taken = {person: {} for person in people}
    with new_data(out) as folder:
        work = folder / "pictures"
        work.mkdir()
        for person, footages in people.items():
            for image, pose, reason in _poses(footages, finder):
                if reason:
                    counts.left_out[reason] += 1
                else:
                    name = f"{person}_{counts.people[person]:06d}.{options.image_format}"
                    frame = frame_around(pose, (image.shape[1], image.shape[2]), options.size)
                    save_picture(work / name, frame.cut(image), options.image_format)
                    taken[person][name] = frame.move(pose)
                    counts.people[person] += 1
                progress(counts.people.total() + counts.left_out.total())
        _write_splits(folder, work, taken, options, counts)
        work.rmdir()
    return counts


def check_folders(root: Path, out: Path, every: int) -> dict[str, list[Footage]]:
    """Return the pictures and videos of each person, if `from_folder` can be asked for them.

    Raises:
        ConfigError, DataError: see `from_folder`; no picture is looked into.
    """
    check_new(out)
    if not root.exists():
        raise DataError(f"{root}: no such folder or video.")
    if root.is_file():
        return {_person(root): [Footage(root, every)]}
    inside = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    sources = [path for path in inside if path.is_dir()]
    sources += [path for path in inside if path.suffix.lower() in VIDEO_SUFFIXES]
    loose = [path for path in inside if path.is_file() and is_picture(path.name)]
    if loose and sources:
        raise DataError(
            f"{loose[0]}: a picture beside folders or videos belongs to nobody; put it into the "
            "folder of its person."
        )
    people: dict[str, list[Footage]] = {}
    for path in [root] if loose else sources:
        person = _person(path)
        if person in people:
            raise DataError(f"{path}: there is another person {person!r}; rename one of them.")
        people[person] = _footages(path, every)
    if not people:
        raise DataError(f"{root}: holds no folder of a person, no picture and no video.")
    return people


def _person(path: Path) -> str:
    """Return a name that a file's name can begin with, up to its first underscore."""
    name = path.stem if path.is_file() else path.name
    person = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "person"
    return f"p{person}" if person == "0000" else person  # which is nobody's in this layout


def _footages(path: Path, every: int) -> list[Footage]:
    if path.is_file():
        return [Footage(path, every)]
    files = sorted(file for file in path.rglob("*") if file.is_file())
    videos = [file for file in files if file.suffix.lower() in VIDEO_SUFFIXES]
    pictures = [Footage(path)] if any(is_picture(file.name) for file in files) else []
    if not pictures and not videos:
        raise DataError(f"{path}: holds no picture and no video; fill it or take it away.")
    return [*pictures, *(Footage(video, every) for video in videos)]


def _poses(
    footages: list[Footage], finder: PeopleFinder
) -> Iterator[tuple[Tensor, Tensor, str | None]]:
    """Yield each picture, the pose of its person, and why it cannot be used, or None."""
    for footage in footages:
        last: Tensor | None = None
        for picture in footage.read():
            people = finder([picture.image])[0]
            pose = follow(people, last if footage.names is None else None)
            if pose is None:
                yield picture.image, torch.zeros(0, 3), LOST if len(people) else NOBODY
                continue
            last = pose
            yield picture.image, pose, None if valid_poses(pose[None]).all() else NOT_VALID


def _write_splits(
    root: Path, work: Path, taken: _Taken, options: OwnOptions, counts: OwnCounts
) -> None:
    """Move the pictures into their splits, and write the CSV files."""
    config = Market1501Config(root=root)
    splits = _split(taken, options)
    counts.one_person = bool(splits["train"].keys() & splits["test"].keys())
    for split, people in splits.items():
        folder = config.image_folders(split)[0]
        folder.mkdir(parents=True)
        poses = {name: pose for pictures in people.values() for name, pose in pictures.items()}
        pairs = make_pairs(list(poses), [True] * len(poses), config.outfit, options.pairs)
        if not pairs:
            raise DataError(
                f"the {split} split has no pair: each person needs two pictures with both "
                f"shoulders and both hips (usable pictures: {counts.shown()})."
            )
        for name in poses:
            (work / name).rename(folder / name)
        rows = (annotation_row(name, pose, options.size) for name, pose in poses.items())
        put_lines(config.annotations(split), [ANNOTATION_HEADER, *rows])
        put_lines(config.pairs(split), [PAIR_HEADER, *map(",".join, pairs)])
        counts.pairs[split] = len(pairs)


def _split(taken: _Taken, options: OwnOptions) -> dict[Split, _Taken]:
    """Divide people with pairs by person; a single one's pictures by their order."""
    people = {person: pictures for person, pictures in taken.items() if len(pictures) > 1}
    if len(people) == 1:
        ((person, pictures),) = people.items()
        items = list(pictures.items())
        held_out = max(2, round(options.test * len(items)))
        train, test = dict(items[:-held_out]), dict(items[-held_out:])
        return {"train": {person: train}, "test": {person: test}}

    def lot(person: str) -> bytes:
        return hashlib.blake2b(f"{options.seed}:{person}".encode()).digest()

    drawn = sorted(people, key=lot)[: max(1, round(options.test * len(people)))]
    return {
        "train": {person: people[person] for person in people if person not in drawn},
        "test": {person: people[person] for person in sorted(drawn)},
    }
