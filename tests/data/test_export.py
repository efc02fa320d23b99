from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from posegen.core.batches import Pair
from posegen.core.contracts import PairDataset
from posegen.core.errors import ConfigError, DataError
from posegen.data.config import DeepFashionConfig, Market1501Config, Split
from posegen.data.export import ImageFormat, Layout, export_published
from posegen.data.published import PublishedDataset

SIZE = (16, 8)


@pytest.fixture
def people(noise: Any) -> dict[Split, PairDataset]:
    train, test = noise.NoiseDataset(3, extra=False), noise.NoiseDataset(2, 3, extra=False)
    return {"train": train, "test": test}


class Three(PairDataset):
    """Pairs of three images with the given names, and keypoints at the edges."""

    def __init__(self, *names: str, skeleton: str = "openpose18") -> None:
        self.image_size = SIZE
        self.skeleton = skeleton
        self.names = names

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Pair:
        keypoints = torch.tensor([[3.5, 4.5, 1.0]]).repeat(18, 1)
        keypoints[0] = torch.tensor([-0.4, 15.4, 0.5])  # rounds into the image
        keypoints[1] = torch.tensor([7.6, 3.0, 1.0])  # rounds out of it
        keypoints[2] = torch.tensor([3.0, -0.6, 1.0])
        keypoints[3] = torch.tensor([3.0, 3.0, 0.0])
        images = [torch.full((3, *SIZE), 80 * i, dtype=torch.uint8) for i in range(3)]
        return Pair(
            source=images[0],
            target=images[1 + index],
            source_keypoints=keypoints,
            target_keypoints=keypoints,
            source_name=self.names[0],
            target_name=self.names[1 + index],
        )


@pytest.mark.parametrize(
    ("layout", "config"), [("market1501", Market1501Config), ("deepfashion", DeepFashionConfig)]
)
def test_png_round_trip(people: Any, tmp_path: Path, layout: Layout, config: Any) -> None:
    export_published(people, tmp_path / "out", layout, "png")
    for split, dataset in people.items():
        read = PublishedDataset(config(root=tmp_path / "out", image_size=SIZE), split)
        assert len(read) == len(dataset)
        for pair, original in zip(read, dataset, strict=True):
            assert (pair.source_name, pair.target_name) == original[4:6]
            assert torch.equal(pair.source, original.source)
            assert torch.equal(pair.target, original.target)
            seen = original.source_keypoints[:, 2] > 0
            assert torch.equal(pair.source_keypoints[:, 2] > 0, seen)
            rounded = original.source_keypoints[seen, :2].round()
            assert torch.equal(pair.source_keypoints[seen, :2], rounded)


def test_jpeg_keeps_full_colour_resolution(people: Any, tmp_path: Path) -> None:
    export_published(people, tmp_path / "out", image_format="jpg")
    dataset = PublishedDataset(Market1501Config(root=tmp_path / "out", image_size=SIZE), "train")
    assert dataset[0].source_name == "n000_00.jpg"
    difference = dataset[0].source.float() - people["train"][0].source.float()
    assert difference.abs().mean() < 8  # noise is the worst that JPEG can get
    with Image.open(tmp_path / "out/market_data/train/n000_00.jpg") as image:
        assert all(layer[1:3] == (1, 1) for layer in image.layer)


def test_writes_the_published_text(tmp_path: Path) -> None:
    export_published({"train": Three("a.jpg", "b.png", "c")}, tmp_path / "out", image_format="png")
    annotations = (tmp_path / "out/market-annotation-train.csv").read_text().splitlines()
    assert annotations[0] == "name:keypoints_y:keypoints_x"
    y = [15, -1, -1, -1, *[4] * 14]
    x = [0, -1, -1, -1, *[4] * 14]
    assert annotations[1:] == [f"{name}.png: {y}: {x}" for name in "abc"]
    pairs = (tmp_path / "out/market-pairs-train.csv").read_text()
    assert pairs == "from,to\na.png,b.png\na.png,c.png\n"


def test_what_has_no_place_is_left_out_and_named(noise: Any, tmp_path: Path) -> None:
    left_out = export_published({"train": noise.NoiseDataset(1)}, tmp_path / "out")
    assert left_out == ["source_mask", "target_mask", *noise.FIELDS]
    assert export_published({"train": Three("a", "b", "c")}, tmp_path / "other") == []


def test_each_image_is_written_once(people: Any, tmp_path: Path) -> None:
    export_published(people, tmp_path / "out")
    assert len(list((tmp_path / "out/market_data/train").iterdir())) == 9
    assert len((tmp_path / "out/market-annotation-train.csv").read_text().splitlines()) == 10


def test_limit_and_progress(people: Any, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    export_published(people, tmp_path / "out", limit=4, progress=lambda *done: calls.append(done))
    assert calls[-1] == (8, 8)
    for split in ("train", "test"):
        config = Market1501Config(root=tmp_path / "out", image_size=SIZE)
        assert len(PublishedDataset(config, split)) == 4


@pytest.mark.parametrize("image_format", ["jpg", "png"])
def test_is_deterministic(people: Any, tmp_path: Path, image_format: ImageFormat) -> None:
    for out in ("one", "two"):
        export_published(people, tmp_path / out, image_format=image_format)
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*")]
    assert len(files) == 9 + 6 + 4
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_refuses_what_exists_and_accepts_an_empty_folder(people: Any, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    for path in (tmp_path / "full", tmp_path / "full/file"):
        with pytest.raises(ConfigError, match="is not an empty folder"):
            export_published(people, path)
    (tmp_path / "empty").mkdir()
    export_published(people, tmp_path / "empty", limit=1)
    assert (tmp_path / "empty/market-pairs-train.csv").is_file()


def test_names_stay_in_the_folder(tmp_path: Path) -> None:
    dataset = Three("../up.png", "x/y, z.png", "a:b.png")
    export_published({"train": dataset}, tmp_path / "out", image_format="png")
    assert {path.name for path in (tmp_path / "out/market_data/train").iterdir()} == {
        ".._up.png",
        "x_y__z.png",
        "a_b.png",
    }
    PublishedDataset(Market1501Config(root=tmp_path / "out", image_size=SIZE), "train")


def test_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x_y\.jpg: images 'x/y\.png' and 'x_y\.png'"):
        export_published({"train": Three("x/y.png", "x_y.png", "c")}, tmp_path / "out")
    with pytest.raises(ConfigError, match="skeleton 'coco17'"):
        export_published({"train": Three("a", "b", "c", skeleton="coco17")}, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
