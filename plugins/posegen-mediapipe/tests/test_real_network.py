"""The real network of mediapipe 0.10.21 on rendered people, whose keypoints are known."""

from __future__ import annotations

import pytest
import torch
from posegen_mediapipe.config import MediaPipeConfig
from posegen_mediapipe.detector import MediaPipe

from posegen.config.parts import build_dataset
from posegen.config.schema import ComponentOptions
from posegen.core import skeleton
from posegen.poses.conversions import convert

mediapipe = pytest.importorskip("mediapipe")
pytestmark = [
    pytest.mark.skipif(not hasattr(mediapipe, "solutions"), reason="it brings no model"),
    pytest.mark.filterwarnings("ignore::UserWarning:google.*"),
]


def test_it_finds_the_joints_of_rendered_people() -> None:
    few = {"image_size": (256, 128), "identities": 12, "test_identities": 1}
    people = build_dataset(ComponentOptions(name="people", **few), "train")
    pairs = [people[index] for index in range(0, len(people), len(people) // 12)]
    images = torch.stack([pair.source for pair in pairs])
    truth = torch.stack([pair.source_keypoints for pair in pairs])
    detected = MediaPipe(MediaPipeConfig())(images)
    assert all(len(found) == 1 for found in detected)
    keypoints = convert(torch.cat(detected), "mediapipe33", "openpose18")
    both = (keypoints[..., 2] > 0) & (truth[..., 2] == 1)
    errors = (keypoints - truth)[..., :2].norm(dim=-1)
    assert both.float().mean() > 0.6
    assert errors[both].median() < 4  # pixels, of 256
    offset = (keypoints - truth)[..., :2][both].mean(0)
    assert offset.abs().max() < 1.5
    # Left and right are the person's own: the other way round is worse for nearly everybody.
    swapped = list(range(18))
    for a, b in skeleton("openpose18").mirrored:
        swapped[a], swapped[b] = b, a
    mirrored = (keypoints[:, swapped] - truth)[..., :2].norm(dim=-1)
    right_way = (errors * both).sum(1) < (mirrored * both).sum(1)
    assert right_way.sum() >= len(pairs) - 1
