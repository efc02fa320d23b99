"""Mistakes that show in many poses at once: sides that are swapped, joints in another order.

Each is silent: training runs, and the results are bad. A single strange pose says nothing (people
cross their legs); a share of all poses does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from posegen.core.skeletons import OPENPOSE18

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

_SIDES = "give right joints the numbers of right joints (the person's own right), also the eyes"
_ORDER = "write the joints in the order of docs/data.md, y before x"


class Mistake(NamedTuple):
    """A mistake of most poses.

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
    examples: list[int]


def mistakes(keypoints: Tensor) -> Iterator[Mistake]:
    """Yield every systematic mistake of (N, 18, 3) keypoints."""
    for what, remedy, joints, wrong, least in _tests(keypoints):
        numbers = [OPENPOSE18.joints.index(joint) for joint in joints]
        telling = keypoints[:, numbers, 2].gt(0).all(1) & (wrong.abs() > least)
        strange = (telling & (wrong > 0)).nonzero().flatten().tolist()
        poses = int(telling.sum())
        if poses >= FEWEST and len(strange) > SYSTEMATIC * poses:
            yield Mistake(what, remedy, len(strange), poses, strange[:5])


#: A mistake, its remedy, the joints that tell, how far they are on the wrong side (N,), and from
#: which distance on that says something.
_Test = tuple[str, str, tuple[str, ...], Tensor, Tensor | float]


def _tests(keypoints: Tensor) -> Iterator[_Test]:
    seen = keypoints[..., 2] > 0
    place = dict(zip(OPENPOSE18.joints, keypoints[..., :2].unbind(1), strict=True))
    low = keypoints[..., 1].masked_fill(~seen, float("inf")).amin(1)
    high = keypoints[..., 1].masked_fill(~seen, -float("inf")).amax(1)
    margin = _CLEAR * (high - low).clamp_min(0)

    face = ("nose", "right_eye", "left_eye")  # all seen: from the front
    yield (
        "eyes swapped, or pictures mirrored",
        f"{_SIDES}: in a face seen from the front the right eye is on the left of the picture",
        face,
        place["right_eye"][:, 0] - place["left_eye"][:, 0],
        0.5,  # eyes are close together: half a pixel tells them apart
    )
    yield (
        "shoulders on the wrong side of the face",
        f"{_SIDES}: in front of the camera the right shoulder is on the left of the picture",
        (*face, "right_shoulder", "left_shoulder"),
        place["right_shoulder"][:, 0] - place["left_shoulder"][:, 0],
        margin,
    )
    for joint, parent in _PARENTS.items():
        names = tuple(f"{side}_{part}" for part in (joint, parent) for side in ("right", "left"))
        right, left, right_parent, left_parent = (place[name] for name in names)
        straight = (right - right_parent).norm(dim=-1) + (left - left_parent).norm(dim=-1)
        across = (right - left_parent).norm(dim=-1) + (left - right_parent).norm(dim=-1)
        what = f"{joint}s swapped against {parent}s"
        yield what, _SIDES, names, straight - across, margin / 2
    for upper, lower in _ABOVE:
        what = f"{upper} below {lower}".replace("_", " ")
        yield what, _ORDER, (upper, lower), place[upper][:, 1] - place[lower][:, 1], margin
