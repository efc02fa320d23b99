"""Why a pair may be hard, as far as its poses tell: causes of failure that can be computed.

Nothing here looks at generated pictures. A cause belongs to a pair, whatever model is scored on it,
so that scores per cause say what a model finds hard, and compare between models.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from posegen.core.skeletons import skeleton
from posegen.evaluation.result import Evaluation

if TYPE_CHECKING:
    from posegen.compute.process import Process
    from posegen.core.batches import Batch

#: Numbers that the definitions name.
UNSEEN, TURN, SMALL, NEIGHBOURS, FARTHEST, LEAST = 0.25, 45.0, 0.15, 5, 0.1, 50

CAUSES: Mapping[str, str] = {
    "unseen joints": f"{UNSEEN:.0%} or more of the joints seen in the target are hidden or missing "
    "in the source",
    "large turn": f"by the width of the shoulders, the person turns by {TURN:.0f}° or more",
    "rare pose": f"the target's pose is in the {FARTHEST:.0%} that are farthest from their "
    f"{NEIGHBOURS} nearest poses among the targets",
    "small person": f"the target's torso is shorter than {SMALL:.0%} of the picture's height",
}
#: The group of pairs that have none.
NO_CAUSE = "none of these"

Array = NDArray[np.float64]

_SHOULDERS, _HIPS = ("right_shoulder", "left_shoulder"), ("right_hip", "left_hip")
_ENDS = ("elbow", "wrist", "knee", "ankle")
_POSED = (
    "nose",
    *_SHOULDERS,
    *_HIPS,
    *(f"{side}_{joint}" for joint in _ENDS for side in ("right", "left")),
)


class Group(NamedTuple):
    """The pairs that have a cause.

    Attributes:
        name, definition: the cause, and when a pair has it.
        places: of its pairs in the evaluation.
    """

    name: str
    definition: str
    places: list[int]


def groups(evaluation: Evaluation) -> list[Group]:
    """Return the groups that have pairs, those without a cause last; none where poses are unknown.

    A pair that has several causes is in each of their groups.
    """
    if not evaluation.causes:
        return []
    found = [
        Group(name, text, [n for n, own in enumerate(evaluation.causes) if name in own])
        for name, text in CAUSES.items()
    ]
    rest = [place for place, own in enumerate(evaluation.causes) if not own]
    found.append(Group(NO_CAUSE, "the pairs without any of these causes", rest))
    return [group for group in found if group.places]


def mean_of(values: Sequence[float], places: Sequence[int]) -> float | None:
    """Return the mean of the values at some places that have one; None where none has."""
    known = [values[place] for place in places if math.isfinite(values[place])]
    return sum(known) / len(known) if known else None


def to_json(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return the groups with their mean scores, as plain values.

    Returns:
        For each group: `cause`, `definition`, `pairs` (how many), and `scores`: protocol -> row ->
        column -> mean over the group's pairs, null where none of them has a value.
    """
    return [
        {
            "cause": group.name,
            "definition": group.definition,
            "pairs": len(group.places),
            "scores": {
                protocol.key: {
                    row: {column: mean_of(values, group.places) for column, values in of.items()}
                    for row, of in protocol.per_image.items()
                }
                for protocol in evaluation.protocols
            },
        }
        for group in groups(evaluation)
    ]


class PoseLog:
    """Keeps the poses of an evaluation's pairs, and finds their causes at its end.

    Attributes:
        causes: the causes of each pair; empty before `finish`, or where the targets' poses are not
            known.
    """

    def __init__(self, layout: str) -> None:
        self.joints = skeleton(layout).joints
        self.causes: list[tuple[str, ...]] = []
        self._parts: list[tuple[Array | None, Array, float]] = []

    def add(self, batch: Batch) -> None:
        """Take in a batch of pairs, as the data set gives it."""
        source, target = batch.get("source_keypoints"), batch.get("target_keypoints")
        if target is not None:
            of_source = None if source is None else source.double().cpu().numpy()
            height = float(batch.target.shape[2])
            self._parts.append((of_source, target.double().cpu().numpy(), height))

    def finish(self, process: Process, names: Sequence[str]) -> None:
        """Join what the processes have, in order, and find the causes.

        Args:
            process: this process.
            names: the target of every pair; the first process has them all.
        """
        parts = [part for of_one in process.gather(self._parts) for part in of_one]
        found: list[tuple[str, ...]] = []
        if process.is_main and sum(len(target) for _, target, _ in parts) == len(names):
            found = list(self._found(parts, names))
        self.causes = process.agree(found)

    def _found(
        self, parts: Sequence[tuple[Array | None, Array, float]], names: Sequence[str]
    ) -> Iterator[tuple[str, ...]]:
        target = np.concatenate([part[1] for part in parts])
        heights = np.concatenate([np.full(len(part[1]), part[2]) for part in parts])
        have = {
            "rare pose": _rare(self.joints, target, names),
            "small person": _sizes(self.joints, target) < SMALL * heights,
        }
        sources = [part[0] for part in parts if part[0] is not None]
        if len(sources) == len(parts):
            source = np.concatenate(sources)
            have["unseen joints"] = _unseen(source, target) >= UNSEEN
            turns = np.abs(_facing(self.joints, source) - _facing(self.joints, target))
            have["large turn"] = turns >= TURN  # false where a shoulder is missing: NaN
        for place in range(len(target)):
            yield tuple(name for name in CAUSES if name in have and have[name][place])


