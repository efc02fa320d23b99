"""What is wrong with a data set in a published layout, as remarks."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from posegen.core.errors import DataError
from posegen.core.fields import nearest_sizes
from posegen.core.skeletons import OPENPOSE18
from posegen.data.check.poses import FEWEST, mistakes
from posegen.data.config import SPLITS, PublishedConfig, Split
from posegen.data.image_files import first_size, in_threads, look_at
from posegen.data.pairs import valid_poses
from posegen.data.pictures import is_picture
from posegen.data.problems import Problem, Problems
from posegen.data.tables import (
    as_filed,
    has_pairs,
    image_folder,
    other_frame,
    read_annotations,
    read_pairs,
)

Level = Literal["error", "warning", "note"]
_LEVELS: tuple[Level, ...] = ("error", "warning", "note")

#: What the sizes of PATN's pictures are divisible by; others need more.
MULTIPLE = 4

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Remark:
    """Something about a data set that its user should know.

    Attributes:
        level: an error makes training fail or its result worthless; a warning may be meant so; a
            note is good to know.
        split: where: train, test, or both.
        count: how many.
        what: of what.
        detail: the first case, or what to do.
    """

    level: Level
    split: str
    count: int
    what: str
    detail: str


@dataclass(frozen=True)
class CheckResult:
    """A checked data set.

    Attributes:
        counts: split -> what is counted -> how many.
        remarks: errors first.
        facts: split -> all that was read.
        strange: split -> names of pictures whose poses look swapped.
    """

    counts: dict[Split, dict[str, int]]
    remarks: list[Remark]
    facts: dict[Split, SplitFacts]
    strange: dict[Split, list[str]]

    @property
    def good(self) -> bool:
        """Whether there is no error."""
        return all(remark.level != "error" for remark in self.remarks)


@dataclass
class SplitFacts:
    """A split as it is.

    Attributes:
        folder: where its pictures are, and `size` the (H, W) that they should have.
        names: the annotated images, with `keypoints` (N, 18, 3).
        pairs: (P, 2) places in `names`: those whose images are there.
        files: all picture files of the folder.
        contents: picture file -> hash of its pixels; only those that can be used.
        problems: the files, rows and pictures that cannot be used.
    """

    folder: Path = Path()
    size: tuple[int, int] = (0, 0)
    names: list[str] = field(default_factory=list)
    keypoints: Tensor = field(default_factory=lambda: torch.zeros(0, len(OPENPOSE18), 3))
    pairs: Tensor = field(default_factory=lambda: torch.zeros(0, 2, dtype=torch.int32))
    files: list[str] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    problems: Problems = field(default_factory=lambda: Problems(collect=True))

    def used(self) -> list[str]:
        """Return the names of the images that have a pair."""
        return [self.names[place] for place in torch.unique(self.pairs).tolist()]


def _gather(config: PublishedConfig, split: Split, progress: Progress) -> SplitFacts:
    """Read all of a split: both CSV files, and every picture of its folder."""
    facts = SplitFacts()
    annotations = config.annotations(split)
    try:
        facts.folder = image_folder(config, split)
        everything = set(os.listdir(facts.folder))
        size = facts.size = config.image_size or first_size(facts.folder, everything)
        facts.files = sorted(filter(is_picture, everything))
        _read_pictures(facts, size, partial(progress, f"reading {split}"))
        facts.names, facts.keypoints = read_annotations(
            annotations, size, config.crop, facts.problems
        )
        if other := other_frame(facts.keypoints, size):
            facts.problems.add("keypoints of another width", f"{annotations}: {other}")
        facts.pairs = read_pairs(
            config.pairs(split), annotations, facts.names, facts.folder, everything, facts.problems
        )
        facts.names = as_filed(facts.names, everything)
    except DataError as error:
        facts.problems.add("files that cannot be used", str(error))
    return facts


def _read_pictures(
    facts: SplitFacts, size: tuple[int, int], progress: Callable[[int, int], None]
) -> None:
    def look(name: str) -> bytes | Problem:
        picture = look_at(facts.folder / name, size)
        if isinstance(picture, Problem):
            return picture
        return hashlib.blake2b(picture.numpy().tobytes(), digest_size=16).digest()

    looks = zip(facts.files, in_threads(look, facts.files), strict=True)
    for done, (name, content) in enumerate(looks, start=1):
        if isinstance(content, Problem):
            facts.problems.add(*content)
        else:
            facts.contents[name] = content
        progress(done, len(facts.files))


def check(config: PublishedConfig, progress: Progress) -> CheckResult:
    """Read a data set in a published layout, every picture included, and say what is wrong."""
    facts: dict[Split, SplitFacts] = {}
    strange: dict[Split, list[str]] = {}
    remarks: list[Remark] = []
    there = [split for split in SPLITS if has_pairs(config, split)]
    for split in SPLITS:
        strange[split] = []
        if there == ["test"] and split == "train":  # who scores a model needs no training split
            facts[split] = SplitFacts()
            detail = "Models can be scored on this set, and not trained."
            remarks.append(Remark("note", split, 0, "training pairs", detail))
            continue
        facts[split] = _gather(config, split, progress)
        remarks += _problems(facts[split], split)
        remarks += _pairs(config, facts[split], split)
        remarks += _poses(facts[split], split, strange[split])
    remarks += _leaks(config, facts)
    remarks.sort(key=lambda remark: _LEVELS.index(remark.level))
    return CheckResult({split: _counts(facts[split]) for split in SPLITS}, remarks, facts, strange)


def _counts(facts: SplitFacts) -> dict[str, int]:
    return {
        "pictures": len(facts.files),
        "annotated": len(facts.names),
        "with a valid pose": int(valid_poses(facts.keypoints).sum()),
        "in pairs": len(facts.used()),
        "pairs": len(facts.pairs),
    }


def _problems(facts: SplitFacts, split: Split) -> Iterable[Remark]:
    for kind, count in facts.problems.counts.items():
        yield Remark("error", split, count, kind, facts.problems.first[kind])
    unused = sorted(set(facts.files) - set(facts.used()))
    if unused and len(facts.pairs):
        yield Remark("note", split, len(unused), "pictures without a pair", f"First: {unused[0]}.")
    absent = sorted(set(facts.names) - set(facts.files))
    if absent:
        detail = f"First: {absent[0]}. Only a pair would need them."
        yield Remark("note", split, len(absent), "annotated pictures that are missing", detail)


def _pairs(config: PublishedConfig, facts: SplitFacts, split: Split) -> Iterable[Remark]:
    word, names = config.outfit_word, facts.names
    who = [config.outfit(name) for name in names]
    places = facts.pairs.tolist()
    differ = [(names[a], names[b]) for a, b in places if who[a] != who[b]]
    if differ:
        first = f"First: {' and '.join(differ[0])}"
        detail = f"{first}. The model would learn to change the person; delete these pairs."
        yield Remark("error", split, len(differ), f"pairs whose {word} differs", detail)
    if places and len(set(who) - {None}) == len(names):
        detail = "Every name is another person's, so nothing is known of who is in a pair."
        yield Remark("warning", split, len(names), f"pictures of one {word} each", detail)
    same = sum(a == b for a, b in places)
    if same:
        yield Remark("warning", split, same, "pairs of a picture with itself", "Delete them.")
    again = len(places) - len({(a, b) for a, b in places})
    if again:
        yield Remark("warning", split, again, "pairs that are there twice", "Delete one of each.")
    valid = valid_poses(facts.keypoints)
    poor = int((~valid[facts.pairs.long()].all(1)).sum())
    if poor:
        detail = "The published rule leaves out poses without both shoulders and both hips."
        yield Remark("warning", split, poor, "pairs with a pose that is not valid", detail)
    copies: defaultdict[bytes, list[str]] = defaultdict(list)
    for name, content in facts.contents.items():
        copies[content].append(name)
    groups = [some for some in copies.values() if len(some) > 1]
    mixed = [some for some in groups if len({config.outfit(name) for name in some}) > 1]
    if mixed:
        detail = f"First: {' and '.join(mixed[0][:2])}."
        yield Remark("warning", split, len(mixed), f"pictures under more than one {word}", detail)
    if kept := len(groups) - len(mixed):
        yield Remark("note", split, kept, "pictures that are there more than once", "")
    published = config.published_pairs[split]
    if published // 2 < len(places) != published:  # fewer: it is not meant to be that set
        detail = f"The published file has {published:,}; scores on other pairs are another test."
        yield Remark("note", split, len(places), "pairs, which is not the published number", detail)


def _poses(facts: SplitFacts, split: Split, strange: list[str]) -> Iterable[Remark]:
    """Find what is wrong with most poses; the names of examples go to `strange`."""
    places = torch.unique(facts.pairs).long()
    keypoints = facts.keypoints[places]
    for mistake in mistakes(keypoints):
        names = [facts.names[places[number]] for number in mistake.examples]
        strange.extend(name for name in names if name not in strange)
        detail = f"{mistake.strange} of the {mistake.poses} poses that can tell; {mistake.remedy}."
        yield Remark("error", split, mistake.strange, mistake.what, detail)
    if any(side % MULTIPLE for side in facts.size):
        below, above = nearest_sizes(facts.size, MULTIPLE)
        detail = (
            f"Most networks need a height and width that {MULTIPLE} divides: {above} or {below}."
        )
        yield Remark("warning", split, len(facts.files), "pictures of an odd size", detail)
    missing = keypoints[..., 2].eq(0).all(0).nonzero().flatten().tolist()
    if len(keypoints) and len(missing) == len(OPENPOSE18):
        detail = "No joint is there in any pose; find them again, for example with `posegen pose`."
        yield Remark("error", split, len(keypoints), "poses of nobody", detail)
    elif missing and len(keypoints) >= FEWEST:
        detail = f"{', '.join(OPENPOSE18.joints[j] for j in missing)}: missing in every pose."
        yield Remark("warning", split, len(missing), "joints that are never there", detail)
    x = keypoints[..., 0]  # y cannot be beside, see `read_annotations`
    beside = keypoints[..., 2].gt(0) & ((x < -0.5) | (x >= facts.size[1] - 0.5))
    if count := int(beside.any(1).sum()):
        detail = "They were found before the sides were cut off, as in the published files."
        yield Remark("note", split, count, "poses with a joint beside the picture", detail)


def _leaks(config: PublishedConfig, facts: Mapping[Split, SplitFacts]) -> Iterable[Remark]:
    """Find what the test split shares with the training split."""
    train, test = facts["train"], facts["test"]
    seen = {content: name for name, content in train.contents.items()}
    shared = [(name, seen[c]) for name, c in test.contents.items() if c in seen]
    if shared:
        detail = f"First: {shared[0][0]}, in train as {shared[0][1]}. Delete them from train."
        yield Remark("error", "both", len(shared), "test pictures that are also in train", detail)
    levels = {config.outfit_word: config.outfit, config.item_word: config.item}
    for word, key in levels.items():
        known = {key(name) for name in train.used()} - {None}
        count = Counter(key(name) for name in test.used())
        both = sorted(str(who) for who in count if who in known)
        if both:
            pictures = sum(count[who] for who in both)
            detail = (
                f"Of {len(count)}; {pictures} of {count.total()} test pictures. First: {both[0]}. "
                "Scores are kind to a model that remembers"
            )
            remedy = "; `posegen data prepare deepfashion --split leak-free` makes a split without."
            detail += remedy if word == "item" else "."
            yield Remark("warning", "both", len(both), f"{word}: in train and in test", detail)
