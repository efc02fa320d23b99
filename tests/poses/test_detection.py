"""Any detector in use: conversion, the picture's edge, several people; drawings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from posegen.core import PluginError, PoseDetector
from posegen.core.skeletons import OPENPOSE18
from posegen.poses.draw import draw_pose_on
from posegen.poses.people import by_prominence, chosen, detect_people, drop_outside

IMAGES = torch.zeros(2, 3, 40, 20, dtype=torch.uint8)


class Fixed(PoseDetector):
    """Finds the same people in every batch."""

    def __init__(self, *found: Tensor, skeleton: str = "coco17") -> None:
        self.found, self.skeleton = list(found), skeleton

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [people.clone() for people in self.found]


def person(x: float, y: float, confidence: float = 0.4) -> Tensor:
    return torch.tensor([x, y, confidence]).repeat(17, 1)


def test_people_are_converted_in_the_detectors_order() -> None:
    detector = Fixed(torch.stack([person(3, 4), person(5, 30)]), torch.zeros(0, 17, 3))
    first, second = detect_people(detector, IMAGES, "openpose18")
    assert first.shape == (2, 18, 3)
    assert first[0].tolist() == [[3, 4, 1]] * 18
    assert first[1, 1].tolist() == [5, 30, 1]
    assert second.shape == (0, 18, 3)


def test_joints_outside_the_picture_are_missing() -> None:
    one, outside = person(3, 4), person(30, 4)
    one[5, 0] = -0.6  # the left shoulder: then there is no neck either
    one[7, 1] = 39.5
    one[8, 1] = 39.4
    (people, _) = detect_people(
        Fixed(torch.stack([outside, one]), torch.zeros(0, 17, 3)), IMAGES, "openpose18"
    )
    assert len(people) == 1
    missing = [j for j, joint in enumerate(people[0]) if not joint.any()]
    assert [OPENPOSE18.joints[j] for j in missing] == ["neck", "left_shoulder", "left_elbow"]


@pytest.mark.parametrize(
    ("detector", "sentence"),
    [
        (Fixed(torch.zeros(0, 17, 3)), r"shapes \[\(0, 17, 3\)\] for 2 pictures"),
        (
            Fixed(*[torch.zeros(1, 18, 3)] * 2),
            r"\(1, 18, 3\)\] for 2 .* must have \(N, 17, 3\)",
        ),
        (Fixed(skeleton="h36m"), "the skeleton 'h36m'; posegen knows openpose18, "),
    ],
)
def test_a_detector_that_breaks_its_contract_is_named(
    detector: PoseDetector, sentence: str
) -> None:
    with pytest.raises(PluginError, match=f"Fixed .*{sentence}"):
        detect_people(detector, IMAGES, "openpose18")


def test_prominence_is_of_the_large_and_whole() -> None:
    random = torch.Generator().manual_seed(0)
    points = torch.rand(17, 3, generator=random)
    points[:, 2] = 1
    large, small, half, nobody = points * 1, points * 1, points * 1, torch.zeros(17, 3)
    large[:, :2] *= 100
    small[:, :2] = small[:, :2] * 30 + 50
    half[:, :2] *= 110
    half[5:, 2] = 0
    people = torch.stack([nobody, small, half, large])
    for last, person in enumerate((nobody, small, half, large), start=1):
        assert torch.equal(chosen(by_prominence(people[:last])), person)
    assert torch.equal(chosen(by_prominence(people[:0])), nobody)


def test_dropping_leaves_its_argument() -> None:
    points = torch.tensor([[3.0, 4, 0], [3, 4, 0.5], [-2, 4, 1]])
    before = points.clone()
    assert drop_outside(points, (8, 8)).tolist() == [[0, 0, 0], [3, 4, 0.5], [0, 0, 0]]
    assert torch.equal(points, before)


@pytest.mark.parametrize(("size", "scale"), [((128, 64), 4), ((600, 800), 1)])
def test_a_drawing_is_where_the_joints_are(size: tuple[int, int], scale: int) -> None:
    picture = torch.full((3, *size), 100, dtype=torch.uint8)
    points = torch.zeros(18, 3)
    points[8] = torch.tensor([20.0, 40.0, 1.0])
    points[9] = torch.tensor([20.0, 90.0, 1.0])
    drawn = np.asarray(draw_pose_on(picture, points, OPENPOSE18)).astype(int)
    assert drawn.shape == (size[0] * scale, size[1] * scale, 3)
    coloured = np.abs(drawn - drawn[-1, -1]).max(-1) > 30
    rows, columns = np.nonzero(coloured)
    assert np.median(columns) == pytest.approx((20.5) * scale - 0.5, abs=1)
    assert rows.min() == pytest.approx(40 * scale, abs=3 + scale)
    assert rows.max() == pytest.approx(91 * scale, abs=3 + scale)
    assert (drawn[-1, -1] < 100).all()  # the picture is dimmed
