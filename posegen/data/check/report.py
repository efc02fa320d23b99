"""What is wrong with a data set in a published layout, as findings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch

from posegen.data.check.facts import SplitFacts, gather
from posegen.data.check.poses import FEWEST, habits
from posegen.data.config import PublishedConfig, Split
from posegen.data.pairs import valid_poses
from posegen.poses.layouts import OPENPOSE18

Level = Literal["error", "warning", "note"]

SPLITS: tuple[Split, ...] = ("train", "test")

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Finding:
    """Something that was found.

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
class Report:
    """A checked data set.

    Attributes:
        counts: split -> what is counted -> how many.
        findings: errors first.
        facts: split -> all that was read.
        strange: split -> names of pictures whose poses look swapped.
    """

    counts: dict[Split, dict[str, int]]
    findings: list[Finding]
    facts: dict[Split, SplitFacts]
    strange: dict[Split, list[str]] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether there is no error."""
        return all(finding.level != "error" for finding in self.findings)


def check(config: PublishedConfig, progress: Progress) -> Report:
    """Read a data set in a published layout, every picture included, and say what is wrong."""
    facts = {
        split: gather(
            config,
            split,
            lambda done, total, s=split: progress(f"reading {s}", done, total),  # type: ignore[misc]
        )
        for split in SPLITS
    }
    report = Report({split: _counts(facts[split]) for split in SPLITS}, [], facts)
    for split in SPLITS:
        report.findings.extend(_problems(facts[split], split))
        report.findings.extend(_pictures(facts[split], split))
        report.findings.extend(_pairs(config, facts[split], split))
        report.strange[split] = []
        report.findings.extend(_poses(facts[split], split, report.strange[split]))
    report.findings.extend(_leaks(config, facts))
    levels: list[Level] = ["error", "warning", "note"]
    report.findings.sort(key=lambda finding: levels.index(finding.level))
    return report


def _counts(facts: SplitFacts) -> dict[str, int]:
    used = torch.unique(facts.pairs)
    return {
        "pictures": len(facts.files),
        "annotated": len(facts.names),
        "with a valid pose": int(valid_poses(facts.keypoints).sum()),
        "in pairs": len(used),
        "pairs": len(facts.pairs),
    }


def _problems(facts: SplitFacts, split: Split) -> Iterable[Finding]:
    for sentence in facts.unusable:
        yield Finding("error", split, 1, "file that cannot be used", sentence)
    for kind, count in facts.problems.counts.items():
        yield Finding("error", split, count, kind, facts.problems.sentences[kind][0])


def _pictures(facts: SplitFacts, split: Split) -> Iterable[Finding]:
    others = {size: count for size, count in facts.sizes.items() if size != facts.size}
    if others:
        shown = ", ".join(f"{count} of {h}×{w}" for (h, w), count in sorted(others.items()))
        expected = "{}×{}".format(*facts.size)
        yield Finding(
            "error",
            split,
            sum(others.values()),
            "pictures of another size",
            f"The others are {expected} (height×width), and there are {shown}; scale them to one "
            "size.",
        )
    unused = sorted(set(facts.files) - set(facts.used()))
    if unused and not facts.unusable:
        yield Finding("note", split, len(unused), "pictures without a pair", f"First: {unused[0]}.")
    absent = sorted(set(facts.names) - set(facts.files))
    if absent:
        detail = f"First: {absent[0]}. They have no pair, so nothing needs them."
        yield Finding("note", split, len(absent), "annotated pictures that are missing", detail)


def _pairs(config: PublishedConfig, facts: SplitFacts, split: Split) -> Iterable[Finding]:
    outfit, word = config.naming.outfit, config.naming.words[0]
    who = [outfit(name) for name in facts.names]
    known = len(set(who) - {None})
    places = facts.pairs.tolist()
    differ = [(a, b) for a, b in places if who[a] != who[b]]
    if differ:
        first = f"First: {facts.names[differ[0][0]]} and {facts.names[differ[0][1]]}"
        told = f"{first}. The model would learn to change the person; delete these pairs."
        yield Finding("error", split, len(differ), f"pairs whose {word} differs", told)
    if places and known == len(facts.names):
        told = "Every name is another person's, so nothing is known of who is in a pair."
        yield Finding("warning", split, known, f"pictures of one {word} each", told)
    same = sum(a == b for a, b in places)
    if same:
        yield Finding("warning", split, same, "pairs of a picture with itself", "Delete them.")
    again = len(places) - len({(a, b) for a, b in places})
    if again:
        yield Finding("warning", split, again, "pairs that are there twice", "Delete one of each.")
    valid = valid_poses(facts.keypoints)
    poor = int((~valid[facts.pairs.long()].all(1)).sum())
    if poor:
        told = "The published rule leaves out poses without both shoulders and both hips."
        yield Finding("warning", split, poor, "pairs with a pose that is not valid", told)
    yield from _copies(config, facts, split)
    published = config.published_pairs[split]
    if published // 2 < len(places) != published:  # fewer: it is not meant to be that set
        told = f"The published file has {published:,}; scores on other pairs are another test."
        yield Finding("note", split, len(places), "pairs, which is not the published number", told)


def _copies(config: PublishedConfig, facts: SplitFacts, split: Split) -> Iterable[Finding]:
    """Find the same picture under two people's names."""
    copies: defaultdict[bytes, list[str]] = defaultdict(list)
    for name, content in facts.contents.items():
        copies[content].append(name)
    groups = [names for names in copies.values() if len(names) > 1]
    mixed = [names for names in groups if len({config.naming.outfit(n) for n in names}) > 1]
    if mixed:
        told = f"First: {' and '.join(mixed[0][:2])}."
        word = config.naming.words[0]
        yield Finding("warning", split, len(mixed), f"pictures under more than one {word}", told)
    kept = len(groups) - len(mixed)
    if kept:
        yield Finding("note", split, kept, "pictures that are there more than once", "")


