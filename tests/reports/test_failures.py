"""Scores by cause, and how the gallery shows the worst pairs of each."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from posegen.evaluation.record import read, write
from posegen.evaluation.result import BASELINE
from posegen.reports.choosing import Choice, by_cause, choose, with_causes
from posegen.reports.failures import failures
from posegen.reports.page import make_report
from posegen.reports.subjects import open_subjects, sections

CAUSES = [("large turn",), ("large turn", "rare pose"), (), ()] * 3


@pytest.fixture
def hard(trained: Path, tmp_path: Path) -> Path:
    """The trained run, whose pairs have causes."""
    folder = tmp_path / "hard"
    shutil.copytree(trained, folder)
    evaluation = read(folder)
    subject = {**evaluation.subject, "path": str(folder)}
    write(replace(evaluation, causes=CAUSES, subject=subject), folder)
    return folder


def test_a_row_for_each_cause(hard: Path) -> None:
    (section,) = sections(open_subjects([hard]))
    table = failures(section)
    assert table is not None
    assert list(table.columns.items()) == [("ssim", "higher"), ("l1", "lower")]
    found = {row["name"]: row for row in table.rows}
    assert {name: row["pairs"] for name, row in found.items()} == {
        "all pairs": 12,
        "large turn": 6,
        "rare pose": 3,
        "none of these": 6,
    }
    values = section.subjects[0].evaluation.protocols[0].per_image
    mean = sum(values["patn"]["ssim"][place] for place in (1, 5, 9)) / 3
    lines = dict(found["rare pose"]["lines"])
    assert lines["hard"][0] == f"{mean:.4f}"
    assert list(lines) == ["hard", BASELINE]
    worst = values["patn"]["ssim"].index(min(values["patn"]["ssim"]))  # a tenth of twelve is one
    assert found["large turn"]["worst"] == float("large turn" in CAUSES[worst])
    assert found["all pairs"]["worst"] == 1.0


def test_several_subjects_are_beside_each_other(hard: Path, results: Path) -> None:
    """Theirs has two pairs less, in another order; the causes are those of the common pairs."""
    (section,) = sections(open_subjects([hard, results]))
    table = failures(section, by="l1")
    assert table is not None
    found = {row["name"]: row for row in table.rows}
    assert found["all pairs"]["pairs"] == len(section.places) == 10
    assert found["large turn"]["pairs"] == sum("large turn" in own for own in CAUSES[2:])
    assert [label for label, _ in found["rare pose"]["lines"]] == ["hard", "theirs", BASELINE]


def test_without_poses_there_is_no_table(trained: Path) -> None:
    (section,) = sections(open_subjects([trained]))
    assert failures(section) is None
    assert 'id="failures-1"' not in make_report(open_subjects([trained]), gallery=0).html


def test_the_page_groups_the_worst(hard: Path) -> None:
    page = make_report(open_subjects([hard]), gallery=12)
    cards = _cards(page.html)
    assert len(cards) == 12
    worst = [card["data-causes"] for card in cards if card["data-reason"] == "worst"]
    assert len(worst) == 4
    order = ["large turn", "large turn; rare pose", ""]
    groups = [min(order.index(cause), 1) if cause else 2 for cause in worst]
    assert sorted(groups, key=lambda group: group == 2) == groups
    assert any("rare pose" in cause for cause in worst)
    assert "<option>rare pose</option>" in page.html
    assert "rare pose" in page.html[page.html.index('id="failures-1"') :]
    assert json.loads(json.dumps(page.problems)) == []


def test_a_cause_that_none_of_the_worst_has_gets_a_place() -> None:
    values = [float(n) for n in range(12)]  # the worst first
    causes: list[tuple[str, ...]] = [("large turn",)] * 6 + [("small person",)] + [()] * 5
    chosen = choose(values, "higher", 9)
    assert [choice.place for choice in chosen if choice.reason == "worst"] == [0, 1, 2]
    changed = with_causes(chosen, values, "higher", causes)
    places = {choice.place for choice in chosen}
    wanted = [0, 1, 2] if 6 in places else [0, 1, 6]
    assert [choice.place for choice in changed if choice.reason == "worst"] == wanted
    assert len(changed) == len(chosen)
    assert with_causes(chosen, values, "higher", []) == chosen
    nothing = [Choice(0, "random")]
    assert with_causes(nothing, [math.nan], "higher", [("rare pose",)]) == nothing


def test_groups_keep_their_order() -> None:
    causes = [(), ("rare pose",), ("unseen joints",), ("rare pose", "small person")]
    assert by_cause([0, 3, 1, 2], causes) == [2, 3, 1, 0]
    assert by_cause([2, 1], []) == [2, 1]


class _Cards(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "li" and given.get("class") == "card":
            self.found.append(given)


def _cards(html: str) -> list[dict[str, str]]:
    parser = _Cards()
    parser.feed(html)
    return parser.found
