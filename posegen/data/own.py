"""A training set of a user's own photos and videos, in the published layout."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from posegen.core.errors import ConfigError, DataError
from posegen.data.config import Market1501Config, Split
from posegen.data.files import put_lines
from posegen.data.finder import PeopleFinder
from posegen.data.footage import VIDEO_SUFFIXES, Footage
from posegen.data.framing import follow, frame_around
from posegen.data.pairs import make_pairs, valid_poses
from posegen.data.pictures import ImageFormat, is_picture, save_picture
from posegen.data.tables import ANNOTATION_HEADER, PAIR_HEADER
from posegen.poses.formats.published import annotation_row

NOBODY = "pictures with nobody"
LOST = "frames in which the person was lost"
NOT_VALID = "pictures without both shoulders and both hips"


@dataclass(frozen=True)
class OwnOptions:
    """How a training set is made of own pictures.

    Attributes:
        size: (H, W) of the new pictures.
        every: of a video, one frame of so many.
        test: the share of the people who are in the test split; of a single person, the share of
            the pictures.
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

    people: dict[str, int] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    pairs: dict[Split, int] = field(default_factory=dict)
    one_person: bool = False

    def shown(self) -> str:
        """Return "anna 12, bert 0"."""
        return ", ".join(f"{person} {count}" for person, count in self.people.items()) or "none"


#: The pictures of one person: file name -> keypoints (18, 3), in order.
_Taken = dict[str, Tensor]


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

    Args:
        root: the folder, or a video.
        out: the new folder; an existing one must be empty.
        finder: finds the poses.
        options: see there.
        progress: told after each picture how many have been looked at.

    Raises:
        ConfigError: where `out` is not empty, or a video cannot be read for want of a package.
        DataError: for a folder or a picture that cannot be used, or where no pair comes out.
    """
    people = check_folders(root, out, options.every)
    out = out.absolute()
    partial = out.with_name(f"{out.name}.partial-{os.getpid()}")
    work = partial / "pictures"
    work.mkdir(parents=True)
    counts = OwnCounts()
    try:
        looked = 0
        taken: dict[str, _Taken] = {person: {} for person in people}
        for person, footages in people.items():
            for image, keypoints in _poses(footages, finder, counts):
                looked += 1
                progress(looked)
                if keypoints is not None:
                    name = f"{person}_{len(taken[person]):06d}.{options.image_format}"
                    frame = frame_around(keypoints, (image.shape[1], image.shape[2]), options.size)
                    save_picture(work / name, frame.cut(image), options.image_format)
                    taken[person][name] = frame.move(keypoints)
        _write_splits(partial, work, taken, options, counts)
        work.rmdir()
        if out.exists():
            out.rmdir()
        partial.rename(out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return counts


def check_folders(root: Path, out: Path, every: int) -> dict[str, list[Footage]]:
    """Return the pictures and videos of each person, if `from_folder` can be asked for them.

    Raises:
        ConfigError, DataError: see `from_folder`; no picture is looked into.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out}: exists and is not an empty folder; give the name of a new one.")
    return _people(root, every)


def _people(root: Path, every: int) -> dict[str, list[Footage]]:
    """Return the pictures and videos of each person.

    Raises:
        DataError: where there is nobody, a picture belongs to nobody, or two have one name.
    """
    if root.is_file():
        return {_person(root.stem): [Footage(root, every)]}
    if not root.is_dir():
        raise DataError(f"{root}: no such folder or video.")
    inside = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    folders = [path for path in inside if path.is_dir()]
    videos = [path for path in inside if path.suffix.lower() in VIDEO_SUFFIXES]
    loose = [path for path in inside if path.is_file() and is_picture(path.name)]
    if loose and (folders or videos):
        raise DataError(
            f"{loose[0]}: a picture beside folders or videos belongs to nobody; put it into the "
            "folder of its person."
        )
    if loose:
        folders = [root]
    people: dict[str, list[Footage]] = {}
    for path in [*folders, *videos]:
        person = _person(path.stem if path.is_file() else path.name)
        if person in people:
            raise DataError(f"{path}: there is another person {person!r}; rename one of them.")
        people[person] = _footages(path, every)
    if not people:
        raise DataError(f"{root}: holds no folder of a person, no picture and no video.")
    return people


def _person(name: str) -> str:
    """Return a name that a file's name can begin with, up to its first underscore."""
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
    footages: list[Footage], finder: PeopleFinder, counts: OwnCounts
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Yield each picture with the pose of its person, None where it cannot be used."""
    for footage in footages:
        last: Tensor | None = None
        for picture in footage.read():
            people = finder([picture.image])[0]
            pose = follow(people, last if footage.names is None else None)
            reason = None
            if pose is None:
                reason = LOST if len(people) else NOBODY
            elif not bool(valid_poses(pose[None])[0]):
                reason = NOT_VALID
            last = last if pose is None else pose
            if reason:
                counts.left_out[reason] += 1
            yield picture.image, None if reason else pose


def _write_splits(
    root: Path, work: Path, taken: dict[str, _Taken], options: OwnOptions, counts: OwnCounts
) -> None:
    """Move the pictures into their splits, and write the CSV files."""
    config = Market1501Config(root=root)
    counts.people = {person: len(pictures) for person, pictures in taken.items()}
    splits = _split(taken, options)
    counts.one_person = bool(splits["train"].keys() & splits["test"].keys())
    for split, people in splits.items():
        folder = config.image_folders(split)[0]
        folder.mkdir(parents=True)
        poses = {name: pose for pictures in people.values() for name, pose in pictures.items()}
        pairs = make_pairs(list(poses), [True] * len(poses), config.naming.outfit, options.pairs)
        if not pairs:
            raise DataError(
                f"the {split} split has no pair: each person needs two pictures with both "
                f"shoulders and both hips (usable pictures: {counts.shown()})."
            )
        for name in poses:
            (work / name).rename(folder / name)
        rows = (annotation_row(name, pose, options.size) for name, pose in poses.items())
        put_lines(config.annotations(split), [ANNOTATION_HEADER, *rows])
        put_lines(config.pairs(split), [PAIR_HEADER, *(",".join(pair) for pair in pairs)])
        counts.pairs[split] = len(pairs)


def _split(taken: dict[str, _Taken], options: OwnOptions) -> dict[Split, dict[str, _Taken]]:
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
    train_people = {person: people[person] for person in people if person not in drawn}
    return {"train": train_people, "test": {person: people[person] for person in sorted(drawn)}}
