"""Pose maps against the published ones and against a plain computation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from posegen.poses.config import GaussianConfig, OneHotConfig
from posegen.poses.encoders import GaussianEncoder, OneHotEncoder

GOLDEN = Path(__file__).parents[1] / "data" / "golden"


def keypoints_of(item: dict[str, list[int]]) -> torch.Tensor:
    x, y = torch.tensor(item["keypoints_x"]), torch.tensor(item["keypoints_y"])
    return torch.stack([x, y, ((x >= 0) & (y >= 0)).long()], dim=-1).float()


@pytest.mark.parametrize("case", ["metrics_market_128x64", "metrics_fashion_256x176"])
def test_gaussian_maps_equal_the_published_ones(case: str) -> None:
    facts = json.loads((GOLDEN / f"{case}.json").read_text())
    arrays = np.load(GOLDEN / f"{case}.npz")
    size = (facts["height"], facts["width"])
    points = torch.stack([keypoints_of(item) for item in facts["items"]])
    maps = GaussianEncoder(GaussianConfig())(points, size).double().numpy()
    assert len(facts["items"]) > 0
    for number, image in enumerate(maps):
        np.testing.assert_allclose(image.sum((1, 2)), arrays[f"{number}.heatmap_sum"], rtol=1e-4)
        row = image[:, size[0] // 2, :].T  # (W, 18)
        np.testing.assert_allclose(row, arrays[f"{number}.heatmap_row"], atol=1e-5)


def test_gaussian_of_fractions_and_outside_joints() -> None:
    points = torch.tensor([[[3.25, 5.5, 1.0], [-4.0, 2.0, 0.5], [1.0, 1.0, 0.0]]])
    maps = GaussianEncoder(GaussianConfig(sigma=2.0))(points, (12, 8))
    y, x = torch.meshgrid(torch.arange(12.0), torch.arange(8.0), indexing="ij")
    for number in range(2):
        px, py, _ = points[0, number]
        expected = torch.exp(-((x - px) ** 2 + (y - py) ** 2) / 8.0)
        torch.testing.assert_close(maps[0, number], expected)
    assert maps[0, 2].abs().max() == 0


def test_one_hot_marks_one_pixel() -> None:
    points = torch.tensor([[[3.4, 5.6, 1.0], [8.0, 2.0, 1.0], [1.0, 1.0, 0.0], [0.0, 11.0, 0.5]]])
    maps = OneHotEncoder(OneHotConfig())(points, (12, 8))
    assert maps.sum((2, 3)).tolist() == [[1, 0, 0, 1]]
    assert maps[0, 0, 6, 3] == 1
    assert maps[0, 3, 11, 0] == 1


def test_the_old_name_of_the_skeleton_is_read() -> None:
    for config in (GaussianConfig, OneHotConfig):
        assert config.model_validate({"layout": "openpose18"}) == config()
        assert "layout" not in config().model_dump()
        with pytest.raises(ValueError, match="skeleton"):
            config.model_validate({"layout": "coco17"})
        with pytest.raises(ValueError, match="layout"):
            config.model_validate({"layout": "coco17", "skeleton": "openpose18"})
