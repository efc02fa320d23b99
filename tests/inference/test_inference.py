"""Pose files, sizes, and grids."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from posegen.core import Batch, DataError, GeneratorOutput
from posegen.core.skeletons import OPENPOSE18
from posegen.inference.grids import flow_maps, heat_maps, pictures, sample_grid
from posegen.inference.pose_files import read_pose, write_pose
from posegen.poses.draw import draw_pose


def test_pose_files_round_trip(tmp_path: Path) -> None:
    points = torch.rand(18, 3) * 20
    points[:, 2] = 1
    points[3, 2], points[5, 2] = 0, 0.5
    write_pose(tmp_path / "p.json", points, (128, 64), "openpose18")
    pose = read_pose(tmp_path / "p.json", "openpose18")
    assert pose.size == (128, 64)
    assert pose.keypoints[3].tolist() == [0, 0, 0]
    seen = points[:, 2] > 0
    torch.testing.assert_close(pose.keypoints[seen], points[seen], atol=0.006, rtol=0)


def test_poses_scale_with_the_picture(tmp_path: Path) -> None:
    rows: list[object] = [None] * 18
    rows[0], rows[1] = [-0.5, -0.5], [63.5, 127.5, 0.5]  # the corners of the picture
    (tmp_path / "p.json").write_text(json.dumps(rows))
    pose = read_pose(tmp_path / "p.json", "openpose18")
    moved = pose.scaled_to((256, 32), fallback=(128, 64))
    assert moved[0].tolist() == [-0.5, -0.5, 1]
    assert moved[1].tolist() == [31.5, 255.5, 0.5]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "not readable as JSON"),
        ("3", 'needs an object with a list "keypoints"'),
        ("[[1, 2]]", "1 keypoints where openpose18 has 18"),
        ('{"keypoints": [], "layout": "coco17"}', "its layout is 'coco17'"),
        (json.dumps([[1, 2, 1]] * 4 + [["x", 2]] + [None] * 13), r"keypoint 4 \(right_wrist\)"),
        (json.dumps([[float("nan"), 2, 1]] + [None] * 17), r"keypoint 0 \(nose\)"),
        (json.dumps([[1, 2, 1, 4]] + [None] * 17), r"keypoint 0 \(nose\)"),
        (json.dumps({"keypoints": [None] * 18, "size": [0, 3]}), '"size" is not'),
    ],
)
def test_wrong_pose_files_are_named(tmp_path: Path, content: str, sentence: str) -> None:
    file = tmp_path / "p.json"
    file.write_text(content)
    with pytest.raises(DataError, match=sentence) as error:
        read_pose(file, "openpose18")
    assert str(file) in str(error.value)
    with pytest.raises(DataError, match="no such pose file"):
        read_pose(tmp_path / "none.json", "openpose18")


def test_skeletons_are_where_the_joints_are() -> None:
    points = torch.zeros(18, 3)
    points[1], points[2] = torch.tensor([10.0, 20.0, 1.0]), torch.tensor([30.0, 20.0, 1.0])
    drawn = draw_pose(points, (64, 48), OPENPOSE18, scale=2)
    assert drawn.size == (96, 128)
    ground = drawn.getpixel((0, 0))
    assert drawn.getpixel((41, 41)) != ground  # half-way on the limb from neck to shoulder
    assert drawn.getpixel((41, 80)) == ground
    points[:, 2] = 0
    assert draw_pose(points, (64, 48), OPENPOSE18).getcolors() == [(64 * 48, ground)]


def test_pictures_round_and_grids_hold_every_column() -> None:
    values = torch.tensor([-1.0, -1 + 0.6 / 127.5, 1.0, 2.0]).view(1, 1, 1, 4).expand(1, 3, 1, 4)
    assert [pixel[0] for pixel in _pixels(pictures(values)[0])] == [0, 1, 255, 255]
    images, points = torch.zeros(2, 3, 32, 16), torch.ones(2, 18, 3)
    batch = Batch(
        {
            "source": images,
            "target": images,
            "source_keypoints": points,
            "target_keypoints": points,
        }
    )
    plain = sample_grid(batch, GeneratorOutput(images), OPENPOSE18)
    attention = {"attention": torch.rand(2, 3, 8, 4)}
    wide = sample_grid(batch, GeneratorOutput(images, attention), OPENPOSE18)
    assert wide.width * 5 == pytest.approx(plain.width * 6, rel=0.05)
    assert wide.height == plain.height
    flow = torch.zeros(2, 2, 8, 4)
    flow[:, 0], flow[:, 1, :4] = 2.0, 1.0
    moved = sample_grid(batch, GeneratorOutput(images, {**attention, "flow": flow}), OPENPOSE18)
    assert moved.width * 6 == pytest.approx(wide.width * 7, rel=0.05)
    masks = sample_grid(
        batch, GeneratorOutput(images, {"masks": attention["attention"]}), OPENPOSE18
    )
    assert masks.width * 5 == pytest.approx(plain.width * 8, rel=0.05)  # a column for each block
    right, diagonal, still = (
        flow_maps(torch.tensor(way).view(1, 2, 1, 1), (1, 1))[0].getpixel((0, 0))
        for way in ([1.0, 0.0], [1.0, 1.0], [0.0, 0.0])
    )
    assert len({right, diagonal, still}) == 3
    assert still == (255, 255, 255)
    hot = heat_maps(torch.tensor([[[[0.0, 1.0]]]]), (1, 2))[0]
    assert sum(_pixels(hot)[0]) < 100 < 400 < sum(_pixels(hot)[1])
    half = heat_maps(torch.tensor([[[[0.0, 0.5]]]]), (1, 2), limits=(0.0, 1.0))[0]
    assert sum(_pixels(half)[1]) < sum(_pixels(hot)[1])


def _pixels(picture: Image.Image) -> list[tuple[int, ...]]:
    return [picture.getpixel((x, 0)) for x in range(picture.width)]  # type: ignore[misc]
