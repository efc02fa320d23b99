"""Annotations that were made for pictures of another width, and names of pairs from elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from posegen.core.errors import DataError
from posegen.data.published import PublishedDataset
from posegen.data.tables import other_frame


def crowd(count: int, centre: float, wide: float = 80.0, tall: float = 200.0) -> Tensor:
    """Return keypoints (count, 18, 3) of people who stand around a column."""
    random = torch.Generator().manual_seed(0)
    across = (torch.rand(count, 18, generator=random) * 2 - 1) * wide
    middle = centre + 3 * torch.randn(count, 1, generator=random)
    down = 20 + torch.rand(count, 18, generator=random) * tall
    seen = torch.ones(count, 18)
    seen[:, 3] = 0
    keypoints = torch.stack([middle + across, down, seen], dim=2)
    keypoints[..., 0].clamp_(centre - wide, centre + wide)
    return keypoints * seen[..., None]


def test_annotations_of_a_narrower_frame_are_found() -> None:
    sentence = other_frame(crowd(30, 88.0), (256, 256))
    assert sentence is not None
    assert "176 columns wide, and the pictures have 256" in sentence
    assert "data prepare deepfashion" in sentence
    twice = crowd(30, 88.0) * torch.tensor([2.0, 2.0, 1.0])
    assert "352 columns wide" in str(other_frame(twice, (512, 512)))


@pytest.mark.parametrize(
    ("keypoints", "size"),
    [
        (crowd(30, 88.0), (256, 176)),  # the published pictures
        (crowd(30, 128.0), (256, 256)),  # the whole ones, with their own annotations
        (crowd(30, 128.0, wide=120.0), (256, 256)),
        (crowd(8, 88.0), (256, 256)),  # too few to tell
        (crowd(30, 88.0, tall=60.0), (256, 256)),  # small people anywhere
        (crowd(30, 60.0, wide=40.0), (256, 256)),  # people at the left
        (torch.cat([crowd(30, 88.0), crowd(1, 180.0)]), (256, 256)),  # one reaches beyond
        (torch.zeros(30, 18, 3), (256, 256)),
    ],
)
def test_nobody_is_accused_wrongly(keypoints: Tensor, size: tuple[int, int]) -> None:
    assert other_frame(keypoints, size) is None


@pytest.mark.parametrize("name", ["train/a.png", "train\\a.png", "C:\\data\\a.png"])
def test_names_with_folders_are_told_to_leave_them(market: Any, name: str) -> None:
    market.pairs[1] = f"{name},b.png"
    with pytest.raises(DataError, match=r"names are without folders; write 'a\.png'") as error:
        PublishedDataset(market.save(), "train")
    assert "row 2" in str(error.value)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_value_that_is_no_number_is_told_so(market: Any, value: str) -> None:
    config = market.save()
    path = config.annotations("train")
    lines = path.read_text().splitlines()
    first, _, rest = lines[1].partition("[")
    lines[1] = f"{first}[{value},{rest.partition(',')[2]}"
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"row 2: keypoints_y holds a value that is not a finite"):
        PublishedDataset(config, "train")