def _points(joints: Sequence[str], poses: Array, names: Sequence[str]) -> Array:
    """Return named joints (N, len(names), 2), NaN where one is missing or the skeleton has none."""
    chosen = np.full((len(poses), len(names), 2), np.nan)
    for place, name in enumerate(names):
        if name in joints:
            points = poses[:, joints.index(name)]
            there = points[:, 2] > 0
            chosen[there, place] = points[there, :2]
    return chosen


def _unseen(source: Array, target: Array) -> Array:
    """Return which share of the joints seen in the target are not seen in the source: (N)."""
    seen = target[..., 2] >= 1
    hidden = seen & (source[..., 2] < 1)
    share: Array = hidden.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return share


def _sizes(joints: Sequence[str], poses: Array) -> Array:
    """Return the torso's length in pixels (N), by the bone that is seen longest; NaN for none."""
    from posegen.core.anatomy import BONES

    lengths = []
    for bone, length in BONES.items():
        ends = [_end(joints, poses, end) for end in bone]
        lengths.append(np.hypot(*(ends[0] - ends[1]).T) / length)
    every = np.stack(lengths)
    longest = np.where(np.isnan(every), -np.inf, every).max(axis=0)
    return np.where(np.isfinite(longest), longest, np.nan)


def _end(joints: Sequence[str], poses: Array, name: str) -> Array:
    """Return the end of a bone (N, 2): a joint, or the middle of two."""
    both = {"neck": _SHOULDERS, "mid_hip": _HIPS}.get(name, (name,))
    end: Array = _points(joints, poses, both).mean(axis=1)
    return end


def _facing(joints: Sequence[str], poses: Array) -> Array:
    """Return by how many degrees people are turned away (N): 0 from the front, 180 from behind.

    To which side is not told. NaN where a shoulder is missing.
    """
    from posegen.core.anatomy import BONES

    right, left = _points(joints, poses, _SHOULDERS).transpose(1, 0, 2)
    width = (left - right)[:, 0] / np.maximum(BONES[_SHOULDERS] * _sizes(joints, poses), 1.0)
    angles: Array = np.degrees(np.arccos(np.clip(width, -1, 1)))
    return angles


def _rare(joints: Sequence[str], poses: Array, names: Sequence[str]) -> NDArray[np.bool_]:
    """Return whose pose is far from its nearest ones (N); nobody's among few pictures.

    Poses are compared as they stand around the middle of shoulders and hips, in torsos: the root of
    the mean squared distance of the joints that both have, which are half of them or more.
    """
    number = {name: row for row, name in enumerate(dict.fromkeys(names))}
    rows = np.array([number[name] for name in names], dtype=int)
    first = np.zeros(len(number), dtype=int)
    first[rows[::-1]] = np.arange(len(names))[::-1]  # a picture that is wanted often counts once
    trunk = _points(joints, poses[first], (*_SHOULDERS, *_HIPS))
    size = _sizes(joints, poses[first])
    size = np.where(size > 0, size, np.nan)  # all joints at one place: no torso to measure in
    points = _points(joints, poses[first], _POSED)
    points = (points - trunk.mean(axis=1)[:, None]) / size[:, None, None]
    far = _to_nearest(points) if len(first) >= LEAST else np.full(len(first), np.nan)
    known = far[np.isfinite(far)]
    limit = np.quantile(known, 1 - FARTHEST) if len(known) else np.inf
    rare: NDArray[np.bool_] = (far > limit)[rows]
    return rare


def _to_nearest(points: Array) -> Array:
    """Return how far each pose of (N, J, 2) is from its nearest ones (N); NaN where unknown."""
    there = np.isfinite(points).all(axis=2).astype(float)  # (N, J)
    points = np.where(there[..., None] > 0, points, 0.0)
    flat, squares = points.reshape(len(points), -1), np.square(points).sum(axis=2)
    far = np.full(len(points), np.nan)
    for place in range(len(points)):
        common = there @ there[place]
        apart = squares @ there[place] + there @ squares[place] - 2 * flat @ flat[place]
        apart = apart[common >= points.shape[1] / 2] / common[common >= points.shape[1] / 2]
        if len(apart) > NEIGHBOURS:  # the nearest of all is the pose itself
            nearest = np.partition(apart, NEIGHBOURS)[: NEIGHBOURS + 1]
            far[place] = np.sqrt(np.maximum(nearest, 0)).sum() / NEIGHBOURS
    return far
