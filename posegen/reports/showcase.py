"""The pictures of a section: its gallery, and what the model attends to."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image

from posegen.core.errors import PosegenError
from posegen.evaluation.comparison import own_row
from posegen.evaluation.grid import ARROWS, title
from posegen.evaluation.result import ProtocolScores
from posegen.reports.gallery import Choice, choose, embed
from posegen.reports.pictures import PairPictures, find_pictures
from posegen.reports.subjects import Section, Subject

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sorting:
    """One way to sort a gallery.

    Attributes:
        key: of the cards' values.
        heading, label: of which column and which subject.
        direction: which way is better.
    """

    key: str
    heading: str
    label: str
    direction: str


@dataclass(frozen=True)
class Card:
    """One pair.

    Attributes:
        source_name, target_name: its names.
        reason: "worst", "best" or "random".
        source, target: addresses of the pictures; None where there is none.
        made: label -> address of what the subject generated; None where it is not known.
        shown: label -> the lines below the picture, `ssim 0.5123`.
        values: key of a sorting -> value, as JavaScript reads it; only those that there are.
    """

    source_name: str
    target_name: str
    reason: str
    source: str | None
    target: str | None
    made: Mapping[str, str | None]
    shown: Mapping[str, Sequence[str]]
    values: Mapping[str, float]


@dataclass(frozen=True)
class Attention:
    """The maps of one subject for one pair: a row of pictures with their captions."""

    label: str
    target_name: str
    pictures: Sequence[tuple[str, str, str]]  # caption, small print, address


@dataclass(frozen=True)
class Gallery:
    """The pictures of a section.

    Attributes:
        column, leader: by which column of which subject pairs were chosen.
        cards: worst, best and random pairs.
        sortings: ways to sort them, the first of them as they are chosen.
        attention: attention maps of a few of the pairs.
        exact: whether the pictures are exact, or compressed to keep the page small.
        ratio: width over height of the pictures.
    """

    column: str
    leader: str
    cards: Sequence[Card]
    sortings: Sequence[Sorting]
    attention: Sequence[Attention]
    exact: bool
    ratio: float


def make_gallery(
    section: Section, count: int, by: str | None, budget: int, device: str, seed: int = 0
) -> tuple[Gallery | None, list[str]]:
    """Choose pairs and find their pictures.

    Args:
        section: the subjects; the first one's scores choose the pairs.
        count: how many pairs.
        by: the column by which they are chosen; None for lpips where it was computed, else the
            first.
        budget: bytes of text that all pictures may take.
        device: where models make their pictures.
        seed: of the random pairs.

    Returns:
        The gallery, or None where there is nothing to show; and a sentence for each subject whose
        pictures could not be had.
    """
    leader = section.subjects[0]
    found = _leading(leader, by)
    if found is None:
        return None, [f"no gallery: {leader.label} has no {by or 'scores'} of each pair"]
    protocol, columns = found
    direction = columns[0].direction
    chosen = choose(_values(section, protocol, columns[0])[0], direction, count, seed)
    pictures, problems = _find_all(section, chosen, device)
    if not pictures:
        return None, problems
    addresses, exact = embed(_named(pictures, chosen), budget)
    first = next(iter(pictures.values()))[0].target
    gallery = Gallery(
        column=columns[0].name,
        leader=leader.label,
        cards=_cards(section, protocol, columns, chosen, addresses),
        sortings=[
            Sorting(f"{label}:{column.name}", column.heading, label, column.direction)
            for column in columns
            for label in section.evaluations
        ],
        attention=_attention(section, chosen, pictures, addresses),
        exact=exact,
        ratio=first.width / first.height,
    )
    return gallery, problems


class _Column(NamedTuple):
    name: str
    direction: str

    @property
    def heading(self) -> str:
        return f"{self.name} {ARROWS[self.direction]}"


def _leading(leader: Subject, by: str | None) -> tuple[ProtocolScores, list[_Column]] | None:
    """Return the first protocol with such a column, and its columns, that one first."""
    for protocol in leader.evaluation.protocols:
        row = own_row(protocol)
        names = list(protocol.per_image.get(row, {}))
        wanted = by if by is not None else "lpips" if "lpips" in names else next(iter(names), None)
        if wanted in names:
            names.sort(key=lambda name: name != wanted)
            return protocol, [_Column(n, protocol.scores[row][n].direction) for n in names]
    return None


def _values(section: Section, protocol: ProtocolScores, column: _Column) -> list[list[float]]:
    """Return each subject's values on the section's common pairs, NaN where it has none."""
    found = []
    for number, subject in enumerate(section.subjects):
        values = [math.nan] * subject.evaluation.pairs
        for other in subject.evaluation.protocols:
            if title(other) == title(protocol):
                values = other.per_image.get(own_row(other), {}).get(column.name, values)
        found.append([values[places[number]] for places in section.places])
    return found


#: Label -> the pictures of the chosen pairs, in their order.
_Pictures = Mapping[str, Sequence[PairPictures]]


def _find_all(
    section: Section, chosen: Sequence[Choice], device: str
) -> tuple[_Pictures, list[str]]:
    """Return the pictures of the chosen pairs, and why some subjects have none."""
    pictures, problems = {}, []
    for number, subject in enumerate(section.subjects):
        places = [section.places[choice.place][number] for choice in chosen]
        try:
            pictures[subject.label] = find_pictures(subject, device)(places)
        except Exception as error:  # a plugin's model or data set raises anything
            _log.debug("no pictures of %s", subject.label, exc_info=error)
            kind = "" if isinstance(error, PosegenError) else f"{type(error).__name__}: "
            problems.append(f"no pictures of {subject.label}: {kind}{error}")
    return pictures, problems


def _named(pictures: _Pictures, chosen: Sequence[Choice]) -> dict[str, Image.Image]:
    """Return every picture that the page needs, once, under a name."""
    named: dict[str, Image.Image] = {}
    for label, of_subject in pictures.items():
        for number, pair in enumerate(of_subject):
            if pair.source is not None:
                named.setdefault(f"source {number}", pair.source)
            named.setdefault(f"target {number}", pair.target)
            named[f"made {number} {label}"] = pair.generated
            if number in _first_of_each(chosen):
                for block, drawn in enumerate(pair.attention):
                    named[f"attention {number} {block} {label}"] = drawn
    return named


def _first_of_each(chosen: Sequence[Choice]) -> list[int]:
    """Return which of the chosen pairs show attention: the first of each kind."""
    first: dict[str, int] = {}
    for number, choice in enumerate(chosen):
        first.setdefault(choice.reason, number)
    return list(first.values())


def _cards(
    section: Section,
    protocol: ProtocolScores,
    columns: Sequence[_Column],
    chosen: Sequence[Choice],
    addresses: Mapping[str, str],
) -> list[Card]:
    labels, names = list(section.evaluations), section.names()
    values = {column.name: _values(section, protocol, column) for column in columns}
    cards = []
    for number, choice in enumerate(chosen):
        here = {
            (label, column): of_subjects[place][choice.place]
            for column, of_subjects in values.items()
            for place, label in enumerate(labels)
            if math.isfinite(of_subjects[place][choice.place])
        }
        card = Card(
            source_name=names[choice.place][0],
            target_name=names[choice.place][1],
            reason=choice.reason,
            source=addresses.get(f"source {number}"),
            target=addresses.get(f"target {number}"),
            made={label: addresses.get(f"made {number} {label}") for label in labels},
            shown={
                label: [f"{c} {_shown(value)}" for (of, c), value in here.items() if of == label]
                for label in labels
            },
            values={f"{label}:{column}": value for (label, column), value in here.items()},
        )
        cards.append(card)
    return cards


def _shown(value: float) -> str:
    return f"{value:.{2 if abs(value) >= 10 else 4}f}"


def _attention(
    section: Section,
    chosen: Sequence[Choice],
    pictures: _Pictures,
    addresses: Mapping[str, str],
) -> list[Attention]:
    rows, names = [], section.names()
    for number in _first_of_each(chosen):
        for label, of_subject in pictures.items():
            if not of_subject[number].attention:
                continue
            row = [
                (name, "", address)
                for name in ("source", "target")
                if (address := addresses.get(f"{name} {number}"))
            ]
            row.append(("generated", "", addresses[f"made {number} {label}"]))
            for block, (low, high) in enumerate(of_subject[number].ranges):
                address = addresses[f"attention {number} {block} {label}"]
                row.append((f"block {block + 1}", f"{low:.2f}–{high:.2f}", address))
            rows.append(Attention(label, names[chosen[number].place][1], row))
    return rows
