"""From a photo and a motion to a scene in a model's pixels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from posegen.core import ConfigError, DataError, skeleton
from posegen.data.posing import PeopleFinder
from posegen.inference.animation import Driver, beside_poses, find_person, read_driver, set_scene
from posegen.inference.pose_files import write_pose
from posegen.poses.formats.openpose import openpose_content
from posegen.poses.motions import motion

LAYOUT = "openpose18"
JOINTS = skeleton(LAYOUT).joints
SIZE = (64, 32)


def standing(size: tuple[int, int] = (200, 150)) -> Tensor:
    """The library's standing person in a photo of `size`, three quarters high."""
    track = motion("turn").track[0].clone()
    track[:, :2] = track[:, :2] * 0.75 * size[0] + torch.tensor([size[1] / 2, 0.9 * size[0]])
    return track


def photo(size: tuple[int, int] = (200, 150)) -> Tensor:
    """Whose pixels tell where they are: red is the column, green the row."""
    rows, columns = torch.arange(size[0])[:, None], torch.arange(size[1])
    red, green = columns.expand(size), rows.expand(size)
    return torch.stack([red, green, torch.zeros(size)]).to(torch.uint8)


class Finder(PeopleFinder):
    """Finds who it is told of, picture by picture."""

    def __init__(self, *people: Tensor) -> None:
        object.__setattr__(self, "people", list(people))

    def __call__(self, images: Sequence[Tensor]) -> list[Tensor]:
        return [self.people.pop(0) for _ in images]  # type: ignore[attr-defined]


def no_finder() -> PeopleFinder:
    raise AssertionError("no detector is needed")


def test_a_scene_has_the_model_s_size_and_its_joints_lie_where_the_photo_s_do() -> None:
    driver = read_driver("walk", LAYOUT, no_finder)
    keypoints = standing()
    scene = set_scene(photo(), keypoints, driver, layout=LAYOUT, size=SIZE)
    assert scene.picture.size == (32, 64)
    assert scene.track.shape == (len(motion("walk")), 18, 3)
    assert (scene.keypoints[:, 2] > 0).all()
    pixels = np.array(scene.picture)
    for given, (x, y, _) in zip(keypoints, scene.keypoints.tolist(), strict=True):
        column, row, _ = pixels[round(y), round(x)].tolist()  # the photo's pixel tells its place
        assert abs(column - float(given[0])) < 5
        assert abs(row - float(given[1])) < 5


def test_all_wanted_joints_are_in_the_picture_where_the_photo_has_room() -> None:
    for name in ("walk", "cheer", "jumping-jack", "sit"):
        scene = set_scene(
            photo((400, 500)),
            standing((400, 500)),
            read_driver(name, LAYOUT, no_finder),
            layout=LAYOUT,
            size=SIZE,
        )
        assert (scene.track[..., 2] > 0).all(), name


def test_the_person_is_the_photo_s_and_stands_where_they_stood() -> None:
    scene = set_scene(
        photo(), standing(), read_driver("wave", LAYOUT, no_finder), layout=LAYOUT, size=SIZE
    )
    ankle = JOINTS.index("left_ankle")
    assert (scene.track[:, ankle, :2] - scene.keypoints[ankle, :2]).norm(dim=1).max() < 1.5


def test_a_video_s_person_is_followed_and_smoothed(tmp_path: Path) -> None:
    for number in range(12):
        Image.new("RGB", (150, 200)).save(tmp_path / f"f{number:02d}.png")
    frames = [standing() for _ in range(12)]
    random = torch.Generator().manual_seed(0)
    for frame in frames:
        frame[:, :2] += torch.randn(18, 2, generator=random)
    frames[5][3] = 0
    nobody = torch.zeros(0, 18, 3)
    stranger = standing()
    stranger[:, 0] -= 100
    seen = [nobody, *(torch.stack([stranger, frame]) for frame in frames[1:])]
    seen[1] = frames[1][None]
    driver = read_driver(tmp_path, LAYOUT, lambda: Finder(*seen))
    assert driver.detected
    assert torch.equal(driver.track, torch.stack(frames[1:]))
    scene = set_scene(photo(), standing(), driver, layout=LAYOUT, size=SIZE)
    assert (scene.track[4, 3, 2] > 0).all()  # the gap is filled
    raw = set_scene(photo(), standing(), driver, layout=LAYOUT, size=SIZE, smoothing="off")
    assert raw.track[4, 3, 2] == 0


