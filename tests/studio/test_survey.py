"""The server of a user study, asked as its page asks, and as nobody should."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from small_study import COLOURS, small_study

pytest.importorskip("starlette")

from starlette.testclient import TestClient

from posegen.core.errors import PosegenError
from posegen.reports.studies.folder import Study
from posegen.studio.survey import Survey

Client = Callable[..., TestClient]
KINDS = {colour: kind for kind, colour in COLOURS.items()}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(small_study(tmp_path / "study", ("one", "two")))


@pytest.fixture
def asked(client: Client, study: Study) -> TestClient:
    return client(app=Survey(study).application())


def following(client: TestClient, participant: str = "anna") -> dict[str, Any]:
    answer = client.post("/api/next", json={"participant": participant})
    assert answer.status_code == 200
    state: dict[str, Any] = answer.json()
    return state


def kind(state: dict[str, Any]) -> str:
    data = base64.b64decode(state["picture"].partition(",")[2])
    return KINDS[Image.open(io.BytesIO(data)).getpixel((0, 0))]


def said(client: TestClient, place: int, answer: str = "real", who: str = "anna") -> Any:
    body = {"participant": who, "place": place, "answer": answer, "milliseconds": 700}
    return client.post("/api/answer", json=body)


def test_it_asks_about_every_picture_once_and_keeps_the_answers(
    asked: TestClient, study: Study
) -> None:
    about = asked.get("/api/about").json()
    assert about == {"pictures": 8, "rounds": 2, "seconds": 1.0, "practice": 1}
    state, seen = following(asked), []
    while state["picture"] is not None:
        seen.append((state["round"], state["first"], state["practice"], kind(state)))
        state = said(asked, state["place"], kind(state)).json()
    assert [one[:3] for one in seen] == [
        (part, place == 0, place == 0) for part in (1, 2) for place in range(4)
    ]
    assert sorted(one[3] for one in seen) == ["generated"] * 4 + ["real"] * 4
    lines = (study.folder / "answers.jsonl").read_text().splitlines()
    kinds = {one.id: one.kind for part in study.plan.rounds for one in part.pictures}
    assert all(kinds[json.loads(line)["picture"]] == json.loads(line)["answer"] for line in lines)
    assert len(lines) == 8


def test_the_page_learns_nothing_of_a_picture_but_its_pixels(asked: TestClient) -> None:
    state = following(asked)
    assert set(state) == {"place", "picture", "round", "first", "practice"}
    with Image.open(io.BytesIO(base64.b64decode(state["picture"].partition(",")[2]))) as shown:
        assert not shown.info


def test_people_do_not_meet_and_a_code_is_written_in_one_way(asked: TestClient) -> None:
    said(asked, 0, who="Anna ")
    assert following(asked, " anna")["place"] == 1
    assert following(asked, "ben")["place"] == 0
    said(asked, 0, who="ben")
    assert following(asked, "ANNA")["place"] == 1


def test_an_answer_counts_once(asked: TestClient, study: Study) -> None:
    first = following(asked)
    assert said(asked, 0).status_code == 200
    again = said(asked, 0, "generated")
    assert again.status_code == 409
    assert again.json() == {"error": "that picture has its answer already."}
    assert said(asked, 2).status_code == 409, "nor before its picture was shown"
    assert [one.answer for one in study.answers["anna"]] == ["real"]
    assert following(asked)["picture"] != first["picture"]


def test_another_start_goes_on_where_this_one_ended(
    asked: TestClient, study: Study, client: Client
) -> None:
    for place in range(3):
        assert said(asked, place).status_code == 200
    due = following(asked)
    other = client(app=Survey(Study(study.folder)).application())
    assert following(other) == due
    assert following(other)["place"] == 3


def test_an_answer_that_cannot_be_kept_is_told_and_asked_again(
    asked: TestClient, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(answer: object) -> None:
        raise PosegenError("answers.jsonl: the answer cannot be written (the disk is full).")

    monkeypatch.setattr(study, "add", full)
    answer = said(asked, 0)
    assert answer.status_code == 500
    assert "the disk is full" in answer.json()["error"]
    assert following(asked)["place"] == 0


GOOD = {"participant": "anna", "place": 0, "answer": "real", "milliseconds": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"participant": ""},
        {"participant": "  \n"},
        {"participant": "a" * 41},
        {"participant": "a\u202eb"},
        {"participant": "a\x00"},
        {"participant": 7},
        {"place": -1},
        {"place": "first"},
        {"place": 10**9},
        {"answer": "perhaps"},
        {"answer": None},
        {"milliseconds": -5},
        {"milliseconds": 1e300},
        {"milliseconds": 10**12},
        {"picture": "../../etc/passwd"},
    ],
)
def test_what_is_no_answer_is_refused_and_not_kept(
    asked: TestClient, study: Study, wrong: dict[str, object]
) -> None:
    answer = asked.post("/api/answer", json={**GOOD, **wrong})
    assert answer.status_code == 422
    assert answer.json()["error"].endswith(".")
    assert not study.answers
    assert not (study.folder / "answers.jsonl").exists()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-length": "99999999"}, 413),
    ],
)
def test_it_has_the_studios_door(
    asked: TestClient, study: Study, headers: dict[str, str], status: int
) -> None:
    content = json.dumps(GOOD).encode()
    plain = {"content-type": "application/json"}
    answer = asked.post("/api/answer", content=content, headers={**plain, **headers})
    assert answer.status_code == status
    assert not study.answers


def test_nothing_is_answered_without_the_token(client: Client, study: Study) -> None:
    bare = client(app=Survey(study).application(), cookie=False)
    for path in ("/", "/study.js", "/api/about"):
        assert bare.get(path).status_code == 401
    assert bare.post("/api/answer", json=GOOD).status_code == 401


@pytest.mark.parametrize("path", ["/study.json", "/answers.jsonl", "/pictures/", "/main.js"])
def test_the_studys_files_are_not_served(asked: TestClient, path: str) -> None:
    assert asked.get(path).status_code == 404
