from __future__ import annotations

import json

import pytest
import torch

from posegen.compute.process import Process
from posegen.core import DataError
from posegen.data.loading import to_uint8
from posegen.evaluation.saved import MADE_FROM, SavedImages
from posegen.evaluation.streams import Loading, ModelPairs

CPU = Process(torch.device("cpu"))
MADE = {"weights": "ab12", "data": {"name": "pairs"}, "rounding": "round"}


@pytest.fixture
def stream(pairs, encoder, tmp_path):
    """`stream(generate)`: seven pairs in batches of two, kept in one folder."""

    def make(generate):
        saved = SavedImages(tmp_path / "kept", MADE, to_uint8)
        return ModelPairs(generate, pairs(7), encoder, loading=Loading(2), process=CPU, saved=saved)

    return make


def pictures(stream):
    return torch.cat([batch.generated["model"] for batch in stream])


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


def test_pictures_of_something_else_are_refused(tmp_path):
    SavedImages(tmp_path / "kept", MADE, to_uint8)
    with pytest.raises(DataError, match="made from other weights, data or numbers"):
        SavedImages(tmp_path / "kept", {**MADE, "weights": "cd34"}, to_uint8)
    (tmp_path / "kept" / MADE_FROM).unlink()
    (tmp_path / "kept" / "photo.png").write_bytes(b"")
    with pytest.raises(DataError, match=rf"holds files and no {MADE_FROM}"):
        SavedImages(tmp_path / "kept", MADE, to_uint8)


def test_a_damaged_picture_is_named(tmp_path):
    saved = SavedImages(tmp_path, MADE, to_uint8)
    path = saved.path("a.jpg", "b.jpg")
    path.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"a___b\.png: cannot be decoded; delete it"):
        saved.read([("a.jpg", "b.jpg")])


def test_names_become_one_flat_folder(tmp_path):
    saved = SavedImages(tmp_path, MADE, to_uint8)
    names = [("fashion/WOMEN/1_front.jpg", "person.7")]
    saved.write(names, torch.zeros(1, 3, 4, 4))
    assert saved.path(*names[0]).name == "fashion_WOMEN_1_front___person.7.png"
    assert saved.read(names).eq(128).all()
    assert json.loads((tmp_path / MADE_FROM).read_text()) == MADE
