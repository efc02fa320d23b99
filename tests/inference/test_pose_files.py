"""One person's pose from a file, whoever wrote it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from posegen.core import DataError
from posegen.inference.pose_files import read_pose


def test_what_editors_and_other_programs_write_is_read(tmp_path: Path) -> None:
    places = [[float(2 * k + 3), float(5 * k + 4)] for k in range(18)]
    editor = {"width": 64, "height": 128, "keypoints": places}
    flat = [number for place in places for number in (*place, 0.9)]
    openpose = {"people": [{"pose_keypoints_2d": flat}], "canvas_width": 64, "canvas_height": 128}
    for name, content in (("editor", editor), ("openpose", openpose)):
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(content), encoding="utf-8-sig")
        pose = read_pose(file, "openpose18")
        assert pose.size == (128, 64), name
        assert pose.keypoints[:, :2].tolist() == places, name
        assert (pose.keypoints[:, 2] == 1).all(), name


def test_a_file_of_several_pictures_says_where_it_belongs(tmp_path: Path) -> None:
    frames = [{"people": [{"pose_keypoints_2d": [9.0, 9.0, 0.9] * 18}]} for _ in range(2)]
    (tmp_path / "two.json").write_text(json.dumps(frames))
    with pytest.raises(
        DataError, match=r"two\.json: has the poses of 2 pictures; .*--target-poses"
    ):
        read_pose(tmp_path / "two.json", "openpose18")
