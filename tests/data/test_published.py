from __future__ import annotations

import pickle
import time
import unicodedata
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.io import write_png

from posegen.core.errors import DataError
from posegen.data.check.checks import check
from posegen.data.config import DeepFashionConfig, Market1501Config
from posegen.data.published import PublishedDataset

JOINTS = 18


def numbers(value: int, count: int = JOINTS) -> list[int]:
    return [value] * count


def test_reads_pairs_images_and_keypoints(market: Any) -> None:
    dataset = PublishedDataset(market.save(), "train")
    assert len(dataset) == 4
    assert dataset.image_size == (16, 8)
    pair = dataset[2]
    assert (pair.source_name, pair.target_name) == ("a.png", "c.png")
    assert torch.equal(pair.source, market.pixels[0])
    assert torch.equal(pair.target, market.pixels[2])
    assert pair.source_mask is None
    assert pair.source_keypoints[0].tolist() == [0, 1, 1]  # x, y, visibility of the nose
    assert pair.source_keypoints[16:].tolist() == [[0, 0, 0], [0, 0, 0]]  # either is -1


def test_is_a_sequence(market: Any) -> None:
    dataset = PublishedDataset(market.save(), "train")
    assert len(list(dataset)) == 4
    assert dataset[-1].source_name == "c.png"
    with pytest.raises(IndexError):
        dataset[4]


def test_blank_lines_quotes_and_line_ends_do_not_matter(market: Any) -> None:
    market.pairs[2] = '"b.png","a.png"'
    market.pairs.append("")
    config = market.save()
    for path in (config.annotations("train"), config.pairs("train")):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert PublishedDataset(config, "train")[1].source_name == "b.png"


def test_a_name_with_a_comma_is_quoted(market: Any) -> None:
    config = market.save()
    for path in (config.annotations("train"), config.pairs("train")):
        path.write_text(path.read_text().replace("b.png", "b,2.png"))
    pairs = config.pairs("train")
    pairs.write_text(pairs.read_text().replace("b,2.png", '"b,2.png"'))
    (market.images / "b.png").rename(market.images / "b,2.png")
    assert PublishedDataset(config, "train")[1].source_name == "b,2.png"


@pytest.mark.parametrize("apart", ["files", "annotations", "pairs"])
def test_letters_and_accents_may_be_apart(market: Any, apart: str) -> None:
    def names(what: str) -> list[str]:
        form = "NFD" if what == apart else "NFC"
        return [unicodedata.normalize(form, f"Zo\u00eb_{n}.png") for n in "abc"]

    for old, new in zip(market.names, names("files"), strict=True):
        (market.images / old).rename(market.images / new)
    market.annotations = [market.annotations[0], *map(market.row, names("annotations"))]
    a, b, c = names("pairs")
    market.pairs = ["from,to", f"{a},{b}", f"{b},{c}"]
    dataset = PublishedDataset(market.save(), "train")
    assert [torch.equal(dataset[i].source, market.pixels[i]) for i in range(2)] == [True, True]
    assert dataset[0].source_name == "Zo\u00eb_a.png"
    remarks = [r for r in check(market.config, lambda *_: None).remarks if r.split == "train"]
    assert [remark for remark in remarks if remark.level == "error"] == []
    assert "missing" not in str(remarks)


def test_images_may_lie_beside_the_tables(market: Any) -> None:
    config = market.save()
    market.images.rename(config.root / "train")
    assert torch.equal(PublishedDataset(config, "train")[0].source, market.pixels[0])


def test_pickles_without_the_tables(market: Any) -> None:
    dataset = PublishedDataset(market.save(), "train")
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copy[3].source, dataset[3].source)


def test_missing_image_names_the_first_pair_that_needs_it(market: Any) -> None:
    config = market.save()
    (market.images / "c.png").unlink()
    with pytest.raises(DataError, match=r"market-pairs-train\.csv, row 4: .*c\.png is not there"):
        PublishedDataset(config, "train")


def test_unused_image_may_be_missing(market: Any) -> None:
    market.pairs = market.pairs[:3]
    config = market.save()
    (market.images / "c.png").unlink()
    assert len(PublishedDataset(config, "train")) == 2


@pytest.mark.parametrize("table", ["annotations", "pairs"])
def test_missing_table(market: Any, table: str) -> None:
    path = getattr(market.save(), table)("train")
    path.unlink()
    with pytest.raises(DataError, match=f"{path}: no such file"):
        PublishedDataset(market.config, "train")


@pytest.mark.parametrize("table", ["annotations", "pairs"])
@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "row 1: the header is ''"), (b"\xff\xfe\x00", "row 1: the header is")],
)
def test_empty_or_binary_table(market: Any, table: str, content: bytes, says: str) -> None:
    path = getattr(market.save(), table)("train")
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        PublishedDataset(market.config, "train")
    assert str(caught.value).startswith(str(path))
    assert says in str(caught.value)


