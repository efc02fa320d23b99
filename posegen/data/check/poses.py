"""Mistakes that show in many poses at once: sides that are swapped, joints in another order.

Each is silent: training runs, and the results are bad. A single strange pose says nothing (people
cross their legs); a share of all poses does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from posegen.poses.layouts import OPENPOSE18

#: A mistake is systematic where more than this share of the poses shows it; people who twist and
#: mistakes of detectors stay far below.
SYSTEMATIC = 0.5
#: Fewer poses than this say nothing.
FEWEST = 10
#: Where two places are nearly the same (a person from the side), sides say nothing: differences
#: count from this share of the pose's height on.
_CLEAR = 0.05

#: joint -> the joint that it hangs on: the left one is nearer to the left one.
_PARENTS = {
    "elbow": "shoulder",
    "wrist": "elbow",
    "hip": "shoulder",
    "knee": "hip",
    "ankle": "knee",
    "ear": "eye",
}
#: (upper, lower): in an upright person.
_ABOVE = (
    ("nose", "neck"),
    ("right_eye", "right_hip"),
    ("left_eye", "left_hip"),
    ("right_shoulder", "right_hip"),
    ("left_shoulder", "left_hip"),
    ("right_hip", "right_knee"),
    ("left_hip", "left_knee"),
    ("right_knee", "right_ankle"),
    ("left_knee", "left_ankle"),
)


@dataclass(frozen=True)
class Habit:
    """How often poses show a possible mistake.

    Attributes:
        what: the mistake.
        remedy: what to do.
        strange: how many poses show it, out of `poses` that can tell.
        examples: the numbers of the first poses that show it.
    """

    what: str
    remedy: str
    strange: int
    poses: int
    examples: tuple[int, ...]

    @property
    def systematic(self) -> bool:
        """Whether it is a mistake."""
        return self.poses >= FEWEST and self.strange > SYSTEMATIC * self.poses


def habits(keypoints: Tensor) -> list[Habit]:
    """Return every possible mistake with how often it is seen in (N, 18, 3) keypoints."""
    poses = _Poses(keypoints)
    sides = "give right joints the numbers of right joints (the person's own right), also the eyes"
    found = [
        poses.habit(
            "eyes swapped, or pictures mirrored",
            f"{sides}: in a face seen from the front the right eye is on the left of the picture",
            poses.facing & poses.clear("right_eye", "left_eye"),
            poses.beside("right_eye", "left_eye"),
        ),
        poses.habit(
            "shoulders on the wrong side of the face",
            f"{sides}: in front of the camera the right shoulder is on the left of the picture",
            poses.facing & poses.clear("right_shoulder", "left_shoulder"),
            poses.beside("right_shoulder", "left_shoulder"),
        ),
    ]
    for joint, parent in _PARENTS.items():
        crossed, clear = poses.crossed(joint, parent)
        found.append(poses.habit(f"{joint}s swapped against {parent}s", sides, clear, crossed))
    order = "write the joints in the order of docs/data.md, y before x"
    for upper, lower in _ABOVE:
        what = f"{_plain(upper)} below {_plain(lower)}"
        clear = poses.there(upper, lower) & (poses.drop(upper, lower).abs() > poses.margin)
        found.append(poses.habit(what, order, clear, poses.drop(upper, lower) > 0))
    return found


def _plain(joint: str) -> str:
    return joint.replace("_", " ")


class _Poses:
    """The places of joints by name."""

    def __init__(self, keypoints: Tensor) -> None:
        self._places = keypoints[..., :2]
        self._seen = keypoints[..., 2] > 0
        y = keypoints[..., 1]
        high = y.masked_fill(~self._seen, -float("inf")).amax(1)
        low = y.masked_fill(~self._seen, float("inf")).amin(1)
        self.margin = _CLEAR * (high - low).clamp_min(0)
        self.facing = self.there("nose", "right_eye", "left_eye")

    def place(self, joint: str) -> Tensor:
        return self._places[:, OPENPOSE18.joints.index(joint)]

    def there(self, *joints: str) -> Tensor:
        return self._seen[:, [OPENPOSE18.joints.index(joint) for joint in joints]].all(1)

    def beside(self, right: str, left: str) -> Tensor:
        """Whether the right joint is on the right of the picture: (N,) bool."""
        return self.place(right)[:, 0] > self.place(left)[:, 0]

    def clear(self, right: str, left: str) -> Tensor:
        """Whether two joints are there, and not nearly one above the other."""
        apart = (self.place(right)[:, 0] - self.place(left)[:, 0]).abs()
        # Eyes are close together: half a pixel tells them apart.
        return self.there(right, left) & (apart > (0.5 if "eye" in right else self.margin))

    def drop(self, upper: str, lower: str) -> Tensor:
        """Return how far the upper joint is below the lower one."""
        return self.place(upper)[:, 1] - self.place(lower)[:, 1]

    def crossed(self, joint: str, parent: str) -> tuple[Tensor, Tensor]:
        """Return whether left and right joints are nearer to the other side's parents; and for
        which poses that is clear.
        """
        names = [f"{side}_{part}" for part in (joint, parent) for side in ("right", "left")]
        right, left, right_parent, left_parent = map(self.place, names)
        straight = _away(right, right_parent) + _away(left, left_parent)
        across = _away(right, left_parent) + _away(left, right_parent)
        clear = self.there(*names) & ((straight - across).abs() > self.margin / 2)
        return straight > across, clear

    def habit(self, what: str, remedy: str, telling: Tensor, strange: Tensor) -> Habit:
        shown = (telling & strange).nonzero().flatten().tolist()
        return Habit(what, remedy, len(shown), int(telling.sum()), tuple(shown[:5]))


def _away(a: Tensor, b: Tensor) -> Tensor:
    distance: Tensor = torch.linalg.vector_norm(a - b, dim=-1)
    return distance
