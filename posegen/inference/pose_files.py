"""Pose files: one person's keypoints as JSON.

    {"layout": "openpose18", "size": [128, 64], "keypoints": [[31.5, 12.0, 1.0], null, …]}

`size` is the (height, width) of the picture that the pixels count in; without it, the picture that
the pose goes with, or the source for a wanted pose. A missing joint is null, has visibility 0 or is
at [-1, -1]; [x, y] alone counts as seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posegen.core.errors import DataError
from posegen.core.skeletons import Skeleton, skeleton
from posegen.core.texts import parse_json, read_text
from posegen.core.writing import write_json
from posegen.poses.conversions import convert
from posegen.poses.formats import read_poses
from posegen.poses.formats.common import LARGEST


@dataclass(frozen=True)
class Pose:
    """Keypoints (K, 3) as x, y in pixels and visibility, and the (H, W) of their picture."""

    keypoints: Tensor
    size: tuple[int, int] | None = None

    def scaled_to(self, size: tuple[int, int], fallback: tuple[int, int]) -> Tensor:
        """Return the keypoints in pixels of a picture of `size`."""
        height, width = self.size or fallback
        factor = torch.tensor([size[1] / width, size[0] / height])
        moved = self.keypoints.clone()
        # Pixel centres are at whole numbers, so the picture's edge is at -0.5.
        moved[:, :2] = (moved[:, :2] + 0.5) * factor - 0.5
        return moved


def read_pose(path: Path, expected: str, person: int = 1) -> Pose:
    """Read a pose file: of ours, or what another program wrote about one picture.

    Of several people there the most prominent is taken, or the `person`-th.

    Raises:
        DataError: naming the file, the joint where there is one, and what is wrong.
    """
    if path.suffix.lower() in (".txt", ".csv") and path.exists():
        return _of_another_program(path, expected, person)
    try:
        content = parse_json(read_text(path))
    except FileNotFoundError:
        raise DataError(f"{path}: no such pose file.") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as JSON ({error}).") from None
    if isinstance(content, list) and not any(isinstance(row, dict) for row in content):
        content = {"keypoints": content}
    if not isinstance(content, dict) or not isinstance(content.get("keypoints"), list):
        return _of_another_program(path, expected, person)
    return pose_from(content, expected, path)


def pose_from(content: Mapping[str, Any], expected: str, path: Path) -> Pose:
    """Return the pose that a pose file of ours holds; `path` is for messages.

    Raises:
        DataError: as `read_pose`.
    """
    if not isinstance(content.get("keypoints"), list):
        raise DataError(f'{path}: needs a list "keypoints" of [x, y, visibility].')
    found = content.get("layout", expected)
    if found != expected:
        raise DataError(f"{path}: its layout is {found!r} and the model reads {expected!r}.")
    return Pose(_keypoints(content["keypoints"], skeleton(expected), path), _size(content, path))


def _of_another_program(path: Path, expected: str, person: int) -> Pose:
    """Read the only picture of a file in one of `posegen.poses.formats`."""
    try:
        records = list(read_poses(path, person=person))
    except DataError as error:
        raise DataError(
            f'{path}: needs an object with a list "keypoints" of [x, y, visibility]; or a file of '
            f"another program ({error})"
        ) from None
    if len(records) != 1:
        raise DataError(
            f"{path}: has the poses of {len(records)} pictures; give it with --target-poses."
        )
    (record,) = records
    return Pose(convert(record.keypoints, record.skeleton, expected), record.size)


def write_pose(path: Path, keypoints: Tensor, size: tuple[int, int], layout_name: str) -> None:
    """Write one person's keypoints (K, 3)."""
    points = [
        [round(float(x), 2), round(float(y), 2), float(v)] if v > 0 else None
        for x, y, v in keypoints
    ]
    write_json(path, {"layout": layout_name, "size": list(size), "keypoints": points})


def _keypoints(rows: list[Any], joints: Skeleton, path: Path) -> Tensor:
    if len(rows) != len(joints):
        raise DataError(f"{path}: {len(rows)} keypoints where {joints.name} has {len(joints)}.")
    points = torch.zeros(len(joints), 3)
    for number, (name, row) in enumerate(zip(joints.joints, rows, strict=True)):
        if row is None:
            continue
        numbers = isinstance(row, list) and all(
            type(v) in (int, float) and abs(v) <= LARGEST for v in row
        )
        if not numbers or len(row) not in (2, 3):
            raise DataError(
                f"{path}: keypoint {number} ({name}) is not [x, y, visibility] in finite "
                "numbers, or null."
            )
        if tuple(row[:2]) != (-1, -1):  # how the published annotations write a missing joint
            points[number] = torch.tensor([*row, 1.0][:3])
    return points


def _size(content: Mapping[str, Any], path: Path) -> tuple[int, int] | None:
    size = content.get("size")
    if size is None and {"height", "width"} <= content.keys():  # as pose editors write it
        size = [content["height"], content["width"]]
    if size is None:
        return None
    if not (
        isinstance(size, list)
        and len(size) == 2
        and all(type(v) is int and 0 < v <= LARGEST for v in size)
    ):
        raise DataError(f'{path}: "size" is not [height, width] in pixels.')
    return size[0], size[1]