def test_no_pairs(market: Any) -> None:
    market.pairs = market.pairs[:1]
    with pytest.raises(DataError, match=r"market-pairs-train\.csv: holds no usable pair below"):
        PublishedDataset(market.save(), "train")


def test_no_annotations(market: Any) -> None:
    market.annotations = market.annotations[:1]
    with pytest.raises(DataError, match=r"row 2: 'a\.png' has no usable row in market-annotation"):
        PublishedDataset(market.save(), "train")


def test_missing_folders(market: Any, tmp_path: Path) -> None:
    config = market.save()
    with pytest.raises(DataError, match=r"nowhere: no such folder.*market-pairs-train\.csv"):
        PublishedDataset(Market1501Config(root=tmp_path / "nowhere"), "train")
    market.images.rename(tmp_path / "away")
    with pytest.raises(DataError, match=r"market_data.train: no such folder, nor .*train"):
        PublishedDataset(config, "train")


def test_the_size_is_read_from_the_first_picture(market: Any) -> None:
    open_config = market.save().model_copy(update={"image_size": None})
    assert PublishedDataset(open_config, "train").image_size == (16, 8)
    (market.images / "a.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"a\.png: cannot be decoded as a picture"):
        PublishedDataset(open_config, "train")
    for picture in market.images.iterdir():
        picture.unlink()
    with pytest.raises(DataError, match=r"train: holds no picture"):
        PublishedDataset(open_config, "train")


def test_image_of_another_size(market: Any) -> None:
    dataset = PublishedDataset(market.save(), "train")
    write_png(torch.zeros(3, 20, 12, dtype=torch.uint8), str(market.images / "b.png"))
    with pytest.raises(DataError) as caught:
        dataset[0]
    sentence = str(caught.value)
    assert sentence.startswith(f"{market.images / 'b.png'}: the image is 20×12")
    assert "not 16×8" in sentence
    assert "--set data.image_size=[20,12]" in sentence


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n broken"])
def test_undecodable_image(market: Any, content: bytes) -> None:
    dataset = PublishedDataset(market.save(), "train")
    (market.images / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.png: cannot be decoded as a picture"):
        dataset[0]


def test_grey_images_become_rgb(market: Any) -> None:
    dataset = PublishedDataset(market.save(), "train")
    write_png(torch.full((1, 16, 8), 9, dtype=torch.uint8), str(market.images / "a.png"))
    assert dataset[0].source.unique().tolist() == [9]
    assert dataset[0].source.shape == (3, 16, 8)


@pytest.mark.parametrize(("x", "fits"), [(-40, True), (47, True), (-41, False), (48, False)])
def test_deepfashion_joints_may_lie_in_the_cropped_border(market: Any, x: int, fits: bool) -> None:
    config = DeepFashionConfig(root=market.config.root, image_size=(16, 8))
    market.images.rename(config.root / "train")
    market.annotations[2] = market.row("b.png", numbers(1), numbers(x))
    config.annotations("train").write_text("\n".join(market.annotations))
    config.pairs("train").write_text("\n".join(market.pairs))
    if fits:
        assert PublishedDataset(config, "train")[0].target_keypoints[0].tolist() == [x, 1, 1]
    else:
        with pytest.raises(DataError, match=rf"fasion-resize-annotation.*row 3: .*x={x} "):
            PublishedDataset(config, "train")


def test_opens_all_of_market_quickly_and_processes_share_it(tmp_path: Path) -> None:
    """The published sizes: 12,936 images and 263,632 pairs of names as long as theirs."""
    config = Market1501Config(root=tmp_path, image_size=(128, 64))
    folder = config.image_folders("train")[0]
    folder.mkdir(parents=True)
    names = [f"{i:04d}_c1s1_{i:06d}_00.jpg.jpg" for i in range(12_936)]
    for name in names:
        (folder / name).touch()
    values = [(7 * j) % 64 for j in range(JOINTS)]
    rows = [f"{name}: {values}: {values}" for name in names]
    config.annotations("train").write_text("\n".join(["name:keypoints_y:keypoints_x", *rows]))
    count = 263_632
    pairs = (f"{names[i % 12_936]},{names[(i * 31 + 1) % 12_936]}" for i in range(count))
    config.pairs("train").write_text("\n".join(["from,to", *pairs]))
    start = time.process_time()
    dataset = PublishedDataset(config, "train")
    seconds = time.process_time() - start
    assert len(dataset) == count
    assert seconds < 2  # 0.4 s on an idle core
    # What a loading process gets is handles of shared memory, and no list of anything.
    assert len(ForkingPickler.dumps(dataset)) < 10_000
    assert not [v for v in vars(dataset).values() if isinstance(v, list | set) and len(v) > 9]
