"""Putting a driver's motion on another person: angles of the driver, limbs of the source.

A pose is a tree of vectors, rooted in the middle of the hips. Retargeting keeps each vector's
direction and multiplies its length by the ratio of the source's limb to the driver's. The driver's
limb is its greatest length over the clip (its length in space, where the depth is known), so a limb
that points at the camera stays as foreshortened as it was. Feet keep their height above the ground.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from posegen.core.errors import DataError
from posegen.core.skeletons import Skeleton, skeleton

How = Literal["source", "height", "none"]

_ROOT, _NECK = "ROOT", "NECK"
#: Parents of the joints that most skeletons have; `*` stands for both sides.
_PARENTS = {
    "neck": _NECK,
    "mid_hip": _ROOT,
    "nose": _NECK,
    "*eye": "nose",
    "*ear": "nose",
    "*shoulder": _NECK,
    "*elbow": "*shoulder",
    "*wrist": "*elbow",
    "*hip": _ROOT,
    "*knee": "*hip",
    "*ankle": "*knee",
}
#: Limbs by which a person's size is judged: they are long, and seldom all foreshortened.
_LONG = (_NECK, "*elbow", "*wrist", "*knee", "*ankle")
#: A limb's ratio may differ from the person's by so much; beyond, the source's is foreshortened.
_SLACK = 1.35
#: From the neck to the hips, where hips are never seen, of the distance of the shoulders.
_TRUNK = 1.4
#: Share of the frames by whose length a limb is known, where there is no depth.
_QUANTILE = 0.95


class Limb(NamedTuple):
    """One vector of the tree: its end, its start, and whether its length is measured alone.

    Joints of fingers, toes and faces have no measure of their own: they keep the person's ratio.
    """

    end: str
    start: str
    measured: bool


def limbs_of(bones: Skeleton) -> list[Limb]:
    """Return a skeleton's tree, parents before children; joints are named, with two virtual ones.

    Raises:
        DataError: for a skeleton without hips or shoulders.
    """
    for need in ("left_hip", "right_hip", "left_shoulder", "right_shoulder"):
        if need not in bones.joints:
            raise DataError(f"{bones.name}: a skeleton without {need} cannot be retargeted.")
    known = {}
    for end, start in _PARENTS.items():
        for side in ("left_", "right_") if "*" in end else ("",):
            known[end.replace("*", side)] = start.replace("*", side)
    limbs = [Limb(_NECK, _ROOT, True)]
    limbs += [Limb(end, start, True) for end, start in known.items() if end in bones.joints]
    rest = [joint for joint in bones.joints if joint not in known]
    return limbs + [Limb(joint, _carrier(joint), False) for joint in rest]


def hanging_on(bones: Skeleton, *joints: str) -> list[int]:
    """Return the numbers of some joints and of all that hang on them in the tree."""
    found = set(joints)
    for limb in limbs_of(bones):
        if limb.start in found:
            found.add(limb.end)
    return [number for number, joint in enumerate(bones.joints) if joint in found]


def _carrier(joint: str) -> str:
    """Return the joint that carries a finger, a toe or a point of the face."""
    side = joint.partition("_")[0]
    if joint == "throat":
        return _NECK
    if any(word in joint for word in ("eye", "ear", "mouth", "face", "nose", "head")):
        return "nose"
    if any(word in joint for word in ("toe", "heel", "foot")):
        return f"{side}_ankle"
    return f"{side}_wrist"


class _Points(NamedTuple):
    """Places (F, 2), depths (F,) and whether they are known (F,), by joint or virtual joint."""

    place: dict[str, Tensor]
    depth: dict[str, Tensor]
    known: dict[str, Tensor]


def _points(track: Tensor, depth: Tensor | None, bones: Skeleton, limbs: list[Limb]) -> _Points:
    zeros = torch.zeros(len(track))
    place = {joint: track[:, k, :2] for k, joint in enumerate(bones.joints)}
    known = {joint: track[:, k, 2] > 0 for k, joint in enumerate(bones.joints)}
    near = {j: zeros if depth is None else depth[:, k] for k, j in enumerate(bones.joints)}
    for virtual, a, b in (
        (_ROOT, "left_hip", "right_hip"),
        (_NECK, "left_shoulder", "right_shoulder"),
    ):
        place[virtual] = (place[a] + place[b]) / 2
        near[virtual] = (near[a] + near[b]) / 2
        known[virtual] = known[a] & known[b]
    return _filled(_Points(place, near, known), limbs)


def _filled(points: _Points, limbs: list[Limb]) -> _Points:
    """Give unknown points likely places, so that what hangs on them has a start.

    As they are to their parent on the average of the frames that know both. Hips that are never
    seen are below the neck.
    """
    place, known = points.place, points.known
    across = (place["left_shoulder"] - place["right_shoulder"]).norm(dim=1)[known[_NECK]]
    trunk = _TRUNK * float(across.quantile(_QUANTILE)) if len(across) else 0.0
    upwards = Limb(_ROOT, _NECK, True)
    for limb in (upwards, *limbs):
        seen = known[limb.end] & known[limb.start]
        vector = place[limb.end] - place[limb.start]
        usual = vector[seen].mean(0) if seen.any() else torch.zeros(2)
        if limb is upwards and not seen.any():
            usual = torch.tensor([0.0, trunk])
        guess = place[limb.start] + usual
        place[limb.end] = torch.where(known[limb.end][:, None], place[limb.end], guess)
    return points


def _lengths(points: _Points, limb: Limb, spatial: bool) -> Tensor:
    """Return the lengths of a limb in the frames where it is known, in space if that is known."""
    seen = points.known[limb.end] & points.known[limb.start]
    flat = points.place[limb.end] - points.place[limb.start]
    near = (points.depth[limb.end] - points.depth[limb.start]) * float(spatial)
    lengths: Tensor = torch.cat([flat, near[:, None]], 1).norm(dim=1)[seen]
    return lengths


def _length(points: _Points, limb: Limb, bones: Skeleton, spatial: bool) -> float:
    """Return a limb's length: of both sides and all frames nearly the greatest; 0 if never seen."""
    twin = Limb(_other_side(limb.end), _other_side(limb.start), limb.measured)
    both = [_lengths(points, one, spatial) for one in {limb, twin} if one.end in points.place]
    lengths = torch.cat(both)
    return float(lengths.quantile(_QUANTILE)) if len(lengths) else 0.0


