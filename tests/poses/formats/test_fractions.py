"""Whether coordinates are pixels or fractions is decided by the crowd of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from posegen.core import DataError
from posegen.poses.formats import read_poses

SIZE = (200, 100)


def written(tmp_path: Path, places: list[list[float]], **canvas: int) -> Path:
    flat = [number for place in places for number in (*place, 0.9)]
    tree = {"people": [{"pose_keypoints_2d": flat}], **canvas}
    (tmp_path / "a.json").write_text(json.dumps(tree))
    return tmp_path / "a.json"


def fractions() -> list[list[float]]:
    return [[0.3 + 0.02 * k, 0.05 + 0.05 * k] for k in range(18)]


@pytest.mark.parametrize("beyond", [[0.5, 1.05], [-0.02, 0.5], [1.4, 0.5], [0.5, 3.0]])
@pytest.mark.parametrize("joint", [0, 10])
def test_a_joint_beyond_the_edge_is_missing_and_the_others_are_pixels(
    tmp_path: Path, beyond: list[float], joint: int
) -> None:
    places = fractions()
    places[joint] = beyond
    file = written(tmp_path, places, canvas_height=SIZE[0], canvas_width=SIZE[1])
    (record,) = read_poses(file)
    assert record.keypoints[joint].tolist() == [0, 0, 0]
    rest = [k for k in range(18) if k != joint]
    wanted = torch.tensor(places)[rest] * torch.tensor([100.0, 200.0]) - 0.5
    assert torch.allclose(record.keypoints[rest, :2], wanted, atol=1e-4)
    assert (record.keypoints[rest, 2] == 1).all()


def test_pixels_stay_pixels_though_one_joint_is_at_the_corner(tmp_path: Path) -> None:
    places = [[20.0 + k, 10.0 + 9 * k] for k in range(18)]
    places[3] = [0.4, 0.6]
    (record,) = read_poses(written(tmp_path, places, canvas_height=200, canvas_width=100))
    assert torch.allclose(record.keypoints[:, :2], torch.tensor(places))


def test_coordinates_around_zero_are_refused_with_the_remedy(tmp_path: Path) -> None:
    places = [[0.1 * (k % 5) - 0.2, 0.1 * k - 0.85] for k in range(18)]
    with pytest.raises(DataError, match="from -1 to 1"):
        list(read_poses(written(tmp_path, places)))
