"""Editing poses: mirrored, moved, scaled, with joints hidden; and the poses between key poses.

All take keypoints (…, K, 3), x, y in pixels and visibility, and return new ones; a missing joint
(visibility 0) stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from posegen.core.errors import ConfigError, suggest
from posegen.core.skeletons import Skeleton, skeleton
from posegen.poses.retarget import Limb, hanging_on, limbs_of

#: Limbs that swing between two key poses and keep their length. The others (across the shoulders
#: and hips, in the face) turn in depth, so they shorten and go through zero.
_SWINGING = ("NECK", "elbow", "wrist", "knee", "ankle")


def move(keypoints: Tensor, x: float, y: float) -> Tensor:
    """Return a pose moved by pixels to the right and down."""
    return _placed(keypoints, keypoints[..., :2] + keypoints.new_tensor([x, y]))


def scale(keypoints: Tensor, factor: float, about: tuple[float, float] | None = None) -> Tensor:
    """Return a pose scaled about a point; by default the middle of the box around its joints.

    Raises:
        ConfigError: where the factor is not above 0.
    """
    if not factor > 0:
        raise ConfigError(f"a pose scaled by {factor:g}: give a factor above 0.")
    middle = _middle(keypoints) if about is None else keypoints.new_tensor(about)
    return _placed(keypoints, middle + (keypoints[..., :2] - middle) * factor)


def mirror(keypoints: Tensor, layout: str, about: float | None = None) -> Tensor:
    """Return a pose as a mirror shows it: left and right exchanged.

    Args:
        keypoints: (…, K, 3).
        layout: name of the skeleton.
        about: x of the mirror; by default the middle of the box around the joints.
    """
    order = list(range(len(skeleton(layout))))
    for a, b in skeleton(layout).mirrored:
        order[a], order[b] = b, a
    line = _middle(keypoints)[..., 0] if about is None else keypoints.new_tensor(about)
    x, y = keypoints[..., :2].unbind(-1)
    return _placed(keypoints, torch.stack([2 * line - x, y], -1))[..., order, :]


def hide(keypoints: Tensor, layout: str, *joints: str) -> Tensor:
    """Return a pose without some joints and all that hang on them: an elbow takes its hand along.

    Raises:
        ConfigError: for a joint that the skeleton does not have.
    """
    bones = skeleton(layout)
    for joint in joints:
        if joint not in bones.joints:
            raise ConfigError(f"no joint {joint!r} in {layout}; {suggest(joint, bones.joints)}")
    hidden = keypoints.clone()
    hidden[..., hanging_on(bones, *joints), :] = 0
    return hidden


def interpolate(
    poses: Tensor, frames: Sequence[int], layout: str, *, smooth: bool = False
) -> Tensor:
    """Return the poses of all frames between key poses.

    Arms, legs and trunk swing the shorter way round, and their lengths change evenly. A joint that
    only one of two keys has is there in the half that is nearer to it.

    Args:
        poses: (N, K, 3), the key poses.
        frames: their frames, rising.
        layout: name of their skeleton.
        smooth: rest at each key, instead of an even pace.

    Returns:
        (F, K, 3), from the first key's frame to the last one's.

    Raises:
        ConfigError: where frames do not rise, or are not as many as the poses.
    """
    if len(poses) != len(frames) or not len(poses):
        raise ConfigError(f"{len(poses)} key poses at {len(frames)} frames: give each pose one.")
    spans = list(pairwise(frames))
    if any(end <= start for start, end in spans):
        raise ConfigError(f"key poses at frames {list(frames)}: each must be after the one before.")
    limbs, bones = limbs_of(skeleton(layout)), skeleton(layout)
    track = []
    for number, (start, end) in enumerate(spans):
        share = torch.arange(end - start) / (end - start)
        share = share * share * (3 - 2 * share) if smooth else share
        track.append(_between(poses[number], poses[number + 1], share, bones, limbs))
    return torch.cat([*track, poses[-1:]])


def key_frames(track: Tensor, layout: str, tolerance: float) -> list[int]:
    """Return few frames of a track from which `interpolate` makes it again.

    Args:
        track: (F, K, 3).
        layout: name of its skeleton.
        tolerance: how far any joint may be from where it was, in pixels.
    """
    bones = skeleton(layout)
    limbs = limbs_of(bones)

    def between(start: int, end: int) -> list[int]:
        if end - start < 2:
            return []
        share = torch.arange(end - start) / (end - start)
        made = _between(track[start], track[end], share, bones, limbs)
        true = track[start:end]
        both = (made[..., 2] > 0) & (true[..., 2] > 0)
        far = (made - true)[..., :2].norm(dim=-1).masked_fill(~both, 0).amax(1)
        worst = int(far.argmax())
        if float(far[worst]) <= tolerance:
            return []
        middle = start + worst
        return [*between(start, middle), middle, *between(middle, end)]

    last = len(track) - 1
    return sorted({0, *between(0, last), last})


def _between(a: Tensor, b: Tensor, share: Tensor, bones: Skeleton, limbs: list[Limb]) -> Tensor:
    """Return (F, K, 3): poses that are a share (F,) of the way from one pose to another."""
    first, second = _tree(a, b, bones, limbs), _tree(b, a, bones, limbs)
    place = {"ROOT": torch.lerp(first["ROOT"], second["ROOT"], share[:, None])}
    for limb in limbs:
        before = first[limb.end] - first[limb.start]
        after = second[limb.end] - second[limb.start]
        swings = limb.end.removeprefix("left_").removeprefix("right_") in _SWINGING
        way = _swung if swings else torch.lerp
        place[limb.end] = place[limb.start] + way(before, after, share[:, None])
    nearer = torch.where(share[:, None] < 0.5, a[None, :, 2], b[None, :, 2])  # (F, K)
    places = torch.stack([place[joint] for joint in bones.joints], 1)
    whole = torch.cat([places, nearer[..., None]], -1)
    return torch.where(nearer[..., None] > 0, whole, 0)


def _swung(before: Tensor, after: Tensor, share: Tensor) -> Tensor:
    """Return vectors (F, 2) between two vectors (2,), by angle and length."""
    lengths = torch.lerp(before.norm(), after.norm(), share)
    start = torch.atan2(before[1], before[0])
    turn = torch.atan2(after[1], after[0]) - start
    turn = torch.remainder(turn + torch.pi, 2 * torch.pi) - torch.pi
    angle = start + share * turn
    return torch.cat([angle.cos(), angle.sin()], 1) * lengths


def _tree(pose: Tensor, other: Tensor, bones: Skeleton, limbs: list[Limb]) -> dict[str, Tensor]:
    """Return places (2,) of all joints, and of the two virtual ones, by name.

    What is missing in the pose hangs on its parent as it does in the other pose.
    """
    own, others = _known(pose, bones), _known(other, bones)
    shared = (pose[:, 2] > 0) & (other[:, 2] > 0)
    if "ROOT" not in own:
        apart = (pose - other)[shared, :2].mean(0) if shared.any() else torch.zeros(2)
        own["ROOT"] = others["ROOT"] + apart if "ROOT" in others else _centre(pose, shared)
    for limb in limbs:
        if limb.end not in own:
            there = limb.end in others and limb.start in others
            usual = others[limb.end] - others[limb.start] if there else torch.zeros(2)
            own[limb.end] = own[limb.start] + usual
    return own


def _known(pose: Tensor, bones: Skeleton) -> dict[str, Tensor]:
    """Return the places (2,) of what is seen, by name, with the middles of hips and shoulders."""
    places = {joint: pose[k, :2] for k, joint in enumerate(bones.joints) if pose[k, 2] > 0}
    for virtual, part in (("ROOT", "hip"), ("NECK", "shoulder")):
        if f"left_{part}" in places and f"right_{part}" in places:
            places[virtual] = (places[f"left_{part}"] + places[f"right_{part}"]) / 2
    return places


def _centre(pose: Tensor, shared: Tensor) -> Tensor:
    some = shared if shared.any() else pose[:, 2] > 0
    return pose[some, :2].mean(0) if some.any() else torch.zeros(2)


def _placed(keypoints: Tensor, places: Tensor) -> Tensor:
    """Return keypoints at other places; missing ones stay as they are."""
    moved = torch.cat([places, keypoints[..., 2:]], -1)
    return torch.where(keypoints[..., 2:] > 0, moved, keypoints)


def _middle(keypoints: Tensor) -> Tensor:
    """Return the middle (…, 1, 2) of the box around the joints that are seen; 0 where none is."""
    seen = keypoints[..., 2:] > 0
    low = keypoints[..., :2].masked_fill(~seen, torch.inf).amin(-2, keepdim=True)
    high = keypoints[..., :2].masked_fill(~seen, -torch.inf).amax(-2, keepdim=True)
    return ((low + high) / 2).nan_to_num(0.0)
