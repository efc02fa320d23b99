"""The pictures of a section: which pairs are shown, and what the model attends to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from PIL import Image

from posegen.evaluation.causes import CAUSES
from posegen.evaluation.grid import ARROWS, decimals
from posegen.evaluation.result import ProtocolScores
from posegen.reports.choosing import choose, typical, with_causes
from posegen.reports.embedding import embed, embed_clip
from posegen.reports.failures import causes_of
from posegen.reports.retrieval import (
    Opened,
    PairPictures,
    find_all,
    find_clip,
    not_had,
)
from posegen.reports.subjects import Section, Subject

#: The motion of a report's clip, and the bytes of text that a frame of it may take.
_MOTION, _STILL = "walk", 100_000


@dataclass(frozen=True)
class Gallery:
    """The pictures of a section.

    Attributes:
        column, leader: by which column of which subject pairs were chosen.
        lead: the pair in the middle of all scores, as a card, with `clip`: its person in a motion,
            and `still`, a frame of it; both None where there is none.
        cards: worst, best and random pairs, the worst ones by cause; see `_card`.
        causes: the causes that any of the cards has.
        sortings: ways to sort them, the first of them as they are chosen: `key` of the cards'
            values, `heading`, `label` and `direction`.
        attention: attention maps of a few of the pairs: `label`, `target_name`, and `pictures` with
            caption, small print and address.
        exact: whether the pictures are exact, or compressed to keep the page small.
        ratio: width over height of the pictures.
    """

    column: str
    leader: str
    lead: Mapping[str, Any]
    cards: Sequence[Mapping[str, Any]]
    causes: Sequence[str]
    sortings: Sequence[Mapping[str, str]]
    attention: Sequence[Mapping[str, Any]]
    exact: bool
    ratio: float


def make_gallery(
    section: Section, count: int, by: str | None, budget: int, device: str
) -> tuple[Gallery | None, list[str]]:
    """Choose pairs and have their pictures again.

    Args:
        section: the subjects; the first one's scores choose the pairs.
        count: how many pairs.
        by: the column by which they are chosen; None for lpips where it was computed, else the
            first.
        budget: bytes of text that all pictures may take.
        device: where models make their pictures.

    Returns:
        The gallery, or None where there is nothing to show; and a sentence for each subject whose
        pictures could not be had.
    """
    leader = section.subjects[0]
    leading = _leading(leader, by)
    if leading is None:
        return None, [f"no gallery: {leader.label} has no {by or 'scores'} of each pair"]
    protocol, columns = leading
    values = {column: _values(section, protocol.title, column) for column in columns}
    column, *_ = columns
    leading_values, direction = values[column][leader.label], columns[column]
    causes = causes_of(section)
    chosen = [
        typical(leading_values, direction),
        *with_causes(choose(leading_values, direction, count), leading_values, direction, causes),
    ]
    found, made, problems = find_all(section, [choice.place for choice in chosen], device)
    if not made:
        return None, problems
    labels, names = list(section.evaluations), section.names()
    pairs = [
        _Pair(*names[place], reason, {label: pictures[number] for label, pictures in made.items()})
        for number, (place, reason) in enumerate(chosen)
    ]
    clip, still, missing = _clip(section, chosen[0].place, found)
    with_attention = list({pair.reason: pair for pair in reversed(pairs)}.values())[::-1]
    shown = [picture for pair in pairs for picture in pair.pictures()]
    shown += [
        drawn.picture
        for pair in with_attention
        for pictures in pair.made.values()
        for drawn in pictures.attention
    ]
    addresses, exact = embed({id(picture): picture for picture in shown}, budget)
    cards = []
    for pair, (place, _) in zip(pairs, chosen, strict=True):
        here = {c: {label: values[c][label][place] for label in labels} for c in columns}
        cards.append(_card(pair, labels, here, addresses, causes[place] if causes else ()))
    gallery = Gallery(
        column=column,
        leader=leader.label,
        lead={**cards[0], "clip": clip, "still": still},
        cards=cards[1:],
        causes=[name for name in CAUSES if any(name in card["causes"] for card in cards[1:])],
        sortings=[
            {
                "key": f"{label}:{column}",
                "heading": f"{column} {ARROWS[direction]}",
                "label": label,
                "direction": direction,
            }
            for column, direction in columns.items()
            for label in labels
        ],
        attention=[row for pair in with_attention for row in _attention(pair, addresses)],
        exact=exact,
        ratio=pairs[0].target.width / pairs[0].target.height,
    )
    return gallery, [*problems, *missing]


def _clip(
    section: Section, place: int, found: Mapping[str, Opened]
) -> tuple[str | None, str | None, list[str]]:
    """Return a clip of the first model that makes one, and a frame of it, as addresses.

    And a sentence where it cannot be made.
    """
    for number, subject in enumerate(section.subjects):
        if subject.label not in found:
            continue
        try:
            frames = find_clip(found[subject.label], section.places[place][number], _MOTION)
        except Exception as error:  # a plugin's model or data set raises anything
            return None, None, [not_had(f"clip of {subject.label}", error)]
        if frames:
            return embed_clip(frames), embed({0: frames[0]}, _STILL)[0][0], []
    return None, None, []


class _Pair(NamedTuple):
    """A chosen pair: its names, why it was chosen, and label -> what each subject has of it."""

    source_name: str
    target_name: str
    reason: str
    made: Mapping[str, PairPictures]

    @property
    def source(self) -> Image.Image | None:
        return next((one.source for one in self.made.values() if one.source is not None), None)

    @property
    def target(self) -> Image.Image:
        return next(iter(self.made.values())).target

    def pictures(self) -> list[Image.Image]:
        """Return every picture that its card shows."""
        source = [] if self.source is None else [self.source]
        pose = [] if self.pose is None else [self.pose]
        return [*source, *pose, self.target, *(one.generated for one in self.made.values())]

    @property
    def pose(self) -> Image.Image | None:
        return next((one.pose for one in self.made.values() if one.pose is not None), None)


def _leading(leader: Subject, by: str | None) -> tuple[ProtocolScores, dict[str, str]] | None:
    """Return the first protocol with such a column; its columns -> directions, that one first."""
    for protocol in leader.evaluation.protocols:
        names = list(protocol.per_image.get(protocol.own_row, {}))
        first = by or ("lpips" if "lpips" in names else next(iter(names), None))
        if first in names:
            names.sort(key=lambda name: name != first)
            scores = protocol.scores[protocol.own_row]
            return protocol, {name: scores[name].direction for name in names}
    return None


def _values(section: Section, title: str, column: str) -> dict[str, list[float]]:
    """Return label -> values on the section's common pairs, NaN where there is none."""
    values = {label: [math.nan] * len(section.places) for label in section.evaluations}
    for number, subject, protocol in section.under(title):
        whole = protocol.values(protocol.own_row, column)
        if whole is not None:
            values[subject.label] = [whole[places[number]] for places in section.places]
    return values


