"""The server of a user study: what its page asks for. `security.Guard` stands before it.

The page learns of a picture nothing but its pixels.
"""

from __future__ import annotations

import base64
import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from posegen.reports.studies.folder import Answer, Study
from posegen.studio.asked import parsed
from posegen.studio.pages import ERRORS, JSON, pages
from posegen.studio.security import Refused, read_body

_LARGEST = 10_000
#: The longest a participant may think, in milliseconds: a day.
_LONGEST = 86_400_000


def _code(text: str) -> str:
    """Return a participant's code, written in one way."""
    code = " ".join(unicodedata.normalize("NFC", text).split()).casefold()
    if not code or not code.isprintable():
        raise ValueError("a code is a word or a number")
    return code


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")
    participant: Annotated[str, Field(max_length=40), AfterValidator(_code)]


class Next(_Asked):
    """What is to be asked next?"""


class Said(_Asked):
    """An answer."""

    place: int = Field(ge=0, lt=1_000_000)
    answer: Literal["real", "generated"]
    milliseconds: int = Field(ge=0, lt=_LONGEST)


class Survey:
    """The endpoints of a study.

    Args:
        study: what is asked, and where answers are kept.
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    def application(self) -> ASGIApp:
        """Return the application, without its guard."""
        routes = [
            *pages("study", shared=("style.css", "api.js", "icon.svg")),
            Route("/api/about", self.about),
            Route("/api/next", self.next, methods=["POST"]),
            Route("/api/answer", self.answer, methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers=ERRORS)

    async def about(self, request: Request) -> Response:
        """Say how long it takes."""
        plan = self._study.plan
        return JSONResponse(
            {
                "pictures": plan.total,
                "rounds": len(plan.rounds),
                "seconds": plan.seconds,
                "practice": plan.practice,
            }
        )

    async def next(self, request: Request) -> Response:
        """Return the next picture of a participant."""
        want = parsed(Next, await read_body(request, _LARGEST, JSON))
        return JSONResponse(self._due(want.participant))

    async def answer(self, request: Request) -> Response:
        """Keep an answer, and return the next picture."""
        want = parsed(Said, await read_body(request, _LARGEST, JSON))
        # Nothing is awaited from here on: two requests cannot get between each other.
        count, turn = self._study.turn(want.participant)
        if turn is None or want.place != count:
            raise Refused(409, "that picture has its answer already.")
        self._study.add(
            Answer(
                participant=want.participant,
                picture=turn.picture.id,
                answer=want.answer,
                milliseconds=want.milliseconds,
                at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
        )
        return JSONResponse(self._due(want.participant))

    def _due(self, participant: str) -> dict[str, Any]:
        """Return the state of a participant: `place`, and of a picture what the page shows."""
        count, turn = self._study.turn(participant)
        if turn is None:
            return {"place": count, "picture": None}
        rounds = list(dict.fromkeys(one.round for one in self._study.plan.order(participant)))
        data = base64.b64encode(self._study.picture(turn.picture)).decode("ascii")
        return {
            "place": count,
            "picture": f"data:image/png;base64,{data}",
            "round": rounds.index(turn.round) + 1,
            "first": turn.place == 0,
            "practice": turn.practice,
        }
