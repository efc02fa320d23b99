"""A study as a folder: `study.json`, `pictures/`, and `answers.jsonl`, a line for each answer.

Who has answered so far is in the answers alone, and who is shown what, and when, follows from the
participant's code: so a study goes on where it stopped, whatever was stopped. Free of torch.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, ValidationError

from posegen.core.config import Config
from posegen.core.errors import ConfigError, DataError, PosegenError
from posegen.core.files import read_regular
from posegen.core.texts import parse_json, read_text

PLAN, PICTURES, ANSWERS = "study.json", "pictures", "answers.jsonl"

#: Bytes: a million answers take less; a picture of a study is a small PNG.
_MOST, _LARGEST = 2**28, 2**25

Kind = Literal["real", "generated"]


class Shown(Config):
    """A picture of a study.

    Attributes:
        id: its file's name without `.png`; it says nothing about the picture.
        kind: what it is.
        source, target: names of its pair.
    """

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    kind: Kind
    source: str
    target: str


class Round(Config):
    """What is shown of one model: real and generated pictures.

    Attributes:
        model: its name in tables.
        path: what was scored, as it was given.
        pictures: in no order that matters.
    """

    model: str
    path: str
    pictures: Annotated[Sequence[Shown], Field(min_length=2)]


class Plan(Config):
    """What a study shows.

    Attributes:
        version: of this file's form.
        posegen: the version that made it.
        seed: of everybody's order.
        seconds: how long a picture is seen.
        practice: how many of a round's first answers do not count.
        rounds: one for each model.
    """

    version: Literal[1] = 1
    posegen: str
    seed: int
    seconds: Annotated[float, Field(gt=0, le=60)]
    practice: Annotated[int, Field(ge=0)]
    rounds: Annotated[Sequence[Round], Field(min_length=1)]

    @property
    def total(self) -> int:
        """How many pictures each participant is asked about."""
        return sum(len(one.pictures) for one in self.rounds)

    def order(self, participant: str) -> list[Turn]:
        """Return what a participant is shown, round by round, each order a random one of theirs."""

        def drawn(what: str) -> str:
            return hashlib.sha256(f"{self.seed}\n{participant}\n{what}".encode()).hexdigest()

        numbers = sorted(range(len(self.rounds)), key=lambda number: drawn(f"round {number}"))
        return [
            Turn(number, place, picture, place < self.practice)
            for number in numbers
            for place, picture in enumerate(
                sorted(self.rounds[number].pictures, key=lambda picture: drawn(picture.id))
            )
        ]


class Turn(NamedTuple):
    """What a participant is asked at one place of their order.

    Attributes:
        round: its number in the plan.
        place: within the round.
        picture: what is shown.
        practice: whether the answer does not count.
    """

    round: int
    place: int
    picture: Shown
    practice: bool


class Answer(Config):
    """What a participant said of a picture.

    Attributes:
        participant: their code.
        picture: its id.
        answer: what they took it for.
        milliseconds: from the picture's appearance to the key.
        at: when, as ISO 8601.
    """

    participant: str
    picture: str
    answer: Kind
    milliseconds: Annotated[int, Field(ge=0)]
    at: str


class Study:
    """A study's plan, and the answers so far.

    Args:
        folder: made by `make_study`.

    Raises:
        ConfigError: where it is no study.
        DataError: where its files cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / PLAN).is_file():
            raise ConfigError(
                f"{folder}: no {PLAN} in it; make a study with `posegen study new RUN --out DIR`."
            )
        try:
            self.plan = Plan.model_validate(parse_json(read_text(folder / PLAN)))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise DataError(f"{folder / PLAN}: {where}: {first['msg']}.") from None
        except (OSError, ValueError) as error:
            raise DataError(f"{folder / PLAN}: cannot be read ({error}).") from None
        self._answers, self._size = self._read()

    @property
    def answers(self) -> Mapping[str, Sequence[Answer]]:
        """Participant -> their answers, in their order."""
        return self._answers

    def turn(self, participant: str) -> tuple[int, Turn | None]:
        """Return how many answers a participant has given, and what they are asked next."""
        count = len(self._answers.get(participant, ()))
        order = self.plan.order(participant)
        return count, order[count] if count < len(order) else None

    def picture(self, picture: Shown) -> bytes:
        """Return a picture's file.

        Raises:
            DataError: where it is gone.
        """
        path = self.folder / PICTURES / f"{picture.id}.png"
        try:
            return read_regular(path, _LARGEST)
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}).") from None

    def add(self, answer: Answer) -> None:
        """Keep an answer: when this returns, it is on the disk.

        Raises:
            DataError: where another picture is due.
            PosegenError: where it cannot be written; then nothing of it is there.
        """
        _, due = self.turn(answer.participant)
        if due is None or due.picture.id != answer.picture:
            raise DataError("this picture is not the one that is asked about.")
        line = answer.model_dump_json().encode() + b"\n"
        path = self.folder / ANSWERS
        try:
            with path.open("ab") as file:
                # A line that a killed process, or a full disk, has left unfinished was never
                # acknowledged: its picture is asked about again.
                file.truncate(self._size)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
            raise PosegenError(f"{path}: the answer cannot be written ({reason}).") from None
        self._size += len(line)
        self._answers.setdefault(answer.participant, []).append(answer)

    def _read(self) -> tuple[dict[str, list[Answer]], int]:
        """Return the answers, and how many bytes of the file are whole lines.

        Raises:
            DataError: naming the first line that cannot be one of this study.
        """
        path = self.folder / ANSWERS
        try:
            data = read_regular(path, _MOST) if path.exists() else b""
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
        whole = data[: data.rfind(b"\n") + 1]
        answers: dict[str, list[Answer]] = {}
        orders: dict[str, list[Turn]] = {}
        for row, line in enumerate(whole.splitlines(), start=1):
            try:
                answer = Answer.model_validate_json(line)
            except ValidationError as error:
                said = error.errors(include_url=False, include_input=False)[0]["msg"]
                raise DataError(f"{path}, row {row}: not an answer ({said}).") from None
            known = answers.setdefault(answer.participant, [])
            order = orders.setdefault(answer.participant, self.plan.order(answer.participant))
            if len(known) == len(order) or order[len(known)].picture.id != answer.picture:
                raise DataError(
                    f"{path}, row {row}: not what {answer.participant!r} was asked at that place; "
                    "the file is of another study, or was changed."
                )
            known.append(answer)
        return answers, len(whole)
