"""What moves when somebody takes hold of a joint: the rules of an editor of poses."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from posegen.core.skeletons import skeleton
from posegen.poses.retarget import hanging_on, limbs_of

_PAIRS = {"ROOT": ("left_hip", "right_hip"), "NECK": ("left_shoulder", "right_shoulder")}
#: Joints by which the two limbs before them are bent; what they hang on gives way.
_ENDS = ("wrist", "ankle")


class Grip(NamedTuple):
    """What a joint does when it is dragged; joints by number.

    Attributes:
        pivot: it turns about the middle of these; empty: everything is moved along.
        moves: it, and what comes along.
        carries: it, and what hangs on it: what comes along where limbs need not keep their length.
        bends: where a limb's end pulls two limbs: (the fixed joint, the one that gives way).
    """

    pivot: tuple[int, ...]
    moves: tuple[int, ...]
    carries: tuple[int, ...]
    bends: tuple[int, ...] = ()


@cache
def grips(layout: str) -> tuple[Grip, ...]:
    """Return the grip of each joint of a skeleton, in its order.

    Hips carry the whole figure, the neck turns the upper body about the hips, an elbow turns the
    arm about the shoulder, and a hand or foot bends what it hangs on.

    Raises:
        ConfigError, DataError: for an unknown skeleton, or one without hips or shoulders.
    """
    bones = skeleton(layout)
    number = {joint: index for index, joint in enumerate(bones.joints)}
    start = {limb.end: limb.start for limb in limbs_of(bones)}

    def numbers(name: str) -> tuple[int, ...]:
        if name == "NECK" and "neck" in number:
            return (number["neck"],)
        return tuple(number[joint] for joint in _PAIRS.get(name, (name,)))

    def grip(joint: str) -> Grip:
        moves = tuple(hanging_on(bones, joint))
        if start[joint] == "ROOT":
            return Grip((), tuple(range(len(bones))), moves)
        if joint == "neck":
            return Grip(numbers("ROOT"), tuple(hanging_on(bones, "NECK")), moves)
        if joint.endswith(_ENDS):
            fixed, gives = start[start[joint]], start[joint]
            return Grip(numbers(gives), moves, moves, (*numbers(fixed), *numbers(gives)))
        return Grip(numbers(start[joint]), moves, moves)

    return tuple(grip(joint) for joint in bones.joints)
