"""The packed cache gives the pictures that the files give."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch.utils.data import DataLoader
from torchvision.io import write_png

from posegen.core import DataError, Field, FieldKind, Pair
from posegen.data.loading import collate
from posegen.data.published import PublishedDataset


def packed(market: Any, cache: Path = Path("auto")) -> PublishedDataset:
    return PublishedDataset(market.save().model_copy(update={"cache": cache}), "train")


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("train-*.safetensors"))


def test_same_pairs_as_without(market: Any) -> None:
    plain = PublishedDataset(market.save(), "train")
    with_cache = packed(market)
    for a, b in zip(plain, with_cache, strict=True):
        assert torch.equal(a.source, b.source)
        assert torch.equal(a.target, b.target)
        assert torch.equal(a.source_keypoints, b.source_keypoints)
        assert (a.source_name, a.target_name) == (b.source_name, b.target_name)


def test_the_pictures_are_not_read_again(market: Any) -> None:
    dataset = packed(market)
    for path in market.images.iterdir():
        path.unlink()
    assert torch.equal(dataset[2].target, market.pixels[2])


def test_the_file_is_a_safetensors_file(market: Any, tmp_path: Path) -> None:
    packed(market, tmp_path / "elsewhere")
    (path,) = files(tmp_path / "elsewhere")
    tensors = load_file(path)
    assert torch.equal(tensors["pictures"], market.pixels)
    assert tensors["good"].tolist() == [True] * 3
    with safe_open(path, framework="pt") as file:
        assert json.loads(file.metadata()["names"]) == market.names


def test_a_changed_picture_is_packed_anew(market: Any) -> None:
    packed(market)
    folder = market.config.root / "packed"
    (first,) = files(folder)
    packed(market)
    assert files(folder) == [first]
    write_png(255 - market.pixels[1], str(market.images / "b.png"))
    dataset = packed(market)
    assert len(files(folder)) == 2
    assert torch.equal(dataset[0].target, 255 - market.pixels[1])


@pytest.mark.parametrize("damage", ["cut", "none", "other", "header"])
def test_a_damaged_file_is_packed_anew(
    market: Any, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = packed(market)[0]
    (path,) = files(market.config.root / "packed")
    content = path.read_bytes()
    other = to_bytes({"pictures": torch.zeros(2), "good": torch.zeros(2)})
    damaged = {"cut": content[:-9], "none": b"", "other": other, "header": b"\xff" * 99}
    path.unlink()  # it is mapped into memory
    path.write_bytes(damaged[damage])
    again = packed(market)[0]
    assert torch.equal(again.source, whole.source)
    assert "damaged" in caplog.text
    assert path.read_bytes() == content


def test_only_pictures_with_a_pair_are_packed(market: Any) -> None:
    market.pairs = market.pairs[:3]
    packed(market)
    (path,) = files(market.config.root / "packed")
    assert load_file(path)["pictures"].shape == (2, 3, 16, 8)


def test_what_cannot_be_finished_leaves_nothing(market: Any) -> None:
    market.save()
    (market.images / "c.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"c\.png: cannot be decoded"):
        packed(market)
    assert list((market.config.root / "packed").iterdir()) == []


def test_a_cache_that_cannot_be_written_says_so(market: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot be written .*data\.cache=DIR"):
        packed(market, tmp_path / "file" / "below")


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_processes_share_the_file(market: Any, context: str) -> None:
    dataset = packed(market)
    loader = DataLoader(
        dataset,
        batch_size=2,
        collate_fn=collate,
        num_workers=2,
        multiprocessing_context=context,
    )
    batches = list(loader)
    assert torch.equal(batches[1].target, market.pixels[[2, 0]])
    assert batches[1].target_names == ["c.png", "a.png"]


def test_it_travels_as_a_path(market: Any) -> None:
    dataset = packed(market)
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copy[1].source, dataset[1].source)
    assert len(pickle.dumps(dataset._packed)) < 500


def test_every_picture_of_the_folder_is_an_image(market: Any) -> None:
    dataset = packed(market)
    write_png(market.pixels[0], str(market.images / "0.png"))
    (market.images / "notes.txt").write_text("x")
    (market.images / ".hidden.png").write_text("x")
    images = dict(dataset.images())
    assert list(images) == ["0.png", "a.png", "b.png", "c.png"]
    assert torch.equal(images["c.png"], market.pixels[2])
    (market.images / "0.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"0\.png: cannot be decoded"):
        list(dataset.images())
    skipping = market.config.model_copy(update={"skip_bad": True})
    assert list(dict(PublishedDataset(skipping, "train").images())) == ["a.png", "b.png", "c.png"]


class WithStyle(PublishedDataset):
    """Adds a field of its own."""

    fields: ClassVar[dict[str, Field]] = {"style": Field(FieldKind.VECTOR, 2)}

    def __getitems__(self, indices: list[int]) -> list[Pair]:
        pairs = super().__getitems__(indices)
        return [
            pair._replace(extra={"style": torch.tensor([float(index), 1.0])})
            for index, pair in zip(indices, pairs, strict=True)
        ]


def test_fields_of_a_data_sets_own_are_kept(market: Any) -> None:
    config = market.save()
    plain = WithStyle(config, "train")
    with_cache = WithStyle(config.model_copy(update={"cache": Path("auto")}), "train")
    a, b = (collate(d.__getitems__([2, 1]), d.fields) for d in (plain, with_cache))
    assert torch.equal(b["style"], torch.tensor([[2.0, 1.0], [1.0, 1.0]]))
    assert all(torch.equal(a[name], b[name]) for name in a.tensors)
