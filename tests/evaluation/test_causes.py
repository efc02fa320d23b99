"""Causes of failure: by hand on moved people, among processes, and through an evaluation."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from posegen.compute.process import Process
from posegen.core import Batch, skeleton
from posegen.evaluation.causes import LEAST, PoseLog, mean_of
from posegen.plugins.testing import standing, turned

NAMES = skeleton("openpose18").joints


def found(
    source: Tensor | None, target: Tensor, height: int = 128, names: list[str] | None = None
) -> list[tuple[str, ...]]:
    tensors = {"target_keypoints": target, "target": torch.zeros(len(target), 3, height, 64)}
    if source is not None:
        tensors["source_keypoints"] = source
    log = PoseLog("openpose18")
    half = len(target) // 2
    for part in (slice(0, half), slice(half, None)):
        if len(target[part]):
            log.add(Batch({name: value[part] for name, value in tensors.items()}))
    names = names or [f"{n}.png" for n in range(len(target))]
    log.finish(Process(torch.device("cpu")), names)
    return log.causes


def mirrored() -> Tensor:
    """The standing person from behind: what was on the right is on the left."""
    pose = standing()
    pose[..., 0] = 64 - pose[..., 0]
    return pose


def test_an_easy_pair_has_no_cause() -> None:
    assert found(turned(standing(), 0.1, 0.9, (3.0, 2.0)), standing()) == [()]


def test_joints_that_the_source_does_not_show() -> None:
    legs = [name for name in NAMES if name.endswith(("knee", "ankle", "hip"))]
    assert found(standing("openpose18", *legs), standing()) == [("unseen joints",)]  # 6 of 18
    assert found(standing("openpose18", *legs[:4]), standing()) == [()]  # 4 of 18
    hidden = standing()
    hidden[:, [NAMES.index(name) for name in legs], 2] = 0.5
    assert found(hidden, standing()) == [("unseen joints",)]
    assert found(hidden, hidden) == [()]  # nobody wants to see them


def test_a_person_who_turns_round() -> None:
    assert found(mirrored(), standing()) == [("large turn",)]
    aside = standing()
    shoulders = [NAMES.index(f"{side}_shoulder") for side in ("right", "left")]
    aside[:, shoulders, 0] = 32.0
    assert found(aside, standing()) == [("large turn",)]  # from the side: 90°
    assert found(mirrored(), mirrored()) == [()]
    unknown = standing("openpose18", "left_shoulder")
    assert found(unknown, mirrored()) == [()]


def test_a_person_who_is_small() -> None:
    small = turned(standing(), 0.0, 0.4, (10.0, 10.0))  # a torso of 14 pixels
    assert found(standing(), small) == [("small person",)]
    assert found(small, standing()) == [()]
    assert found(standing(), small, height=64) == [()]


def test_a_pose_that_nobody_else_has() -> None:
    """Among many who stand and move a little, those who raise a wrist; wherever they are."""
    random = torch.Generator().manual_seed(0)
    poses = standing().repeat(LEAST, 1, 1)
    poses[..., :2] += torch.rand(LEAST, 18, 2, generator=random)
    places = 10 * torch.rand(LEAST, 1, 2, generator=random)
    poses[..., :2] += places
    raised = [3, 17, 31]
    poses[raised, NAMES.index("left_wrist"), 1] -= 50.0
    rare = [place for place, own in enumerate(found(poses, poses)) if own == ("rare pose",)]
    assert set(raised) <= set(rare)
    assert len(rare) == LEAST // 10
    few = found(poses[:20], poses[:20])
    assert set(few) == {()}
    # A target that is wanted again and again is not its own neighbour.
    twice = torch.cat([poses, poses[raised].repeat(6, 1, 1)])
    names = [str(n) for n in range(LEAST)] + [str(n) for n in raised] * 6
    again = found(twice, twice, names=names)
    assert all(again[place] == ("rare pose",) for place in (*raised, *range(LEAST, len(twice))))


def test_without_sources_what_the_targets_tell() -> None:
    small = turned(standing(), 0.0, 0.4, (10.0, 10.0))
    assert found(None, small) == [("small person",)]


def test_without_poses_nothing_is_told() -> None:
    log = PoseLog("coco17")
    log.add(Batch({"target": torch.zeros(1, 3, 8, 8)}))
    log.finish(Process(torch.device("cpu")), ["a"])
    assert log.causes == []


def test_nobody_in_the_picture() -> None:
    nobody = torch.zeros(1, 18, 3)
    assert found(nobody, nobody) == [()]
    many = torch.zeros(LEAST, 18, 3)
    assert set(found(many, many)) == {()}


def test_a_mean_is_over_what_has_a_value() -> None:
    values = [1.0, np.nan, 3.0]
    assert mean_of(values, [0, 1, 2]) == 2.0
    assert mean_of(values, [1]) is None