def test_pose_files_drive_too(tmp_path: Path) -> None:
    for number in range(3):
        write_pose(tmp_path / f"{number}.json", standing(), (200, 150), LAYOUT)
    driver = read_driver(tmp_path, LAYOUT, no_finder)
    assert not driver.detected
    assert driver.track.shape == (3, 18, 3)


@pytest.mark.parametrize("from_files", [False, True])
def test_another_of_several_people_drives(tmp_path: Path, from_files: bool) -> None:
    large, small = standing(), standing()
    small[:, :2] = small[:, :2] / 2 + torch.tensor([10.0, 20.0])
    both = torch.stack([small, large])
    seen = [large[None], both, both.flip(0), both]  # the small one comes later
    for number, people in enumerate(seen):
        if from_files:
            contents = [openpose_content(person, (200, 150)) for person in people]
            whole = {**contents[0], "people": [c["people"][0] for c in contents]}
            (tmp_path / f"f{number}_keypoints.json").write_text(json.dumps(whole))
        else:
            Image.new("RGB", (150, 200)).save(tmp_path / f"f{number}.png")

    def finder() -> PeopleFinder:
        return no_finder() if from_files else Finder(*seen)

    for person, wanted in ((1, [large] * 4), (2, [small] * 3)):
        driver = read_driver(tmp_path, LAYOUT, finder, person=person)
        torch.testing.assert_close(driver.track, torch.stack(wanted), atol=0.01, rtol=0)
    with pytest.raises(DataError, match="none of its 4 frames has 3 people"):
        read_driver(tmp_path, LAYOUT, finder, person=3)


def test_nobody_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"me\.jpg: nobody is found in it"):
        find_person(photo(), Finder(torch.zeros(0, 18, 3)), "me.jpg")
    Image.new("RGB", (8, 8)).save(tmp_path / "f.png")
    with pytest.raises(DataError, match="nobody is found in any of its 1 frames"):
        read_driver(tmp_path, LAYOUT, lambda: Finder(torch.zeros(0, 18, 3)))
    with pytest.raises(DataError, match=r"no\.mp4: no such video"):
        read_driver("no.mp4", LAYOUT, no_finder)
    with pytest.raises(ConfigError, match="wlak: no such motion"):
        read_driver("wlak", LAYOUT, no_finder)


def test_a_motion_without_pixels_cannot_be_taken_as_it_is() -> None:
    with pytest.raises(ConfigError, match="give --retarget source or height"):
        set_scene(
            photo(),
            standing(),
            read_driver("walk", LAYOUT, no_finder),
            layout=LAYOUT,
            size=SIZE,
            how="none",
        )


def test_frames_have_their_pose_beside_them() -> None:
    scene = set_scene(photo(), standing(), Driver(standing()[None]), layout=LAYOUT, size=SIZE)
    (both,) = beside_poses([Image.new("RGB", (64, 128), (9, 9, 9))], scene, LAYOUT)
    assert both.size == (128, 128)
    assert both.getpixel((127, 5)) == (9, 9, 9)
    assert len(both.crop((0, 0, 64, 128)).getcolors(10_000) or []) > 20


def test_a_photo_of_half_a_body_stays_one() -> None:
    keypoints = standing()
    legs = [k for k, name in enumerate(JOINTS) if name.endswith(("knee", "ankle"))]
    keypoints[legs] = 0
    scene = set_scene(
        photo(), keypoints, read_driver("walk", LAYOUT, no_finder), layout=LAYOUT, size=SIZE
    )
    assert not scene.track[:, legs, 2].any()
    hips = scene.track[:, JOINTS.index("left_hip"), 1]
    assert 0.6 * SIZE[0] < float(hips.mean()) < 0.95 * SIZE[0]
    shins = standing()
    shins[[k for k, name in enumerate(JOINTS) if name.endswith("ankle")]] = 0
    scene = set_scene(
        photo(), shins, read_driver("walk", LAYOUT, no_finder), layout=LAYOUT, size=SIZE
    )
    assert scene.track[:, JOINTS.index("left_knee"), 2].all()
    assert not scene.track[:, JOINTS.index("left_ankle"), 2].any()