def _other_side(joint: str) -> str:
    side, _, rest = joint.partition("_")
    return {"left": "right_", "right": "left_"}[side] + rest if side in ("left", "right") else joint


def retarget(
    track: Tensor,
    source: Tensor,
    layout: str,
    *,
    how: How = "source",
    depth: Tensor | None = None,
) -> Tensor:
    """Put a driver's motion on the source's person.

    Args:
        track: (F, K, 3): the driver's x and y (downwards), in any unit, and visibility; 0: missing.
        source: (K, 3): the source's pose, in pixels of the picture that the result is for.
        layout: name of the skeleton of both.
        how: `source`: the source's limb lengths; `height`: the driver's proportions at the source's
            size; `none`: the track as it is.
        depth: (F, K): the driver's distances towards the camera in the unit of the track, if known.

    Returns:
        (F, K, 3) in pixels; the hips begin where the source's are, and feet that stand, stand where
        the source's do. What is missing in the track is missing; what is missing in the source
        takes the driver's proportions.

    Raises:
        DataError: where too little is seen of either to tell their size.
    """
    if how == "none" or not len(track):
        return track
    bones = skeleton(layout)
    limbs = limbs_of(bones)
    driver = _points(track, depth, bones, limbs)
    person = _points(source[None], None, bones, limbs)
    ratios = _ratios(driver, person, limbs, bones, spatial=depth is not None, how=how)
    place = {_ROOT: torch.zeros(len(track), 2)}
    for limb in limbs:
        vector = driver.place[limb.end] - driver.place[limb.start]
        place[limb.end] = place[limb.start] + vector * ratios[limb.end]
    shift = _standing(driver, person, place, ratios)
    moved = torch.stack([place[joint] + shift for joint in bones.joints], 1)
    seen = track[..., 2:] > 0
    return torch.where(seen, torch.cat([moved, track[..., 2:]], -1), torch.zeros(()))