def _poses(facts: SplitFacts, split: Split, strange: list[str]) -> Iterable[Finding]:
    places = torch.unique(facts.pairs).long()
    keypoints = facts.keypoints[places]
    for habit in habits(keypoints):
        names = [facts.names[places[number]] for number in habit.examples]
        if habit.systematic:
            strange.extend(name for name in names if name not in strange)
            told = f"{habit.strange} of the {habit.poses} poses that can tell; {habit.remedy}."
            yield Finding("error", split, habit.strange, habit.what, told)
    seen = keypoints[..., 2].gt(0)
    never = [OPENPOSE18.joints[j] for j in (~seen.any(0)).nonzero().flatten().tolist()]
    if never and len(keypoints) >= FEWEST:
        told = f"{', '.join(never)}: missing in every pose."
        yield Finding("warning", split, len(never), "joints that are never there", told)
    height, width = facts.size
    x, y = keypoints[..., 0], keypoints[..., 1]
    beside = seen & ((x < -0.5) | (x >= width - 0.5) | (y < -0.5) | (y >= height - 0.5))
    if beside.any():
        told = "They were found before the sides were cut off, as in the published files."
        count = int(beside.any(1).sum())
        yield Finding("note", split, count, "poses with a joint beside the picture", told)


def _leaks(config: PublishedConfig, facts: Mapping[Split, SplitFacts]) -> Iterable[Finding]:
    """Find what the test split shares with the training split."""
    train, test = facts["train"], facts["test"]
    seen = {content: name for name, content in train.contents.items()}
    shared = [(name, seen[c]) for name, c in test.contents.items() if c in seen]
    if shared:
        told = f"First: {shared[0][0]}, in train as {shared[0][1]}. Delete them from train."
        yield Finding("error", "both", len(shared), "test pictures that are also in train", told)
    naming = config.naming
    levels = {naming.words[0]: naming.outfit, naming.words[1]: naming.item}
    for word, key in levels.items():
        known = {key(name) for name in train.used()} - {None}
        count = Counter(key(name) for name in test.used())
        both = sorted(str(who) for who in count if who in known)
        if both:
            pictures = sum(count[who] for who in both)
            told = (
                f"Of {len(count)}; {pictures} of {count.total()} test pictures. First: {both[0]}. "
                "Scores are kind to a model that remembers"
            )
            remedy = "; `posegen data prepare deepfashion --split leak-free` makes a split without."
            told += remedy if word == "item" else "."
            what = f"{word}: in train and in test"
            yield Finding("warning", "both", len(both), what, told)
