"""From downloads to published layouts, on trees of people made of dots."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from posegen.core.errors import ConfigError, DataError
from posegen.data.config import DeepFashionConfig, Market1501Config, PublishedConfig
from posegen.data.posing import build_finder
from posegen.data.prepare.recipes import DeepFashion, Market1501, Recipe, fitted
from posegen.data.prepare.run import Request, prepare
from posegen.data.published import PublishedDataset

CPU = torch.device("cpu")


def silent(what: str, done: int, total: int) -> None:
    assert 0 < done <= total, what


def run(raw: Path, recipe: Recipe, **options: Any) -> dict[str, dict[str, int]]:
    if "annotations" not in options:
        options["finder"] = build_finder("dots", {}, CPU)
    return prepare(Request(raw, recipe, **options), silent)  # type: ignore[return-value]


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def names(config: PublishedConfig, split: Any) -> list[str]:
    return [line.partition(":")[0] for line in config.annotations(split).read_text().split("\n")]


def test_market_from_its_folders(raw: Any, tmp_path: Path) -> None:
    out = tmp_path / "market"
    counts = run(raw.market(), Market1501(out))
    assert list(counts["train"].values()) == [9, 9, 8, 2 + 6 + 6, 263_632]
    assert list(counts["test"].values()) == [6, 6, 6, 12, 12_000]
    written = files(out)
    train = [name for name in written if name.startswith("market_data/train/")]
    assert len(train) == 9
    source = raw.root / "Market-1501-v15.09.15/bounding_box_train/0002_c1s1_000001_01.jpg"
    assert written["market_data/train/0002_c1s1_000001_01.jpg"] == source.read_bytes()
    assert not [name for name in written if "-1_" in name or "0000_" in name or "query" in name]
    assert not [name for name in written if "partial" in name]
    pairs = written["market-pairs-train.csv"].decode().split()
    assert pairs[:3] == [
        "from,to",
        # 0002's first picture has no valid pose.
        "0002_c2s1_000002_01.jpg,0002_c3s1_000003_01.jpg",
        "0002_c3s1_000003_01.jpg,0002_c2s1_000002_01.jpg",
    ]
    assert all(a[:4] == b[:4] and a != b for a, b in (p.split(",") for p in pairs[1:]))


def test_keypoints_are_where_the_dots_are(raw: Any, dots: ModuleType, tmp_path: Path) -> None:
    out = tmp_path / "market"
    run(raw.market(), Market1501(out))
    dataset = PublishedDataset(Market1501Config(root=out), "train")
    pair = dataset[0]
    assert pair.source_name == "0002_c2s1_000002_01.jpg"
    assert torch.allclose(pair.source_keypoints, dots.pose(2, (128, 64)), atol=1)
    assert list(map(len, (dataset, PublishedDataset(Market1501Config(root=out), "test")))) == [
        14,
        12,
    ]


def test_deepfashion_is_renamed_and_cut(raw: Any, dots: ModuleType, tmp_path: Path) -> None:
    out = tmp_path / "fashion"
    counts = run(raw.deepfashion(), DeepFashion(out))
    assert counts["train"]["pairs"] == 18
    assert counts["test"]["pairs"] == 12
    config = DeepFashionConfig(root=out)
    assert names(config, "test")[4] == "fashionMENShirts_Polosid0000180202_1front.jpg"
    assert (out / "fashion_data/train/fashionWOMENBlouses_Shirtsid0000069302_4full.jpg").is_file()
    pair = PublishedDataset(config, "test")[0]
    assert pair.source_name == "fashionMENDenimid0000008002_1front.jpg"
    assert pair.source.shape == (3, 256, 176)
    expected = dots.pose(10, (256, 256)) - torch.tensor([40.0, 0.0, 0.0])
    assert torch.allclose(pair.source_keypoints, expected, atol=2)
    # Pixels too: the middle 176 columns, as the published script cuts and saves them.
    whole = raw.root / "In-shop Clothes Retrieval Benchmark/Img/img/MEN/Denim/id_00000080"
    file = io.BytesIO()
    Image.open(whole / "02_1_front.jpg").crop((40, 0, 216, 256)).save(file, "JPEG")
    assert (config.image_folders("test")[0] / pair.source_name).read_bytes() == file.getvalue()


def test_twice_changes_nothing(raw: Any, dots: ModuleType, tmp_path: Path) -> None:
    for tree, recipe in (
        (raw.market(), Market1501(tmp_path / "market")),
        (raw.deepfashion(), DeepFashion(tmp_path / "fashion")),
    ):
        first = run(tree, recipe)
        before = files(recipe.config.root)
        times = {path: path.stat().st_mtime_ns for path in recipe.config.root.rglob("*.*")}
        calls = dots.Dots.calls
        assert run(tree, recipe) == first
        assert files(recipe.config.root) == before
        assert {path: path.stat().st_mtime_ns for path in times} == times
        assert dots.Dots.calls == calls  # nothing was searched again


def test_an_interrupted_job_goes_on(
    raw: Any, dots: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = raw.market()
    run(tree, Market1501(tmp_path / "whole"))
    done = dots.Dots.calls
    real = dots.Dots.__call__

    def fails(self: Any, images: torch.Tensor) -> Any:
        if dots.Dots.calls == done + 3:
            raise KeyboardInterrupt
        return real(self, images)

    recipe = Market1501(tmp_path / "part")
    with monkeypatch.context() as patch:
        patch.setattr(dots.Dots, "__call__", fails)
        with pytest.raises(KeyboardInterrupt):
            run(tree, recipe, finder=build_finder("dots", {}, CPU), batch_size=2)
    found = (tmp_path / "part" / "market-annotation-train.csv.partial").read_text()
    assert len(found.split("\n")) == 1 + 6 + 1  # three batches of two
    run(tree, recipe)
    assert files(tmp_path / "part") == files(tmp_path / "whole")


def test_pictures_that_come_later_are_added(raw: Any, tmp_path: Path) -> None:
    tree, recipe = raw.market(), Market1501(tmp_path / "out")
    late = tree / "bounding_box_train" / "0007_c1s1_000004_01.jpg"
    content = late.read_bytes()
    late.unlink()
    assert run(tree, recipe)["train"]["pairs"] == 2 + 2 + 6
    late.write_bytes(content)
    assert run(tree, recipe)["train"]["pairs"] == 14
    run(tree, Market1501(tmp_path / "whole"))
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_published_files_are_taken_as_they_are(raw: Any, tmp_path: Path) -> None:
    tree = raw.market()
    run(tree, Market1501(tmp_path / "made"))
    given = tmp_path / "given"
    given.mkdir()
    for path in (tmp_path / "made").glob("*.csv"):
        (given / path.name).write_bytes(path.read_bytes())
    # The published files also annotate distractors, and have the test pairs in an order of theirs.
    pairs = given / "market-pairs-test.csv"
    lines = pairs.read_text().split()
    pairs.write_text("\n".join([lines[0], *reversed(lines[5:])]) + "\n")
    annotations = given / "market-annotation-test.csv"
    with annotations.open("a") as file:
        file.write(f"-1_c1s1_000401_03.jpg: {[-1] * 18}: {[-1] * 18}\n")
    counts = run(tree, Market1501(tmp_path / "out"), annotations=given)
    assert counts["test"]["pairs"] == 8
    for path in given.iterdir():
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()
    # Without the pairs they are made of the given keypoints.
    pairs.unlink()
    counts = run(tree, Market1501(tmp_path / "other"), annotations=given)
    assert counts["test"]["pairs"] == 12


def test_leak_free_leaves_the_test_split_and_takes_its_items_out_of_train(
    raw: Any, tmp_path: Path
) -> None:
    tree = raw.deepfashion()
    plain = run(tree, DeepFashion(tmp_path / "plain"))
    clean = run(tree, DeepFashion(tmp_path / "clean", split="leak-free"))
    assert clean["test"] == plain["test"]
    assert (plain["train"]["pictures"], clean["train"]["pictures"]) == (9, 6)
    config = DeepFashionConfig(root=tmp_path / "clean")
    assert not any("id00000080" in name for name in names(config, "train"))
    assert any("id00000080" in name for name in names(config, "test"))
    # The same from the published CSV files.
    given = tmp_path / "plain"
    again = run(
        tree, DeepFashion(tmp_path / "again", split="leak-free"), annotations=given, finder=None
    )
    assert again == clean
    a, b = files(tmp_path / "again"), files(tmp_path / "clean")
    del a["prepare.json"], b["prepare.json"]
    assert a == b


def test_leak_free_needs_no_list(raw: Any, tmp_path: Path) -> None:
    tree = raw.deepfashion(lists=False)
    with pytest.raises(DataError, match=r"train\.lst and test\.lst .*--split leak-free"):
        run(tree, DeepFashion(tmp_path / "published"))
    recipe = DeepFashion(tmp_path / "out", split="leak-free")
    paths = [
        f"img/MEN/Pants/id_{number:08d}/0{view}_1_front.jpg"
        for number in range(400)  # as many items as it takes for both splits
        for view in (1, 2)
    ]
    plan = recipe.plan(paths, None)
    assert len(plan.places) == 800
    train, test = (
        {recipe.config.item(name) for name, own in plan.names.items() if own == split}
        for split in ("train", "test")
    )
    assert not train & test
    assert 20 < len(test) < 80  # 11.65 % of 400


def test_other_sizes_scale_published_keypoints(raw: Any, tmp_path: Path) -> None:
    tree = raw.deepfashion()
    run(tree, DeepFashion(tmp_path / "small"))
    counts = run(
        tree, DeepFashion(tmp_path / "large", size=(512, 352)), annotations=tmp_path / "small"
    )
    assert counts["train"]["pairs"] == 18
    small = PublishedDataset(DeepFashionConfig(root=tmp_path / "small"), "train")[0]
    large = PublishedDataset(DeepFashionConfig(root=tmp_path / "large"), "train")[0]
    assert large.source.shape == (3, 512, 352)
    assert torch.allclose(
        large.source_keypoints[:, :2], small.source_keypoints[:, :2] * 2 + 0.5, atol=0.51
    )


def test_highres_pictures_are_taken_where_there_are_no_others(
    raw: Any, dots: ModuleType, tmp_path: Path
) -> None:
    tree = raw.deepfashion()
    (tree / "Img" / "img").rename(tree / "Img" / "img_highres")
    for path in (tree / "Img").rglob("*.jpg"):  # 512×349: as narrow as those of the data set
        image = Image.open(path).resize((512, 512)).crop((81, 0, 430, 512))
        path.write_bytes(dots.jpeg(image))
    run(tree, DeepFashion(tmp_path / "out", quality=95))
    pair = PublishedDataset(DeepFashionConfig(root=tmp_path / "out"), "test")[0]
    expected = dots.pose(10, (256, 256)) - torch.tensor([40.0, 0.0, 0.0])
    assert torch.allclose(pair.source_keypoints, expected, atol=1.5)
    with pytest.raises(ConfigError, match="--pictures img: the download has only img_highres"):
        run(tree, DeepFashion(tmp_path / "other", folder="img"))


def test_pictures_are_filled_up_with_white() -> None:
    picture = Image.fromarray(np.full((256, 100, 3), 7, dtype=np.uint8))
    filled = np.asarray(fitted(picture, (256, 176)))
    assert (filled[:, :38] == 255).all()
    assert (filled[:, 38:138] == 7).all()
    assert (filled[:, 138:] == 255).all()


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar", "zip in a folder"])
def test_archives_are_read_as_folders_are(raw: Any, tmp_path: Path, kind: str) -> None:
    tree = raw.market()
    run(tree, Market1501(tmp_path / "plain"))
    archive = tmp_path / "download" / f"Market-1501.{kind.split()[0]}"
    archive.parent.mkdir()
    members = {f"Market-1501/{name}": content for name, content in files(tree).items()}
    if "zip" in kind:
        with zipfile.ZipFile(archive, "w") as file:
            for name, content in members.items():
                file.writestr(name, content)
    else:
        with tarfile.open(archive, "w:gz" if kind.endswith("gz") else "w") as file:
            for name, content in members.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                file.addfile(entry, io.BytesIO(content))
    given = archive.parent if "folder" in kind else archive
    run(given, Market1501(tmp_path / "out"))
    assert files(tmp_path / "out") == files(tmp_path / "plain")


def test_no_member_of_an_archive_gets_out(raw: Any, tmp_path: Path) -> None:
    tree = raw.market()
    archive = tmp_path / "bad.tar"
    good = (tree / "bounding_box_train" / "0007_c1s1_000004_01.jpg").read_bytes()
    with tarfile.open(archive, "w") as file:
        for name in (
            "../../bounding_box_train/0002_c1s1_000001_01.jpg",
            "/bounding_box_train/0002_c2s1_000002_01.jpg",
            "x/bounding_box_test/../../0001_c1s1_000001_01.jpg",
            "x/bounding_box_test/0001_c1s1_000002_01.jpg",
            "x/bounding_box_test/0001_c1s1_000003_01.jpg",
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(good)
            file.addfile(entry, io.BytesIO(good))
        link = tarfile.TarInfo("x/bounding_box_train/0009_c1s1_000001_01.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(link)
    before = files(tmp_path)
    run(archive, Market1501(tmp_path / "out"))
    after = {name for name in files(tmp_path) if name not in before}
    assert all(name.startswith("out/") for name in after)
    assert sorted(name for name in after if name.endswith(".jpg")) == [
        "out/market_data/test/0001_c1s1_000002_01.jpg",
        "out/market_data/test/0001_c1s1_000003_01.jpg",
        "out/market_data/train/0002_c1s1_000001_01.jpg",
        "out/market_data/train/0002_c2s1_000002_01.jpg",
    ]


def test_what_a_download_can_be_wrong_in(raw: Any, tmp_path: Path) -> None:
    tree, out = raw.market(), tmp_path / "out"
    finder = build_finder("dots", {}, CPU)

    def sentence(given: Path, recipe: Recipe | None = None, **options: Any) -> str:
        with pytest.raises((DataError, ConfigError)) as caught:
            prepare(Request(given, recipe or Market1501(out), **options), silent)
        text = str(caught.value)
        assert text.endswith(".")
        assert "\n" not in text
        return text

    assert "--annotations DIR" in sentence(tree)
    assert "no such file or folder" in sentence(tmp_path / "none", finder=finder)
    assert "no such folder" in sentence(tree, finder=finder, annotations=tmp_path / "none")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "bounding_box_train" in sentence(empty, finder=finder)
    assert "img_highres" in sentence(empty, DeepFashion(out, "leak-free"), finder=finder)
    lists = tmp_path / "lists"
    lists.mkdir()
    for split in ("train", "test"):
        (lists / f"{split}.lst").write_text(f"fashionMENOtherid0000000{len(split)}01_1front.jpg\n")
    fashion = raw.deepfashion()
    for old in fashion.rglob("*.lst"):
        old.unlink()
    said = sentence(fashion, DeepFashion(out), finder=finder, annotations=lists)
    assert "none that is in the published split (train.lst and" in said
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 and so on")
    assert "broken.zip: is damaged" in sentence(broken, finder=finder)
    text = tmp_path / "notes.txt"
    text.write_text("x")
    assert "neither a folder nor" in sentence(text, finder=finder)
    assert not out.exists()  # all of these are found before anything is written

    picture = tree / "bounding_box_train" / "0007_c1s1_000004_01.jpg"
    content = picture.read_bytes()
    picture.write_bytes(content[:200])
    assert "000004_01.jpg: cannot be decoded" in sentence(tree, finder=finder)
    raw.write("Market-1501-v15.09.15/bounding_box_train/0007_c1s1_000004_01.jpg", (100, 50), 4)
    assert "is 100×50 (height×width), not 128×64" in sentence(tree, finder=finder)
    picture.write_bytes(content)
    run(tree, Market1501(out))

    assert "prepared with other options" in sentence(
        tree, finder=build_finder("dots", {"tolerance": 9}, CPU)
    )
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    assert "not an empty folder" in sentence(tree, Market1501(tmp_path / "full"), finder=finder)


def test_a_locked_archive_says_what_to_do(raw: Any, tmp_path: Path) -> None:
    archive = tmp_path / "img.zip"
    content = files(raw.market())
    with zipfile.ZipFile(archive, "w") as file:
        for name, data in content.items():
            file.writestr(f"M/{name}", data)
    data = bytearray(archive.read_bytes())
    at = 0
    while (at := data.find(b"PK\x01\x02", at)) >= 0:  # sets the bit that says "encrypted"
        data[at + 8] |= 1
        at += 4
    archive.write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"is locked, .*unzip it, with the password"):
        run(archive, Market1501(tmp_path / "out"))


def test_the_folder_itself_may_be_given(
    raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = raw.deepfashion()
    run(tree, DeepFashion(tmp_path / "whole"))
    lists = {path.name: path.read_bytes() for path in tree.glob("*.lst")}
    inner = tree / "Img" / "img"
    for name, content in lists.items():
        (inner / name).write_bytes(content)
    monkeypatch.chdir(inner)
    run(Path(), DeepFashion(tmp_path / "inner"))
    assert files(tmp_path / "inner") == files(tmp_path / "whole")


def test_missing_pictures_are_named_and_what_is_done_stays(raw: Any, tmp_path: Path) -> None:
    tree = raw.deepfashion()
    shots = sorted((tree / "Img").rglob("*.jpg"))
    content = shots[0].read_bytes()
    shots[0].unlink()
    with pytest.raises(DataError, match=r"lacks 1 of the 15 pictures .*id0000008001_1front\.jpg"):
        run(tree, DeepFashion(tmp_path / "out"))
    shots[0].write_bytes(content)
    assert run(tree, DeepFashion(tmp_path / "out"))["train"]["pairs"] == 18


def test_the_record_says_how_it_was_made(raw: Any, tmp_path: Path) -> None:
    run(raw.deepfashion(), DeepFashion(tmp_path / "out", quality=90))
    record = json.loads((tmp_path / "out" / "prepare.json").read_text())
    assert record["dataset"] == "deepfashion"
    assert record["quality"] == 90
    assert record["detector"]["name"] == "dots"
