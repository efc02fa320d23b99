"""Own photos and videos: cut around the person, keypoints moved along, split by person."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from PIL import Image

from posegen.core.errors import ConfigError, DataError
from posegen.data.config import Market1501Config
from posegen.data.framing import Frame, follow, frame_around
from posegen.data.own import LOST, NOBODY, NOT_VALID, OwnCounts, OwnOptions, from_folder
from posegen.data.posing import PeopleFinder, build_finder
from posegen.data.published import PublishedDataset

SIZE = (128, 64)


@pytest.fixture
def finder(dots: ModuleType) -> PeopleFinder:
    return build_finder("dots", {}, torch.device("cpu"))


@pytest.fixture
def shoot(dots: ModuleType, tmp_path: Path) -> Callable[..., Path]:
    """Write a photo of a person somewhere in a wide picture."""

    def write(name: str, seed: int, left: int = 60, nobody: bool = False, **options: Any) -> Path:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        person = dots.picture(dots.pose(seed, (240, 120), **options), (240, 120), 3)
        sheet = Image.new("RGB", (400, 300), dots.GROUND)
        if not nobody:
            sheet.paste(person, (left, 40))
        sheet.save(path, quality=95, subsampling=0)
        return path

    return write


def make(finder: PeopleFinder, tmp_path: Path, **options: Any) -> OwnCounts:
    chosen = OwnOptions(**{"size": SIZE, "image_format": "png", **options})
    root = tmp_path / "photos"
    return from_folder(root, tmp_path / "out", finder, chosen, lambda done: None)


def open_splits(tmp_path: Path) -> tuple[PublishedDataset, PublishedDataset]:
    config = Market1501Config(root=tmp_path / "out")
    return PublishedDataset(config, "train"), PublishedDataset(config, "test")


def test_a_folder_per_person(
    finder: PeopleFinder, shoot: Callable[..., Path], dots: ModuleType, tmp_path: Path
) -> None:
    for person in ("Anna B", "bert", "0000", "dora_1"):
        for shot in range(3):
            shoot(f"{person}/{shot}.jpg", seed=len(person) + shot, left=40 * shot)
    shoot("bert/empty.jpg", 0, nobody=True)
    shoot("bert/feet.jpg", 0, missing=["left_shoulder"])
    (tmp_path / "photos/bert/notes.txt").write_text("x")
    counts = make(finder, tmp_path)
    assert counts.people == {"p0000": 3, "Anna-B": 3, "bert": 3, "dora-1": 3}
    assert dict(counts.left_out) == {NOBODY: 1, NOT_VALID: 1}
    assert counts.pairs == {"train": 18, "test": 6}
    assert not counts.one_person
    train, test = open_splits(tmp_path)
    assert (len(train), len(test)) == (18, 6)
    people = [{pair.source_name.partition("_")[0] for pair in split} for split in (train, test)]
    assert not people[0] & people[1]
    for dataset in (train, test):
        for pair in dataset:
            assert pair.source.shape == (3, *SIZE)
            # What the keypoints say is what is seen in the new picture.
            seen = finder([pair.source])[0][0]
            assert torch.allclose(seen, pair.source_keypoints, atol=1.6)


def test_splits_are_seeded_by_person(
    finder: PeopleFinder, shoot: Callable[..., Path], tmp_path: Path
) -> None:
    for number in range(6):
        for shot in range(2):
            shoot(f"p{number}/{shot}.jpg", seed=shot)
    drawn = set()
    for seed in range(4):
        out = tmp_path / f"out{seed}"
        options = OwnOptions(size=SIZE, test=0.34, seed=seed)
        counts = from_folder(tmp_path / "photos", out, finder, options, lambda done: None)
        assert counts.pairs == {"train": 8, "test": 4}
        drawn.add((out / "market-pairs-test.csv").read_text())
    assert len(drawn) > 1


def test_nothing_is_distorted(dots: ModuleType) -> None:
    keypoints = dots.pose(3, (240, 120))
    for size in ((128, 64), (256, 176), (64, 64)):
        frame = frame_around(keypoints, (240, 120), size)
        left, top, right, bottom = frame.box
        assert (right - left) / (bottom - top) == pytest.approx(size[1] / size[0])
        moved = frame.move(keypoints)
        scale = size[0] / (bottom - top)
        before = keypoints[:, None, :2] - keypoints[None, :, :2]
        after = moved[:, None, :2] - moved[None, :, :2]
        assert torch.allclose(after, before * scale, atol=1e-3)
        assert moved[:, 0].min() > -0.5
        assert moved[:, 0].max() < size[1] - 0.5


def test_a_frame_stays_in_the_picture_where_it_fits() -> None:
    keypoints = torch.zeros(18, 3)
    keypoints[:2] = torch.tensor([[10.0, 20.0, 1.0], [30.0, 120.0, 1.0]])
    left, top, right, bottom = frame_around(keypoints, (400, 400), (128, 64)).box
    assert (left, top) == (0, pytest.approx(5.5))
    assert (right, bottom) == (pytest.approx(65), pytest.approx(135.5))
    # A picture that is as tight as those of the data sets is taken whole.
    tight = frame_around(keypoints, (128, 64), (128, 64)).box
    assert tight == (0, 0, 64, 128)


def test_what_lies_outside_repeats_the_edge() -> None:
    image = torch.arange(4, dtype=torch.uint8).mul(50).view(1, 1, 4).expand(3, 8, 4).contiguous()
    cut = Frame((-4.0, 0.0, 8.0, 8.0), (8, 12)).cut(image)
    assert cut.shape == (3, 8, 12)
    assert cut[0, 0].tolist() == [0, 0, 0, 0, 0, 50, 100, 150, 150, 150, 150, 150]


def person_at(x: float, y: float = 50.0) -> torch.Tensor:
    points = torch.zeros(18, 3)
    points[:4] = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 40.0], [10.0, 40.0]]).repeat(1, 1)[
        :, [0, 1, 1]
    ]
    points[:4, 0] += x
    points[:4, 1] += y
    points[:4, 2] = 1
    return points


def test_the_same_person_is_followed() -> None:
    a, b = person_at(20), person_at(100)
    assert torch.equal(follow(torch.stack([b, a]), None), b)  # type: ignore[arg-type]
    step = follow(torch.stack([person_at(98), person_at(23)]), a)
    assert step is not None
    assert step[0, 0] == 23
    assert follow(torch.stack([b]), a) is None
    assert follow(torch.zeros(0, 18, 3), a) is None
    assert follow(torch.zeros(0, 18, 3), None) is None
    other = torch.zeros(1, 18, 3)
    other[0, 10] = torch.tensor([20.0, 50.0, 1.0])  # no joint in common
    assert follow(other, a) is None


def test_a_single_person_is_split_by_pictures(
    finder: PeopleFinder, shoot: Callable[..., Path], tmp_path: Path
) -> None:
    for shot in range(8):
        shoot(f"{shot}.jpg", seed=shot)
    counts = make(finder, tmp_path)
    assert counts.people == {"photos": 8}
    assert counts.one_person
    assert counts.pairs == {"train": 30, "test": 2}
    _, test = open_splits(tmp_path)
    assert {pair.source_name for pair in test} == {"photos_000006.png", "photos_000007.png"}


def test_pairs_are_limited(
    finder: PeopleFinder, shoot: Callable[..., Path], tmp_path: Path
) -> None:
    for person in "ab":
        for shot in range(4):
            shoot(f"{person}/{shot}.jpg", seed=shot)
    assert make(finder, tmp_path, pairs=5).pairs == {"train": 5, "test": 5}


def test_videos_are_people(finder: PeopleFinder, dots: ModuleType, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    (tmp_path / "photos").mkdir()
    for person in ("anna", "bert"):
        with av.open(str(tmp_path / "photos" / f"{person}.mp4"), "w") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.height, stream.width, stream.bit_rate = 256, 128, 20_000_000
            for number in range(8):
                keypoints = dots.pose(1, (256, 128))
                keypoints[:, 0] += number
                if number == 4:
                    keypoints[:] = 0
                image = dots.picture(keypoints, (256, 128), 4)
                for packet in stream.encode(av.VideoFrame.from_image(image)):
                    container.mux(packet)
            container.mux(stream.encode())
    counts = make(finder, tmp_path, every=2)
    assert counts.people == {"anna": 3, "bert": 3}
    assert dict(counts.left_out) == {NOBODY: 2}
    assert counts.pairs == {"train": 6, "test": 6}


def test_somebody_else_in_a_video_is_not_taken(
    dots: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from posegen.data import own
    from posegen.data.footage import Picture

    class Video:
        names = None

        def __init__(self, path: Path, every: int = 1) -> None:
            pass

        def read(self) -> Any:
            for number in range(6):
                yield Picture(f"v_{number:06d}", torch.zeros(3, 240, 400, dtype=torch.uint8))

    seen = iter(range(6))

    def finder(images: Any) -> list[torch.Tensor]:
        number = next(seen)
        person, other = dots.pose(1, (240, 120)), dots.pose(2, (240, 120))
        person[:, 0] += 2 * number
        other[:, 0] += 200
        people = [other] if number == 3 else [person] if number == 0 else [other, person]
        return [torch.stack(people)]

    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "anna.mp4").touch()
    monkeypatch.setattr(own, "Footage", Video)
    counts = make(finder, tmp_path)  # type: ignore[arg-type]
    assert counts.people == {"anna": 5}
    assert dict(counts.left_out) == {LOST: 1}
    rows = (tmp_path / "out" / "market-annotation-train.csv").read_text().splitlines()
    assert len({row.partition(":")[2] for row in rows[1:]}) == 1  # one person, always in the middle


def test_what_folders_can_be_wrong_in(
    finder: PeopleFinder, shoot: Callable[..., Path], tmp_path: Path
) -> None:
    root = tmp_path / "photos"

    def sentence() -> str:
        with pytest.raises((DataError, ConfigError)) as caught:
            make(finder, tmp_path)
        text = str(caught.value)
        assert text.endswith(".")
        assert not list(tmp_path.glob("out*"))
        return text

    assert "no such folder or video" in sentence()
    root.mkdir()
    assert "holds no folder of a person" in sentence()
    (root / "anna").mkdir()
    assert "anna: holds no picture and no video" in sentence()
    shoot("anna/1.jpg", 1)
    assert "needs two pictures with both shoulders" in sentence()
    assert "anna 1" in sentence()
    loose = shoot("loose.jpg", 1)
    assert "belongs to nobody" in sentence()
    loose.unlink()
    shoot("an na/1.jpg", 1)
    shoot("an_na/1.jpg", 1)
    assert "there is another person 'an-na'" in sentence()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").touch()
    with pytest.raises(ConfigError, match="not an empty folder"):
        make(finder, tmp_path)