def _card(
    pair: _Pair,
    labels: Sequence[str],
    values: Mapping[str, Mapping[str, float]],
    addresses: Mapping[int, str],
    causes: tuple[str, ...],
) -> dict[str, Any]:
    """Return a pair as the template shows it: names, causes, addresses of pictures, and scores.

    `made` and `shown` are label -> address of what the subject generated, and label -> the lines
    below the picture; `scores` is key of a sorting -> value, only those that there are.
    """
    made = {label: addresses[id(one.generated)] for label, one in pair.made.items()}
    card: dict[str, Any] = {
        "source_name": pair.source_name,
        "target_name": pair.target_name,
        "reason": pair.reason,
        "causes": causes,
        "source": addresses.get(id(pair.source)),
        "pose": addresses.get(id(pair.pose)),
        "target": addresses[id(pair.target)],
        "made": {label: made.get(label) for label in labels},
        "shown": {label: [] for label in labels},
        "scores": {},
    }
    for column, of_label in values.items():
        for label, value in of_label.items():
            if math.isfinite(value):
                card["shown"][label].append(f"{column} {value:.{decimals(value)}f}")
                card["scores"][f"{label}:{column}"] = value
    return card


def _attention(pair: _Pair, addresses: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return a row of pictures for each subject that has attention maps."""
    rows = []
    for label, one in pair.made.items():
        known = [("source", pair.source), ("target", pair.target), ("generated", one.generated)]
        row = [(name, "", addresses[id(picture)]) for name, picture in known if picture]
        for caption, picture, low, high in one.attention:
            row.append((caption, f"{low:.2f}–{high:.2f}", addresses[id(picture)]))
        if one.attention:
            rows.append({"label": label, "target_name": pair.target_name, "pictures": row})
    return rows
