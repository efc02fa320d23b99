"""A run's scores are never replaced by less."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from posegen.core.specs import BASELINE
from posegen.evaluation.kept import keep, others
from posegen.evaluation.record import read
from posegen.evaluation.result import (
    Evaluation,
    ProtocolScores,
    Score,
    data_title,
)


def scored(
    pairs: int = 40, value: float | None = 0.5, columns: str = "ssim", **subject: object
) -> Evaluation:
    def score(name: str) -> Score:
        return Score(name, value, pairs, "higher", "how", None if value is not None else "why.")

    names = [(f"s{n}", f"t{n}") for n in range(pairs)]
    row = {name: score(name) for name in columns.split(",")}
    values = {name: [value] * pairs for name in row if value is not None}
    about = {
        "kind": "model",
        "path": "runs/a",
        "weights": "w1",
        "trained_on": True,
        "data": {"name": "people", "split": "test"},
    }
    protocol = ProtocolScores(
        "posegen-1", 1, "", {}, {"a": row, BASELINE: row}, {"a": values, BASELINE: values}
    )
    return Evaluation({**about, **subject}, names, [protocol], 1.0)


def top(folder: Path) -> Evaluation:
    return read(folder)


def test_a_quick_look_does_not_replace_all_pairs(tmp_path: Path) -> None:
    keep(scored(40), tmp_path)
    kept = keep(scored(5, 0.9), tmp_path)
    assert "keeps the scores over 40 pairs of people (test)" in kept.note
    assert top(tmp_path).pairs == 40
    (aside,) = others(tmp_path)
    assert read(aside).pairs == 5
    assert all(file.is_file() and file.parent == aside for file in kept.files)
    keep(scored(5, 0.8), tmp_path)  # the same look again: its folder is written anew
    assert others(tmp_path) == [aside]
    assert read(aside).protocols[0].scores["a"]["ssim"].value == 0.8


def test_all_pairs_take_the_place_of_a_quick_look(tmp_path: Path) -> None:
    keep(scored(5), tmp_path)
    kept = keep(scored(40), tmp_path)
    assert top(tmp_path).pairs == 40
    (aside,) = others(tmp_path)
    assert read(aside).pairs == 5
    assert str(aside) in kept.note


def test_columns_of_the_same_pairs_are_joined(tmp_path: Path) -> None:
    keep(scored(40, 0.5, "ssim,l1"), tmp_path)
    assert keep(scored(40, 0.7, "l1,psnr"), tmp_path).note == ""
    scores = top(tmp_path).protocols[0].scores["a"]
    assert {name: score.value for name, score in scores.items()} == {
        "ssim": 0.5,
        "l1": 0.7,
        "psnr": 0.7,
    }
    keep(scored(40, None, "ssim,fid"), tmp_path)
    scores = top(tmp_path).protocols[0].scores["a"]
    assert scores["ssim"].value == 0.5  # a score that failed is less than one that is there
    assert scores["fid"].error == "why."
    assert top(tmp_path).protocols[0].values("a", "ssim") == [0.5] * 40
    assert not others(tmp_path)


@pytest.mark.parametrize(
    ("subject", "stays"),
    [
        ({"trained_on": False, "data": {"name": "walk", "split": "test"}}, True),
        ({"weights": "w2"}, False),
        ({"seed": 3}, False),
    ],
)
def test_which_one_is_the_runs_own(subject: dict[str, object], stays: bool, tmp_path: Path) -> None:
    keep(scored(40), tmp_path)
    more = 60 if stays else 10 if "weights" in subject else 40
    keep(scored(more, 0.9, **subject), tmp_path)
    assert (top(tmp_path).protocols[0].scores["a"]["ssim"].value == 0.5) == stays
    assert len(others(tmp_path)) == 1


def test_a_damaged_record_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text("{")
    keep(scored(5), tmp_path)
    assert top(tmp_path).pairs == 5


def test_what_the_targets_look_like_is_kept(tmp_path: Path) -> None:
    one = scored(3)
    looks = [f"128x64:{bytes([level] * 16).hex()}" for level in (1, 2)] + [""]
    keep(replace(one, protocols=[replace(one.protocols[0], looks=looks)]), tmp_path)
    keep(scored(3, columns="l1"), tmp_path)
    assert top(tmp_path).protocols[0].looks == looks


def test_own_photos_are_called_by_their_folder() -> None:
    assert data_title({"name": "market1501", "root": "/x/my-photos"}) == (
        "my-photos (market1501 layout)"
    )
    assert data_title({"name": "market1501", "root": "data/market1501"}) == "market1501"
    assert data_title({"name": "people"}) == "people"
