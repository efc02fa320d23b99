from __future__ import annotations

import json

import pytest
import torch

from posegen.compute.process import Process
from posegen.core import Batch, DataError
from posegen.core.writing import PART
from posegen.data.loading import to_uint8
from posegen.evaluation.results.files import RECORD
from posegen.evaluation.saved import SavedImages
from posegen.evaluation.streams import Loading, ModelPairs

CPU = Process(torch.device("cpu"))
MADE = {"weights": "ab12", "data": {"name": "pairs"}, "seed": 0, "rounding": "round"}


@pytest.fixture
def stream(pairs, encoder, tmp_path):
    """`stream(generate)`: seven pairs in batches of two, kept in one folder."""

    def make(generate):
        saved = SavedImages(tmp_path / "kept", MADE, to_uint8)
        return ModelPairs(generate, pairs(7), encoder, loading=Loading(2), process=CPU, saved=saved)

    return make


def pictures(stream):
    return torch.cat([rows["model"] for _, rows in stream])


def of_pair(source, target, level=0):
    images = torch.full((1, 3, 4, 4), level, dtype=torch.uint8)
    return Batch({"source": images}, source_names=[source], target_names=[target])


def test_an_interrupted_evaluation_makes_only_what_is_missing(stream, pairs, encoder, tmp_path):
    made = []

    def generate(batch):
        if len(made) == 2 and not again:
            raise KeyboardInterrupt
        made.append(batch.source_names)
        return batch.source * 0.3

    again = False
    with pytest.raises(KeyboardInterrupt):
        pictures(stream(generate))
    assert made == [["s0", "s1"], ["s2", "s3"]]

    again = True
    whole = pictures(stream(generate))
    assert made[2:] == [["s4", "s5"], ["s6"]]
    assert len(list((tmp_path / "kept").glob("*.png"))) == 7

    def never(batch):
        raise AssertionError("everything is there")

    assert torch.equal(pictures(stream(never)), whole)
    fresh = ModelPairs(generate, pairs(7), encoder, loading=Loading(2), process=CPU)
    assert torch.equal(whole, to_uint8(pictures(fresh)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 1}, "another seed; give another folder"),
        (
            {"weights": "cd34", "rounding": "truncate"},
            "another rounding and weights",
        ),
        ({"encoder": {"name": "one-hot"}}, "another encoder; give"),
        ({"sampling": {"steps": 4}}, "another sampling; give"),
    ],
)
def test_pictures_made_by_something_else_are_refused(tmp_path, change, words):
    saved = SavedImages(tmp_path / "kept", MADE, to_uint8)
    saved.write(of_pair("a", "b"), torch.zeros(1, 3, 4, 4))
    with pytest.raises(DataError, match=words):
        SavedImages(tmp_path / "kept", {**MADE, **change}, to_uint8)
    (tmp_path / "kept" / RECORD).write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        SavedImages(tmp_path / "kept", MADE, to_uint8)
    (tmp_path / "kept" / RECORD).unlink()
    with pytest.raises(DataError, match=f"{RECORD}: cannot be read"):
        SavedImages(tmp_path / "kept", MADE, to_uint8)


def test_what_a_killed_run_leaves_does_not_block_the_folder(tmp_path):
    SavedImages(tmp_path / "kept", MADE, to_uint8)
    (tmp_path / "kept" / f".{RECORD}.17{PART}").mkdir()
    SavedImages(tmp_path / "kept", {**MADE, "seed": 1}, to_uint8)
    assert json.loads((tmp_path / "kept" / RECORD).read_text())["seed"] == 1


def test_a_picture_of_a_pair_that_has_changed_is_made_again(tmp_path):
    saved = SavedImages(tmp_path, MADE, to_uint8)
    saved.write(of_pair("a", "b"), torch.zeros(1, 3, 4, 4))
    assert saved.read(of_pair("a", "b")) is not None
    assert saved.read(of_pair("a", "b", level=1)) is None


def test_a_damaged_picture_is_named(tmp_path):
    saved = SavedImages(tmp_path, MADE, to_uint8)
    saved.path("a.jpg", "b.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"a___b\.png: cannot be decoded; delete it"):
        saved.read(of_pair("a.jpg", "b.jpg"))


def test_names_become_one_flat_folder(tmp_path):
    saved = SavedImages(tmp_path, MADE, to_uint8)
    names = ("fashion/WOMEN/1_front.jpg", "person.7")
    saved.write(of_pair(*names), torch.zeros(1, 3, 4, 4))
    assert saved.path(*names).name == "fashion_WOMEN_1_front___person.7.png"
    assert saved.read(of_pair(*names)).eq(128).all()
    assert json.loads((tmp_path / RECORD).read_text()) == MADE
