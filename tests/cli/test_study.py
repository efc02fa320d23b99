"""`posegen study`, from scored pictures to a report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from posegen.reports.studies.folder import Answer, Study

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def made(call: Call, scored: tuple[Path, Path], tmp_path: Path) -> Path:
    out = tmp_path / "study"
    code, said, _ = call(
        "study", "new", *scored, "--allow", scored[0].parent,
        "--out", out, "--pictures", "4", "--practice", "1",
    )  # fmt: skip
    assert code == 0
    assert f"{out}: 16 pictures in 2 rounds; next: posegen study run {out} --open" in said
    return out


def answer(folder: Path, participant: str, count: int) -> None:
    """Take every picture for a real one."""
    study = Study(folder)
    for _ in range(count):
        _, turn = study.turn(participant)
        assert turn is not None
        study.add(
            Answer(
                participant=participant, picture=turn.picture.id, answer="real",
                milliseconds=500, at="2026-01-01T00:00:00+00:00",
            )
        )  # fmt: skip


def test_scores_stand_beside_published_ones(call: Call, made: Path) -> None:
    code, out, err = call("study", "score", made)
    assert code == 0
    assert f"Nobody has answered yet: posegen study run {made}" in err
    answer(made, "anna", 16)
    answer(made, "ben", 2)
    code, out, err = call("study", "score", made)
    assert code == 0
    rows = {tuple(line.split()[:2]): line.split() for line in out.splitlines() if line.strip()}
    share, answers, people = (rows["good", "G2R"][place] for place in (2, 3, 4))
    assert share == "100.0"
    assert answers.endswith("–100.0")
    assert people == "–", "two people are too few"
    assert rows["bad", "R2G"][2] == "0.0"
    assert "1 rounds are not finished" in err
    assert "Published, Market-1501" in out
    assert "other data: not comparable" in out
    assert ("PG2", "11.2") in rows
    code, out, _ = call("study", "score", made, "--json")
    found = json.loads(out)
    assert found["participants"] == {"anna": 16, "ben": 2}
    assert [one["model"] for one in found["models"]] == ["good", "bad"]
    assert found["models"][0]["g2r"]["value"] == 1
    assert found["published"][0]["comparable"] is False


def test_a_report_has_it(call: Call, made: Path, scored: tuple[Path, Path], tmp_path: Path) -> None:
    answer(made, "anna", 16)
    page, numbers = tmp_path / "page.html", tmp_path / "numbers.json"
    code, _, _ = call(
        "report", scored[0], "--gallery", "0", "--study", made, "--out", page, "--json", numbers
    )
    assert code == 0
    assert "User study" in page.read_text()
    assert json.loads(numbers.read_text())["study"]["participants"] == {"anna": 16}


def test_mistakes_are_told_in_a_sentence(
    call: Call, made: Path, scored: tuple[Path, Path], tmp_path: Path
) -> None:
    cases = {
        ("new", scored[0], "--out", made): "is there already",
        ("new", scored[0], "--out", tmp_path / "x", "--pictures", "9"): "give --pictures 4 at most",
        ("new", scored[0], "--out", tmp_path / "x", "--pictures", "4", "--practice", "1"): (
            "which nobody has allowed"
        ),
        ("new", tmp_path, "--out", tmp_path / "x"): "no scores.json in it",
        ("run", tmp_path): "no study.json in it",
        ("score", tmp_path): "no study.json in it",
    }
    for words, said in cases.items():
        code, out, err = call("study", *words)
        assert (code, out) == (2, "")
        assert said in err
    assert not (tmp_path / "x").exists()
    assert call("report", scored[0], "--study", tmp_path)[0] == 2


def test_one_server_at_a_time_asks(call: Call, made: Path) -> None:
    from posegen.core.files import held

    with held(made):
        code, _, err = call("study", "run", made)
    assert code == 2
    assert "is at work there" in err
