"""What is in a split, good or bad: read without stopping at the first problem."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from posegen.core.errors import DataError
from posegen.data.config import PublishedConfig, Split
from posegen.data.packed import Progress
from posegen.data.pictures import first_size, in_threads, is_picture, look_at
from posegen.data.problems import Problem, Problems
from posegen.data.published import image_folder
from posegen.data.tables import read_annotations, read_pairs
from posegen.poses.layouts import OPENPOSE18


@dataclass
class SplitFacts:
    """A split as it is.

    Attributes:
        folder: where its pictures are.
        size: (H, W) that they should have.
        names: the annotated images, with `keypoints` (N, 18, 3).
        pairs: (P, 2) places in `names`: those whose images are there.
        files: all picture files of the folder.
        sizes: (H, W) -> how many pictures.
        contents: picture file -> hash of its pixels; only those that can be decoded.
        problems: the rows and pictures that cannot be used.
        unusable: why nothing could be read at all; empty otherwise.
    """

    folder: Path = Path()
    size: tuple[int, int] = (0, 0)
    names: list[str] = field(default_factory=list)
    keypoints: Tensor = field(default_factory=lambda: torch.zeros(0, len(OPENPOSE18), 3))
    pairs: Tensor = field(default_factory=lambda: torch.zeros(0, 2, dtype=torch.int32))
    files: list[str] = field(default_factory=list)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    contents: dict[str, bytes] = field(default_factory=dict)
    problems: Problems = field(default_factory=lambda: Problems(collect=True))
    unusable: list[str] = field(default_factory=list)

    def used(self) -> list[str]:
        """Return the names of the images that have a pair."""
        return [self.names[place] for place in torch.unique(self.pairs).tolist()]


def gather(config: PublishedConfig, split: Split, progress: Progress) -> SplitFacts:
    """Read all of a split: both CSV files, and every picture of its folder."""
    facts = SplitFacts()
    try:
        facts.folder = image_folder(config, split)
        everything = set(os.listdir(facts.folder))
        facts.size = config.image_size or first_size(facts.folder, everything)
    except DataError as error:
        facts.unusable.append(str(error))
        return facts
    facts.files = sorted(filter(is_picture, everything))
    _read_pictures(facts, progress)
    try:
        annotations = config.annotations(split)
        table = read_annotations(annotations, facts.size, config.crop, facts.problems)
        facts.names, facts.keypoints = table
        arguments = (annotations, facts.names, facts.folder, everything, facts.problems)
        facts.pairs = read_pairs(config.pairs(split), *arguments)
    except DataError as error:
        facts.unusable.append(str(error))
    return facts


def _read_pictures(facts: SplitFacts, progress: Progress) -> None:
    def look(name: str) -> tuple[tuple[int, int], bytes] | Problem:
        picture = look_at(facts.folder / name, None)
        if isinstance(picture, Problem):
            return picture
        height, width = picture.shape[-2:]
        pixels = hashlib.blake2b(picture.numpy().tobytes(), digest_size=16)
        pixels.update(f"{height}×{width}".encode())
        return (height, width), pixels.digest()

    for done, (name, seen) in enumerate(
        zip(facts.files, in_threads(look, facts.files), strict=True), start=1
    ):
        if isinstance(seen, Problem):
            facts.problems.add(*seen)
        else:
            facts.sizes[seen[0]] += 1
            facts.contents[name] = seen[1]
        progress(done, len(facts.files))
