"""Poses of one person a picture, as other programs write them; their readers are beside this."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from posegen.core.skeletons import COCO17, OPENPOSE18
from posegen.poses.conversions import convert


def coco_result(name: str, keypoints: Tensor, skeleton: str) -> dict[str, Any]:
    """Return one entry of COCO's list of results: 17 joints `x, y, confidence` in pixels.

    Args:
        name: of the picture. COCO's own numbers of pictures are not known, so it is the
            `image_id`, as AlphaPose writes it.
        keypoints: (K, 3): x, y in pixels, and the visibility, which stands for the confidence.
        skeleton: the name of theirs.
    """
    points = convert(keypoints, skeleton, COCO17.name)
    seen = points[:, 2] > 0
    return {
        "image_id": name,
        "category_id": 1,
        "keypoints": _numbers(points),
        "score": round(float(points[seen, 2].mean()) if seen.any() else 0.0, 4),
    }


def alphapose_picture(keypoints: Tensor, skeleton: str) -> dict[str, Any]:
    """Return what AlphaPose writes of a picture with `--format open`: OpenPose's 18 joints."""
    points = convert(keypoints, skeleton, OPENPOSE18.name)
    return {"version": "AlphaPose v0.3", "people": [{"pose_keypoints_2d": _numbers(points)}]}


def yolo_line(keypoints: Tensor, skeleton: str, size: tuple[int, int]) -> str:
    """Return a person as a line of YOLO-pose labels: class, box and 17 joints `x, y, v`.

    All are fractions of the picture of `size` (H, W). The box is the extent of the joints, and v is
    2 for a seen joint, 1 for a hidden one and 0 for a missing one.
    """
    points = convert(keypoints, skeleton, COCO17.name)
    height, width = size
    places = (points[:, :2] + 0.5) / points.new_tensor([width, height])
    seen = points[:, 2] > 0
    box = places[seen] if seen.any() else places.new_zeros(1, 2)
    low, high = box.amin(0), box.amax(0)
    numbers = [*((low + high) / 2).tolist(), *(high - low).tolist()]
    joints = [
        f"{x:.6f} {y:.6f} {2 if visibility >= 1 else 1}" if visibility > 0 else "0 0 0"
        for (x, y), visibility in zip(places.tolist(), points[:, 2].tolist(), strict=True)
    ]
    return " ".join(["0", *(f"{number:.6f}" for number in numbers), *joints])


def _numbers(points: Tensor) -> list[float]:
    """Return x, y, confidence of every joint in one list; zeros for a missing one."""
    rows = [
        [round(x, 3), round(y, 3), round(visibility, 4)] if visibility > 0 else [0.0] * 3
        for x, y, visibility in points.tolist()
    ]
    return [number for row in rows for number in row]
