"""What a study has found: R2G and G2R, with intervals. Free of torch.

R2G is the share of real pictures that were taken for generated, G2R the share of generated ones
that were taken for real (the user study of Zhu et al., Progressive Pose Attention Transfer for
Person Image Generation, CVPR 2019). Where nobody can tell them apart, both are at one half.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from posegen.evaluation.statistics import interval
from posegen.reports.published import published_studies
from posegen.reports.studies.folder import Answer, Kind, Shown, Study, Turn

#: Fewer participants say nothing about others.
_PARTICIPANTS = 5


@dataclass(frozen=True)
class Rate:
    """A share of answers.

    Attributes:
        value: wrong / count; None where nobody has answered.
        wrong, count: answers that were wrong, and all that count.
        interval: Wilson's 95% interval, which takes the answers as independent.
        between: 95% bootstrap interval over participants, of the mean of their shares; None for
            fewer than five.
    """

    value: float | None
    wrong: int
    count: int
    interval: tuple[float, float] | None = None
    between: tuple[float, float] | None = None


@dataclass(frozen=True)
class ModelRates:
    """What was found about one model.

    Attributes:
        model: its name.
        r2g, g2r: the shares.
        participants: who have given at least one answer that counts.
        unfinished: those of them who have not answered the whole round.
        milliseconds: the median from a picture's appearance to the key; None without answers.
    """

    model: str
    r2g: Rate
    g2r: Rate
    participants: int
    unfinished: int
    milliseconds: float | None


@dataclass(frozen=True)
class Judged:
    """How often a picture was taken for what it is not.

    Attributes:
        model: of its round.
        picture: which one.
        wrong, count: wrong answers, and all that count.
    """

    model: str
    picture: Shown
    wrong: int
    count: int


def rates(study: Study) -> list[ModelRates]:
    """Return what a study has found so far, model by model."""
    return [_model(study, number) for number in range(len(study.plan.rounds))]


def judged(study: Study) -> list[Judged]:
    """Return every picture that was asked about, those that deceived most first."""
    counts: dict[str, list[int]] = {}
    for _, turn, answer in _counted(study):
        counts.setdefault(turn.picture.id, []).append(answer.answer != turn.picture.kind)
    found = [
        Judged(one.model, picture, sum(counts[picture.id]), len(counts[picture.id]))
        for one in study.plan.rounds
        for picture in one.pictures
        if picture.id in counts
    ]
    return sorted(found, key=lambda one: (-one.wrong / one.count, -one.count, one.picture.id))


def as_json(study: Study) -> dict[str, Any]:
    """Return all of it as plain values: the models' rates, the pictures', and published ones.

    Returns:
        `seconds`, `practice`; `participants`: code -> number of answers; `models`, see
        `ModelRates`; `pictures`; `published`: studies of others, each with `comparable`, whether it
        is about the same data.
    """
    return {
        "seconds": study.plan.seconds,
        "practice": study.plan.practice,
        "participants": {code: len(given) for code, given in study.answers.items()},
        "models": [asdict(one) for one in rates(study)],
        "pictures": [
            {**one.picture.model_dump(), "model": one.model, "wrong": one.wrong, "count": one.count}
            for one in judged(study)
        ],
        "published": [
            {**table.model_dump(exclude={"names"}), "comparable": comparable}
            for table, comparable in beside(study)
        ],
    }


def beside(study: Study) -> Iterator[tuple[Any, bool]]:
    """Yield published studies, and whether each is about the data that this one is about."""
    targets = [picture.target for one in study.plan.rounds for picture in one.pictures]
    for table in published_studies():
        yield table, table.is_about(targets)


def _counted(study: Study) -> Iterator[tuple[str, Turn, Answer]]:
    """Yield the answers that count: who, to what, and what."""
    for participant, given in study.answers.items():
        for turn, answer in zip(study.plan.order(participant), given, strict=False):
            if not turn.practice:
                yield participant, turn, answer


def _model(study: Study, number: int) -> ModelRates:
    wrong: dict[Kind, dict[str, list[bool]]] = {"real": {}, "generated": {}}
    counts: dict[str, int] = {}
    times = []
    for participant, turn, answer in _counted(study):
        if turn.round == number:
            kind = turn.picture.kind
            wrong[kind].setdefault(participant, []).append(answer.answer != kind)
            counts[participant] = counts.get(participant, 0) + 1
            times.append(answer.milliseconds)
    whole = len(study.plan.rounds[number].pictures) - study.plan.practice
    return ModelRates(
        model=study.plan.rounds[number].model,
        r2g=_rate(wrong["real"]),
        g2r=_rate(wrong["generated"]),
        participants=len(counts),
        unfinished=sum(count < whole for count in counts.values()),
        milliseconds=median(times) if times else None,
    )


def _rate(wrong: Mapping[str, Sequence[bool]]) -> Rate:
    """Return the share of wrong answers: participant -> whether each was wrong."""
    every = [one for given in wrong.values() for one in given]
    if not every:
        return Rate(None, 0, 0)
    from scipy.stats import binomtest  # here, because it takes half a second

    found = binomtest(sum(every), len(every)).proportion_ci(0.95, method="wilson")
    shares = [sum(given) / len(given) for given in wrong.values()]
    between = interval(shares) if len(shares) >= _PARTICIPANTS else None
    return Rate(
        value=sum(every) / len(every),
        wrong=sum(every),
        count=len(every),
        interval=(float(found.low), float(found.high)),
        between=between,
    )