def _ratios(
    driver: _Points,
    person: _Points,
    limbs: list[Limb],
    bones: Skeleton,
    *,
    spatial: bool,
    how: How,
) -> dict[str, float]:
    """Return by what the driver's limbs are multiplied, by the limb's end; `ROOT`: the person."""
    found = {}
    for limb in limbs:
        theirs = _length(driver, limb, bones, spatial)
        ours = _length(person, limb, bones, spatial=False)
        if limb.measured and theirs > 1e-6 and ours > 1e-6:
            found[limb.end] = ours / theirs
    long = [found[j] for name in _LONG for j in _sides(name) if j in found]
    if not long:
        raise DataError(
            "too little is seen of the person or of the driver to tell their size: both need an "
            "upper body, or a leg, in at least one frame."
        )
    whole = float(torch.tensor(long).median())
    if how == "height":
        return {_ROOT: whole, **{limb.end: whole for limb in limbs}}
    kept = {
        joint: ratio if 1 / _SLACK < ratio / whole < _SLACK else whole
        for joint, ratio in found.items()
    }
    return {_ROOT: whole, **{limb.end: kept.get(limb.end, whole) for limb in limbs}}


def _sides(name: str) -> tuple[str, ...]:
    return (name.replace("*", "left_"), name.replace("*", "right_")) if "*" in name else (name,)


def _standing(
    driver: _Points, person: _Points, place: dict[str, Tensor], ratios: dict[str, float]
) -> Tensor:
    """Return how far each frame's figure, whose hips are at 0, is to be moved: (F, 2)."""
    whole = ratios[_ROOT]
    hips = driver.place[_ROOT]
    first = hips[driver.known[_ROOT]][:1] if driver.known[_ROOT].any() else hips[:1]
    start = _origin(person, place, whole)
    across = start[0] + (hips[:, 0] - first[0, 0]) * whole
    lowest, ground = _lowest(driver.place, driver.known)
    if lowest is None:
        return torch.stack([across, start[1] + (hips[:, 1] - first[0, 1]) * whole], -1)
    theirs, _ = _lowest(person.place, person.known)
    rebuilt, _ = _lowest(place, driver.known)
    assert rebuilt is not None
    floor = start[1] + rebuilt.amax() if theirs is None else theirs[0]
    down = floor - (ground - lowest) * whole - rebuilt
    return torch.stack([across, down], -1)


def _lowest(place: dict[str, Tensor], known: dict[str, Tensor]) -> tuple[Tensor | None, Tensor]:
    """Return the y of the lower ankle in each frame, (F,), and the ground's; None: never seen.

    A frame without ankles takes the ground's.
    """
    ankles = [joint for joint in ("left_ankle", "right_ankle") if joint in place]
    rows = [place[j][:, 1].masked_fill(~known[j], -torch.inf) for j in ankles]
    low = torch.stack(rows).amax(0) if rows else torch.full((1,), -torch.inf)
    if not low.isfinite().any():
        return None, torch.zeros(())
    ground = low.amax()
    return torch.where(low.isfinite(), low, ground), ground


def _origin(person: _Points, place: dict[str, Tensor], whole: float) -> Tensor:
    """Return where the source's hips are, or would be below what is seen of them: (2,)."""
    if bool(person.known[_ROOT][0]):
        return person.place[_ROOT][0]
    for joint, of_person in person.known.items():
        if joint in place and bool(of_person[0]):
            return person.place[joint][0] - place[joint][0]
    raise DataError("nothing is seen of the person in the source's pose.")
