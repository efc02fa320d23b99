"""Skeletons: which joint has which number, which are joined, which are mirror images.

`openpose18` is the order of the field's data sets. The published PATN label list calls joints
14-17 "Leye, Reye, Lear, Rear"; by the limbs that it draws, and in OpenPose's own order, they are
the right eye, left eye, right ear and left ear. Right and left are the person's own.

A joint has the same name in every skeleton that has it, and two joints that differ never share one:
`posegen.poses.conversions` relies on that. The orders are those of OpenPose's documented output
(its COCO and BODY_25 models), of COCO's keypoint annotations, of MediaPipe's `PoseLandmark`, of
COCO-WholeBody's annotations (body, feet, the 68 face points of 300-W, hands), and of Halpe's, whose
neck is labelled where it is and is no midpoint of shoulders: it is called `throat`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from posegen.core.errors import ConfigError, suggest


@dataclass(frozen=True)
class Skeleton:
    """The joints of a person, and how they are joined.

    Attributes:
        name: as used in configurations and weights.
        title: what it is, for tables.
        joints: the joints' names, in order.
        limbs: pairs of joint numbers that a drawing joins.
        mirrored: pairs of joint numbers that a left-right flip swaps.
    """

    name: str
    title: str
    joints: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    mirrored: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.joints)


def _skeleton(
    name: str,
    title: str,
    joints: Sequence[str],
    chains: str,
    mirrored: Sequence[tuple[str, str]] = (),
) -> Skeleton:
    """Build a skeleton.

    Args:
        name: its name, and `title` what it is.
        joints: the joints in order. Names that differ in "right_" and "left_" only are mirrored.
        chains: which joints are joined: `a-b-c a-d`. A chain with stars stands for two: one with
            "right_" in their place and one with "left_".
        mirrored: further pairs of names.
    """
    number = {joint: index for index, joint in enumerate(joints)}
    pairs = [(j, j.replace("right_", "left_", 1)) for j in joints if j.startswith("right_")]
    limbs: list[tuple[str, str]] = []
    for chain in chains.split():
        for side in ("right_", "left_") if "*" in chain else ("",):
            limbs += pairwise(chain.replace("*", side).split("-"))
    return Skeleton(
        name,
        title,
        tuple(joints),
        tuple((number[a], number[b]) for a, b in limbs),
        tuple((number[a], number[b]) for a, b in (*pairs, *mirrored)),
    )


_ARM = ("shoulder", "elbow", "wrist")
_LEG = ("hip", "knee", "ankle")
_FOOT = ("big_toe", "small_toe", "heel")
_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")


def _sided(sides: Sequence[str], parts: Sequence[str]) -> list[str]:
    """Return the parts of the first side, then those of the second."""
    return [f"{side}_{part}" for side in sides for part in parts]


def _by_part(parts: Sequence[str], sides: Sequence[str] = ("left", "right")) -> list[str]:
    """Return each part of the first side, followed by that of the second."""
    return [f"{side}_{part}" for part in parts for side in sides]


def _row(name: str, first: int, last: int) -> list[str]:
    return [f"{name}{number}" for number in range(first, last + 1)]


OPENPOSE18 = _skeleton(
    "openpose18",
    "OpenPose's COCO model; the published data sets",
    [
        *("nose", "neck"),
        *_sided(("right", "left"), _ARM),
        *_sided(("right", "left"), _LEG),
        *_by_part(("eye", "ear"), ("right", "left")),
    ],
    "neck-*shoulder-*elbow-*wrist neck-*hip-*knee-*ankle neck-nose nose-*eye-*ear",
)

OPENPOSE25 = _skeleton(
    "openpose25",
    "OpenPose's BODY_25 model",
    [
        *("nose", "neck"),
        *_sided(("right", "left"), _ARM),
        "mid_hip",
        *_sided(("right", "left"), _LEG),
        *_by_part(("eye", "ear"), ("right", "left")),
        *_sided(("left", "right"), _FOOT),
    ],
    "neck-*shoulder-*elbow-*wrist neck-mid_hip mid_hip-*hip-*knee-*ankle neck-nose nose-*eye-*ear "
    "*ankle-*big_toe-*small_toe *ankle-*heel",
)

_COCO_JOINTS = ["nose", *_by_part(("eye", "ear", *_ARM, *_LEG))]
_COCO_CHAINS = (
    "nose-*eye-*ear-*shoulder-*elbow-*wrist left_shoulder-right_shoulder "
    "*shoulder-*hip-*knee-*ankle left_hip-right_hip"
)

COCO17 = _skeleton("coco17", "COCO's person keypoints", _COCO_JOINTS, _COCO_CHAINS)

MEDIAPIPE33 = _skeleton(
    "mediapipe33",
    "MediaPipe's pose landmarks (BlazePose)",
    [
        "nose",
        *_sided(("left", "right"), ("eye_inner", "eye", "eye_outer")),
        *_by_part(("ear", "mouth_corner", *_ARM, "pinky", "index", "thumb", *_LEG)),
        *_by_part(("heel", "foot_index")),
    ],
    "nose-*eye_inner-*eye-*eye_outer-*ear right_mouth_corner-left_mouth_corner "
    "*shoulder-*elbow-*wrist-*pinky-*index-*wrist-*thumb left_shoulder-right_shoulder "
    "*shoulder-*hip-*knee-*ankle-*heel-*foot_index-*ankle left_hip-right_hip",
)

_FACE = _row("face_", 0, 67)
#: Which face points are mirror images: (first, last) of a row of points and the row's mirror image
#: backwards: jaw, brows, nose, eyes (two halves), outer and inner lips (two halves).
_FACE_MIRRORS = (
    *((0, 7, 16), (17, 21, 26), (31, 32, 35), (36, 39, 45), (40, 41, 47)),
    *((48, 50, 54), (58, 59, 56), (60, 61, 64), (67, 67, 65)),
)

_FACE_PAIRS = [
    (_FACE[first + step], _FACE[mirror - step])
    for first, last, mirror in _FACE_MIRRORS
    for step in range(last - first + 1)
]
_HANDS = _sided(("left", "right"), ["hand_root", *(p for f in _FINGERS for p in _row(f, 1, 4))])
#: Chains of faces and hands.
_DETAILS = " ".join(
    [
        *("-".join(_FACE[a : b + 1]) for a, b in ((0, 16), (17, 21), (22, 26), (27, 30))),
        *("-".join(["*hand_root", *_row(f"*{finger}", 1, 4)]) for finger in _FINGERS),
    ]
)

WHOLEBODY133 = _skeleton(
    "wholebody133",
    "COCO-WholeBody's, as DWPose and RTMW give them",
    [*_COCO_JOINTS, *_sided(("left", "right"), _FOOT), *_FACE, *_HANDS],
    f"{_COCO_CHAINS} *ankle-*big_toe-*small_toe *ankle-*heel {_DETAILS}",
    _FACE_PAIRS,
)

_HALPE_JOINTS = [*_COCO_JOINTS, "head_top", "throat", "mid_hip", *_by_part(_FOOT)]
_HALPE_CHAINS = (
    "nose-*eye-*ear nose-throat-head_top throat-*shoulder-*elbow-*wrist "
    "throat-mid_hip-*hip-*knee-*ankle-*big_toe-*small_toe *ankle-*heel"
)

HALPE26 = _skeleton(
    "halpe26", "Halpe's bodies, as AlphaPose and RTMPose give them", _HALPE_JOINTS, _HALPE_CHAINS
)

HALPE136 = _skeleton(
    "halpe136",
    "Halpe's bodies, faces and hands (AlphaPose)",
    [*_HALPE_JOINTS, *_FACE, *_HANDS],
    f"{_HALPE_CHAINS} {_DETAILS}",
    _FACE_PAIRS,
)

#: name -> skeleton.
SKELETONS = {
    one.name: one
    for one in (
        *(OPENPOSE18, OPENPOSE25, COCO17, MEDIAPIPE33),
        *(WHOLEBODY133, HALPE26, HALPE136),
    )
}


def skeleton(name: str) -> Skeleton:
    """Return a skeleton by name.

    Raises:
        ConfigError: for an unknown name.
    """
    if name not in SKELETONS:
        raise ConfigError(f"no skeleton {name!r}; {suggest(name, SKELETONS)}")
    return SKELETONS[name]
