"""`check` finds what was put there, and nothing where nothing was."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from posegen.core.fields import nearest_sizes
from posegen.core.skeletons import OPENPOSE18
from posegen.data.check import checks
from posegen.data.check import poses as poses_check
from posegen.data.check.checks import CheckResult, Remark, check
from posegen.data.check.gallery import gallery
from posegen.data.config import DeepFashionConfig, Market1501Config
from posegen.data.detect import detect_layout
from posegen.data.posing import build_finder
from posegen.data.prepare.recipes import DeepFashion, Market1501
from posegen.data.prepare.run import Request, prepare
from posegen.data.published import PublishedDataset
from posegen.plugins import registry


def nothing(*_: object) -> None:
    pass


@pytest.fixture
def market_set(raw: Any, tmp_path: Path) -> Market1501Config:
    finder = build_finder("dots", {}, torch.device("cpu"))
    prepare(Request(raw.market(), Market1501(tmp_path / "market"), finder=finder), nothing)
    return Market1501Config(root=tmp_path / "market")


def remarks(result: CheckResult, level: str | None = None) -> dict[str, Remark]:
    return {f"{f.split}: {f.what}": f for f in result.remarks if level in (None, f.level)}


def test_a_good_set_is_good(market_set: Market1501Config) -> None:
    result = check(market_set, nothing)
    assert result.good
    assert remarks(result, "warning") == {}
    assert result.counts["train"] == {
        "pictures": 9,
        "annotated": 9,
        "with a valid pose": 8,
        "in pairs": 8,
        "pairs": 14,
    }
    notes = remarks(result, "note")
    assert list(notes) == ["train: pictures without a pair"]
    assert notes["train: pictures without a pair"].detail.startswith("First: 0002_c1s1_000001")


def test_pairs_that_are_nearly_the_published_ones(
    market_set: Market1501Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Market1501Config, "published_pairs", {"train": 15, "test": 12})
    notes = remarks(check(market_set, nothing), "note")
    what = "pairs, which is not the published number"
    assert "The published file has 15" in notes[f"train: {what}"].detail
    assert f"test: {what}" not in notes


def test_joints_beside_pictures_and_pictures_that_are_not_there(
    market_set: Market1501Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Market1501Config, "crop", 40)
    path = market_set.annotations("train")
    rows = path.read_text().splitlines()
    rows[-1] = re.sub(r"\d+\]$", "70]", rows[-1])  # the left ear's x
    rows.append(rows[-1].replace(rows[-1][:4], "0999", 1))
    path.write_text("\n".join(rows) + "\n")
    notes = remarks(check(market_set, nothing), "note")
    assert notes["train: poses with a joint beside the picture"].count == 1
    assert "First: 0999" in notes["train: annotated pictures that are missing"].detail


def test_names_that_tell_nothing(
    market_set: Market1501Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Market1501Config, "outfit_pattern", "(.+)")
    findings = remarks(check(market_set, nothing), "warning")
    assert findings["train: pictures of one person each"].count == 9


def edit(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("\n".join(change(path.read_text().split())) + "\n")


def test_what_is_wrong_with_files_and_rows(market_set: Market1501Config) -> None:
    train = market_set.image_folders("train")[0]
    (train / "0007_c1s1_000004_01.jpg").write_bytes(b"x")
    (train / "0010_c1s1_000007_01.jpg").unlink()
    edit(market_set.pairs("test"), lambda lines: [*lines, "a,b,c"])
    result = check(market_set, nothing)
    errors = remarks(result, "error")
    assert not result.good
    assert set(errors) == {
        "train: pictures that cannot be decoded",
        "train: pairs of missing images",
        "test: unreadable rows of pairs",
    }
    assert errors["train: pairs of missing images"].count == 4
    assert "row 10: " in errors["train: pairs of missing images"].detail
    assert result.remarks[0].level == "error"
    market_set.annotations("test").unlink()
    errors = remarks(check(market_set, nothing), "error")
    assert "annotation-test.csv: no such file" in errors["test: files that cannot be used"].detail
    (market_set.root / "market_data" / "train").rename(market_set.root / "away")
    errors = remarks(check(market_set, nothing), "error")
    assert "no such folder" in errors["train: files that cannot be used"].detail


def test_a_bad_row_of_keypoints_is_told_once(market_set: Market1501Config) -> None:
    path = market_set.annotations("train")
    lines = path.read_text().splitlines()
    names = [line.partition(":")[0] for line in lines]
    unreadable, outside = (
        names.index(f"{name}_01.jpg") for name in ("0007_c1s1_000004", "0010_c1s1_000007")
    )
    lines[unreadable] = f"{names[unreadable]}: [1]: [2]"
    lines[outside] = re.sub(r"\[-?\d+", "[999", lines[outside])
    path.write_text("\n".join(lines) + "\n")
    errors = remarks(check(market_set, nothing), "error")
    assert set(errors) == {
        "train: unreadable rows of keypoints",
        "train: images with a joint outside",
        "train: pairs of images without usable keypoints",
    }
    finding = errors["train: pairs of images without usable keypoints"]
    assert f"has no usable row in {path.name}" in finding.detail
    assert finding.count == 8  # four of each of the two


def test_sizes(market_set: Market1501Config, raw: Any) -> None:
    test = market_set.image_folders("test")[0]
    path = raw.write("x.jpg", (64, 32), 5)
    path.rename(sorted(test.iterdir())[2])
    finding = remarks(check(market_set, nothing), "error")["test: pictures of another size"]
    assert finding.count == 1
    assert "the image is 64×32" in finding.detail


def test_pairs_of_two_people_and_other_pairs(market_set: Market1501Config) -> None:
    a, b = "0007_c1s1_000004_01.jpg", "0010_c1s1_000007_01.jpg"
    poor = "0002_c1s1_000001_01.jpg"  # has no left hip
    more = [f"{a},{b}", f"{a},{a}", f"{poor},0002_c2s1_000002_01.jpg"]
    edit(market_set.pairs("train"), lambda lines: [*lines, *more, lines[1]])
    result = check(market_set, nothing)
    findings = remarks(result)
    assert findings["train: pairs whose person differs"].count == 1
    assert findings["train: pairs whose person differs"].level == "error"
    assert a in findings["train: pairs whose person differs"].detail
    assert findings["train: pairs of a picture with itself"].count == 1
    assert findings["train: pairs that are there twice"].count == 1
    assert findings["train: pairs with a pose that is not valid"].count == 1


def test_leaks_of_pictures_and_people(market_set: Market1501Config) -> None:
    train, test = (market_set.image_folders(split)[0] for split in ("train", "test"))
    victim = sorted(test.iterdir())[0]
    (train / "0007_c1s1_000004_01.jpg").write_bytes(victim.read_bytes())
    result = check(market_set, nothing)
    finding = remarks(result, "error")["both: test pictures that are also in train"]
    assert finding.count == 1
    assert f"{victim.name}, in train as 0007_c1s1_000004_01.jpg" in finding.detail
    assert "both: person: in train and in test" not in remarks(result)


def test_the_same_picture_of_two_people(market_set: Market1501Config) -> None:
    train = market_set.image_folders("train")[0]
    content = (train / "0007_c1s1_000004_01.jpg").read_bytes()
    (train / "0010_c1s1_000007_01.jpg").write_bytes(content)
    (train / "0007_c2s1_000005_01.jpg").write_bytes(content)
    findings = remarks(check(market_set, nothing))
    assert findings["train: pictures under more than one person"].count == 1
    assert "train: pictures that are there more than once" not in findings
    content = (train / "0002_c1s1_000001_01.jpg").read_bytes()
    (train / "0002_c2s1_000002_01.jpg").write_bytes(content)
    findings = remarks(check(market_set, nothing))
    assert findings["train: pictures that are there more than once"].count == 1


@pytest.mark.parametrize("split", ["published", "leak-free"])
def test_items_in_both_splits(raw: Any, tmp_path: Path, split: Any) -> None:
    finder = build_finder("dots", {}, torch.device("cpu"))
    recipe = DeepFashion(tmp_path / "out", split)
    prepare(Request(raw.deepfashion(), recipe, finder=finder), nothing)
    result = check(DeepFashionConfig(root=tmp_path / "out"), nothing)
    assert result.good
    leaks = remarks(result, "warning")
    if split == "leak-free":
        assert leaks == {}
        return
    (finding,) = leaks.values()
    assert finding.what == "item: in train and in test"
    assert finding.count == 1
    assert "Of 2; 3 of 6 test pictures. First: 00000080." in finding.detail
    assert "--split leak-free" in finding.detail


def poses(dots: ModuleType, count: int = 30) -> torch.Tensor:
    return torch.stack([dots.pose(seed, (128, 64)) for seed in range(count)])


def swapped(keypoints: torch.Tensor, *joints: str) -> torch.Tensor:
    order = list(range(18))
    for joint in joints:
        a, b = (OPENPOSE18.joints.index(f"{side}_{joint}") for side in ("right", "left"))
        order[a], order[b] = b, a
    return keypoints[:, order]


def mistakes(keypoints: torch.Tensor) -> list[str]:
    return [mistake.what for mistake in poses_check.mistakes(keypoints)]


ALL = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")


@pytest.mark.parametrize(
    ("joints", "expected"),
    [
        ([], []),
        (["wrist"], ["wrists swapped against elbows"]),
        (["knee", "ankle"], ["knees swapped against hips"]),
        (["hip", "knee", "ankle"], ["hips swapped against shoulders"]),
        (["ear"], ["ears swapped against eyes"]),
        # As the published label list has it: left and right of the face exchanged.
        (["eye", "ear"], ["eyes swapped, or pictures mirrored"]),
        (
            ALL,
            [
                "eyes swapped, or pictures mirrored",
                "shoulders on the wrong side of the face",
            ],
        ),
    ],
)
def test_swapped_sides(dots: ModuleType, joints: list[str], expected: list[str]) -> None:
    assert mistakes(swapped(poses(dots), *joints)) == expected


def test_a_flip_that_forgets_the_sides(dots: ModuleType) -> None:
    keypoints = poses(dots)
    keypoints[..., 0] = 63 - keypoints[..., 0]
    assert len(mistakes(keypoints)) == 2


def test_people_from_behind_and_a_few_strange_poses_are_fine(dots: ModuleType) -> None:
    behind = poses(dots)
    behind[..., 0] = 63 - behind[..., 0]
    for joint in ("nose", "right_eye", "left_eye"):
        behind[:, OPENPOSE18.joints.index(joint)] = 0
    assert mistakes(behind) == []
    some = torch.cat([poses(dots), swapped(poses(dots, 12), *ALL)])
    assert mistakes(some) == []


def test_joints_in_cocos_order(dots: ModuleType) -> None:
    coco = [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10, 1]
    found = mistakes(poses(dots)[:, coco])
    assert "right eye below right hip" in found


def test_swaps_are_errors_and_are_shown(raw: Any, tmp_path: Path) -> None:
    tree = raw.market()
    for shot in range(6):  # a few poses say nothing
        name = f"0020_c1s1_{shot:06d}_01.jpg"
        raw.write(f"{tree.name}/bounding_box_train/{name}", (128, 64), 50 + shot)
    finder = build_finder("dots", {}, torch.device("cpu"))
    prepare(Request(tree, Market1501(tmp_path / "out"), finder=finder), nothing)
    config = Market1501Config(root=tmp_path / "out")

    def swap(match: re.Match[str]) -> str:
        values = match[0].strip("[]").split(",")
        for a, b in OPENPOSE18.mirrored:
            values[a], values[b] = values[b], values[a]
        return f"[{','.join(values)}]"

    for split in ("train", "test"):
        path = config.annotations(split)
        path.write_text(re.sub(r"\[.*?\]", swap, path.read_text()))
    result = check(config, nothing)
    errors = remarks(result, "error")
    assert set(errors) == {
        "train: eyes swapped, or pictures mirrored",
        "train: shoulders on the wrong side of the face",
    }
    assert "of the 14 poses that can tell" in next(iter(errors.values())).detail
    assert len(result.strange["train"]) == 5
    page = gallery(result, "x", count=1, seed=0)
    assert "train: poses that look swapped" in page
    assert page.count("<figure>") == 5 + 1 + 1


def test_joints_that_are_never_there(
    market_set: Market1501Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "FEWEST", 8)  # the tree has so many
    for split in ("train", "test"):
        path = market_set.annotations(split)
        rows = path.read_text().splitlines()
        without = [re.sub(r"-?\d+\]", "-1]", row) for row in rows]
        path.write_text("\n".join(without) + "\n")
    findings = remarks(check(market_set, nothing), "warning")
    assert findings["train: joints that are never there"].detail.startswith("left_ear")


def test_the_page_has_pictures_and_skeletons_and_needs_no_other_file(
    market_set: Market1501Config,
) -> None:
    result = check(market_set, nothing)
    page = gallery(result, "market <b>", count=4, seed=0)
    assert page.count("<figure>") == 8
    assert page.count("data:image/jpeg;base64,") == 8
    assert page.count("<circle") > 8 * 15
    assert "market &lt;b&gt;" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert page == gallery(result, "market <b>", count=4, seed=0)
    assert page != gallery(result, "market <b>", count=4, seed=1)
    assert "pictures without a pair" in page


def test_poses_of_nobody_are_an_error(market_set: Market1501Config) -> None:
    path = market_set.annotations("train")
    rows = path.read_text().splitlines()
    nobody = [re.sub(r"(?<=[\[ ])-?\d+(?=[,\]])", "-1", row) for row in rows]
    path.write_text("\n".join(nobody) + "\n")
    findings = remarks(check(market_set, nothing), "error")
    assert "posegen pose" in findings["train: poses of nobody"].detail


@pytest.mark.parametrize("left", [None, "from,to\n"])
def test_a_test_split_alone_can_be_scored_on(
    market_set: Market1501Config, left: str | None
) -> None:
    """Who scores a model needs no training split; with an empty file or without one."""
    shutil.rmtree(market_set.image_folders("train")[0])
    market_set.annotations("train").unlink()
    market_set.pairs("train").unlink()
    if left is not None:
        market_set.pairs("train").write_text(left)
    assert detect_layout(market_set.root, registry()) == "market1501"
    result = check(market_set, nothing)
    assert result.good
    assert remarks(result, "note")["train: training pairs"].detail.startswith("Models can be")
    assert len(PublishedDataset(market_set, "test")) == result.counts["test"]["pairs"] > 0


def test_odd_sizes_are_told_with_the_next_that_fit() -> None:
    assert nearest_sizes((250, 175), 4) == ("248×172", "252×176")
    assert nearest_sizes((3, 64), 4) == ("4×64", "4×64")
