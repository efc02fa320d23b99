"""Poses of a user's pictures: from a detector, or from another program's files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from posegen.core import DataError, PluginError, PoseDetector
from posegen.data.footage import Footage
from posegen.data.naming import NameIndex, by_frame
from posegen.data.posing import (
    PeopleFinder,
    build_finder,
    pose_by_detector,
    pose_from_files,
)


class Brightness(PoseDetector):
    """Finds in each picture a person for every 50 of the first pixel's red; notes the batches."""

    skeleton = "coco17"

    def __init__(self) -> None:
        self.batches: list[tuple[int, ...]] = []

    def __call__(self, images: Tensor) -> list[Tensor]:
        self.batches.append(tuple(images.shape))
        people = [int(image[0, 0, 0]) // 50 for image in images]
        return [
            torch.tensor([2.0, 3.0, 0.7]).repeat(n, 17, 1) + torch.arange(n)[:, None, None] * 0.1
            for n in people
        ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures a to e: the third is wider, the fourth shows nobody, the fifth two people."""
    root = tmp_path / "pictures"
    root.mkdir()
    for name, red, width in zip("abcde", (50, 50, 50, 0, 100), (8, 8, 12, 8, 8), strict=True):
        Image.new("RGB", (width, 10), (red, 0, 0)).save(root / f"{name}.png")
    return root


def test_a_detector_gets_pictures_of_equal_size_together(folder: Path) -> None:
    detector = Brightness()
    posed = list(pose_by_detector(Footage(folder), PeopleFinder(detector), batch_size=2))
    assert detector.batches == [(2, 3, 10, 8), (1, 3, 10, 12), (2, 3, 10, 8)]
    assert [p.name for p in posed] == ["a.png", "b.png", "c.png", "d.png", "e.png"]
    assert [p.people for p in posed] == [1, 1, 1, 0, 2]
    assert posed[4].keypoints.tolist() == [[2, 3, 1]] * 18  # the first of the two
    assert not posed[3].keypoints.any()
    assert tuple(posed[2].image.shape) == (3, 10, 12)


def test_pictures_that_are_done_are_left_out(folder: Path) -> None:
    detector = Brightness()
    finder = PeopleFinder(detector, skeleton="coco17")
    posed = pose_by_detector(Footage(folder), finder, leave_out={"a.png", "c.png"})
    assert [p.name for p in posed] == ["b.png", "d.png", "e.png"]
    assert detector.batches == [(3, 3, 10, 8)]


def test_detectors_are_built_by_name() -> None:
    with pytest.raises(PluginError, match="no detector 'keypoint-rnn'; did you mean 'keypoint-rcn"):
        build_finder("keypoint-rnn", {})


def openpose(path: Path, x: float, y: float, **more: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    people = [{"pose_keypoints_2d": [x, y, 0.8] * 18}]
    path.write_text(json.dumps({"people": people, **more}))


def test_files_are_found_by_name(folder: Path, tmp_path: Path) -> None:
    openpose(tmp_path / "json" / "a_keypoints.json", 2, 3)
    openpose(tmp_path / "json" / "c_keypoints.json", 11, 3)
    openpose(tmp_path / "json" / "b_keypoints.json", 11, 3)  # outside that picture
    posed = list(pose_from_files(Footage(folder), tmp_path / "json"))
    assert [p.people for p in posed] == [1, 0, 1, 0, 0]
    assert posed[0].keypoints.tolist() == [[2, 3, 1]] * 18
    assert posed[2].keypoints.tolist() == [[11, 3, 1]] * 18
    assert not posed[1].keypoints.any()


def test_fractions_take_the_size_of_their_picture(folder: Path, tmp_path: Path) -> None:
    openpose(tmp_path / "json" / "c_keypoints.json", 0.5, 0.5)
    posed = {p.name: p for p in pose_from_files(Footage(folder), tmp_path / "json", "coco17")}
    assert posed["c.png"].keypoints[0].tolist() == [5.5, 4.5, 1]


def test_a_pose_of_another_size_is_refused(folder: Path, tmp_path: Path) -> None:
    openpose(tmp_path / "a.json", 3, 3, canvas_height=100, canvas_width=80)
    with pytest.raises(DataError, match=r"a\.png: the picture is 10×8 .* for 100×80"):
        list(pose_from_files(Footage(folder), tmp_path / "a.json"))


def test_files_about_other_pictures_are_refused(folder: Path, tmp_path: Path) -> None:
    openpose(tmp_path / "other_keypoints.json", 2, 3)
    with pytest.raises(DataError, match=r"none of its 1 poses .* \(the first is called 'other'\)"):
        list(pose_from_files(Footage(folder), tmp_path / "other_keypoints.json"))


def test_names_with_and_without_folder_ending_and_zeros() -> None:
    index = NameIndex([("x/a.jpg", 1), ("y/b.jpg", 2), ("y/a.png", 3), ("000397133", 4)])
    assert index.get("x/a.jpg") == 1
    assert index.get("a.jpg") == 1
    assert index.get("b") == index.get("z/b.png") == 2
    assert index.get("397133.jpg") == index.get("000397133.jpg") == 4
    assert index.get("c") is None
    with pytest.raises(DataError, match=r"'z/a\.bmp' may be 'x/a\.jpg' or 'y/a\.png'"):
        index.get("z/a.bmp")


def test_a_videos_frames_by_their_numbers() -> None:
    index = NameIndex([("walk_000000000012", 12), ("walk_000000000000", 0)])
    assert index.get("walk_000012") == 12
    assert index.get("walk_000000") == 0
    assert index.get("walk_000120") is None


def test_frames_that_are_counted_from_1() -> None:
    assert by_frame({"walk_1": "a", "walk_2": "b", "walk_3": "c"}, "walk", 3) == dict(
        enumerate("abc")
    )
    assert by_frame({"walk_1": "b", "walk_2": "c"}, "walk", 3) == {1: "b", 2: "c"}
    assert by_frame({"walk_0": "a", "walk_1": "b"}, "walk", 1) == {0: "a", 1: "b"}


def test_frames_by_number_whatever_the_word_before() -> None:
    assert by_frame({"results_walk_000001": "b"}, "walk", 9) == {1: "b"}
    assert by_frame({"0.jpg": "a", "1.jpg": "b"}, "walk", 9) == {0: "a", 1: "b"}
    several = {"walk_0000": "a", "dance_0000": "b"}
    assert by_frame(several, "walk", 9) == {0: "a"}
    with pytest.raises(DataError, match="has the name of a frame of 'run'; call them run_000000"):
        by_frame(several, "run", 9)
    with pytest.raises(DataError, match="has the name of a frame"):
        by_frame({"walk": "a"}, "walk", 9)


def test_letters_and_accents_written_apart() -> None:
    index = NameIndex([("Zoe\u0308_0.jpg", 1)])
    assert index.get("Zo\u00eb_0.JPG") == 1


def test_poses_most_of_whose_joints_lie_outside_are_refused(folder: Path, tmp_path: Path) -> None:
    openpose(tmp_path / "json" / "a.json", 40, 60)
    openpose(tmp_path / "json" / "b.json", 5, 5)
    openpose(tmp_path / "json" / "c.json", 40, 60)
    with pytest.raises(DataError, match="json: 36 of 54 joints lie outside the pictures; give the"):
        list(pose_from_files(Footage(folder), tmp_path / "json"))


def test_the_most_prominent_person_is_taken_or_the_one_asked_for(folder: Path) -> None:
    class Two(PoseDetector):
        skeleton = "coco17"

        def __call__(self, images: Tensor) -> list[Tensor]:
            small = torch.ones(17, 3)
            small[0, :2] = 3
            large = torch.ones(17, 3)
            large[0, :2] = 6
            return [torch.stack([small, large]) for _ in images]

    def first(person: int) -> Tensor:
        finder = PeopleFinder(Two(), skeleton="coco17")
        return next(pose_by_detector(Footage(folder), finder, person=person)).keypoints

    assert first(1)[0].tolist() == [6, 6, 1]
    assert first(2)[0].tolist() == [3, 3, 1]
    assert not first(3).any()
