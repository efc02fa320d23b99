"""Many poses from folders and files, in order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from posegen.core import DataError
from posegen.inference.pose_files import write_pose
from posegen.inference.pose_sequences import PoseSequence
from posegen.poses.formats.published import AnnotationWriter


def person(x: float) -> torch.Tensor:
    return torch.tensor([[x, float(joint), 1.0] for joint in range(18)])


def test_a_folder_comes_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 100, 1):
        write_pose(tmp_path / f"walk_{number}.json", person(number), (200, 300), "openpose18")
    (tmp_path / "walk_11.json").write_text(json.dumps([[11, 1]] * 18))  # rows alone
    (tmp_path / "notes.txt").write_text("no pose")
    found = list(PoseSequence(tmp_path, "openpose18", (50, 60)))
    assert [name for name, _ in found] == ["walk_1", "walk_9", "walk_10", "walk_11", "walk_100"]
    assert [int(pose.keypoints[0, 0]) for _, pose in found] == [1, 9, 10, 11, 100]
    assert [pose.size for _, pose in found] == [(200, 300)] * 3 + [(50, 60)] + [(200, 300)]


def test_a_published_table_is_a_sequence(tmp_path: Path) -> None:
    with AnnotationWriter(tmp_path / "a.csv") as writer:
        for name in ("b.jpg", "a.jpg", "c.jpg"):
            writer.add(name, person(ord(name[0])) * (name != "c.jpg"))
    sequence = PoseSequence(tmp_path / "a.csv", "openpose18")
    found = list(sequence)
    assert [name for name, _ in found] == ["b", "a"]
    assert [pose.size for _, pose in found] == [None, None]
    assert int(found[0][1].keypoints[3, 0]) == ord("b")
    assert sequence.empty == ["c"]


def test_other_programs_and_layouts_are_read(tmp_path: Path) -> None:
    body = [number for joint in range(25) for number in (joint + 1, 5, 0.9)]
    content = {"people": [{"pose_keypoints_2d": body}]}
    (tmp_path / "walk_000000000001_keypoints.json").write_text(json.dumps(content))
    (tmp_path / "walk_000000000002_keypoints.json").write_text('{"people": []}')
    sequence = PoseSequence(tmp_path, "openpose18", (100, 50))
    [(name, pose)] = sequence
    assert name == "walk_000000000001"
    assert pose.size == (100, 50)
    # BODY_25 has the middle of the hips before the right hip.
    assert pose.keypoints[8].tolist() == [10, 5, 1]
    assert sequence.empty == ["walk_000000000002"]


def test_what_is_no_sequence_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder of poses"):
        PoseSequence(tmp_path / "none", "openpose18")
    with pytest.raises(DataError, match=r"holds no \.json file"):
        PoseSequence(tmp_path, "openpose18")
    (tmp_path / "a.json").write_text('{"what": 1}')
    with pytest.raises(DataError, match=r"a\.json: is of no known pose format"):
        list(PoseSequence(tmp_path, "openpose18"))
    (tmp_path / "a.json").write_text('{"keypoints": [[1, 2]]}')
    with pytest.raises(DataError, match=r"a\.json: 1 keypoints where openpose18 has 18"):
        list(PoseSequence(tmp_path, "openpose18"))
