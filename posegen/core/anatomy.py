"""The ten parts of a body, and the affine map by which each goes from one pose to another.

Deformable GAN (Siarohin et al., arXiv:1801.00055, section 3.2) cuts the body into ten rigid parts
and fits an affine map to each part's keypoints. So is it here; what differs is how the fit is kept
safe where the keypoints do not decide it (see `affine_maps`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from posegen.core.errors import ConfigError
from posegen.core.motion import Capsules, Motion, affine_maps, at_least_float32
from posegen.core.skeletons import skeleton


@dataclass(frozen=True)
class BodyPart:
    """A part of the body that moves as one; lengths in lengths of the torso.

    Attributes:
        joints: whose positions the map is fitted to.
        axis: the ends of the part's middle line, by joints.
        beyond: how far the part goes on behind the axis' second end, as a share of the axis: hands
            and feet have no joints of their own.
        radius: of the capsule around the axis that the part's mask is.
        stiff: how strongly the fit keeps to rotation and scale alone: the distance between joints
            at which they decide half of it.
    """

    joints: tuple[str, ...]
    axis: tuple[str, str]
    beyond: float
    radius: float
    stiff: float


def _limb(upper: str, lower: str, beyond: float, radius: float) -> BodyPart:
    return BodyPart((upper, lower), (upper, lower), beyond, radius, stiff=0.1)


def _sides(upper: str, lower: str, beyond: float, radius: float) -> dict[str, BodyPart]:
    return {
        f"{side} {upper}-{lower}": _limb(f"{side}_{upper}", f"{side}_{lower}", beyond, radius)
        for side in ("right", "left")
    }


_SHOULDERS, _HIPS = ("right_shoulder", "left_shoulder"), ("right_hip", "left_hip")
_FACE = ("nose", "right_eye", "left_eye", "right_ear", "left_ear")
#: Points in the middle of joints. Not every skeleton has them, so all of them are computed.
_MIDDLES = {"neck": _SHOULDERS, "mid_hip": _HIPS, "head": _FACE}

BODY_PARTS: dict[str, BodyPart] = {
    "head": BodyPart(("neck", "head"), ("neck", "head"), 0.4, 0.34, stiff=0.3),
    # The middle of the hips stands in for hips that are missing: two shoulders alone would turn a
    # back upside down to make it a front.
    "torso": BodyPart((*_SHOULDERS, *_HIPS, "mid_hip"), ("neck", "mid_hip"), 0.1, 0.42, stiff=0.15),
    **_sides("shoulder", "elbow", 0.0, 0.2),
    **_sides("elbow", "wrist", 0.45, 0.18),
    **_sides("hip", "knee", 0.0, 0.27),
    **_sides("knee", "ankle", 0.25, 0.22),
}

#: Numbers of the parts that are shown to the network as one picture: they hardly ever overlap.
PART_LAYERS = ((0, 1), (2, 3, 6, 7), (4, 5, 8, 9))

#: Lengths of bones in lengths of the torso (neck to middle of the hips), about an adult's.
BONES: dict[tuple[str, str], float] = {
    ("neck", "mid_hip"): 1.0,
    _SHOULDERS: 0.7,
    **{(f"{side}_shoulder", f"{side}_elbow"): 0.58 for side in ("right", "left")},
    **{(f"{side}_elbow", f"{side}_wrist"): 0.5 for side in ("right", "left")},
    **{(f"{side}_hip", f"{side}_knee"): 0.8 for side in ("right", "left")},
    **{(f"{side}_knee", f"{side}_ankle"): 0.78 for side in ("right", "left")},
}

#: Where hips are missing: the distance of the shoulders, in lengths of the torso, at which they
#: decide half of its direction.
_UPRIGHT = 0.15

_LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_REQUIRED = ("nose", *(f"{side}_{joint}" for joint in _LIMBS for side in ("right", "left")))


class Anatomy(nn.Module):
    """Finds the parts in keypoints of a skeleton. It has no parameters.

    Args:
        name: the skeleton's.

    Raises:
        ConfigError: where the skeleton lacks a joint that a part needs.
    """

    joints: Tensor
    middles: Tensor
    needed: Tensor
    members: Tensor
    counts: Tensor
    axes: Tensor
    beyond: Tensor
    radii: Tensor
    stiff: Tensor
    bones: Tensor
    lengths: Tensor

    def __init__(self, name: str) -> None:
        super().__init__()
        joints = skeleton(name).joints
        missing = [joint for joint in _REQUIRED if joint not in joints]
        if missing:
            raise ConfigError(
                f"the skeleton {name!r} has no {missing[0]!r}, which moves a part of the body; "
                "choose data with another skeleton, or another generator."
            )
        known = [joint for joint in dict.fromkeys((*_REQUIRED, *_FACE)) if joint in joints]
        points = [*known, *_MIDDLES]
        number = {point: index for index, point in enumerate(points)}
        self.shoulders = tuple(number[joint] for joint in _SHOULDERS)
        self._table("joints", [joints.index(joint) for joint in known])
        # Each middle's share in each joint. The head's is that of what is seen of the face; of two
        # shoulders, one alone is not the middle.
        self._table("middles", [[float(j in ends) for j in known] for ends in _MIDDLES.values()])
        self._table("needed", [2.0, 2.0, 1.0])
        members = [[number[joint] for joint in part.joints] for part in BODY_PARTS.values()]
        most = max(map(len, members))
        self._table("members", [row + row[:1] * (most - len(row)) for row in members])
        self._table("counts", [[float(i < len(row)) for i in range(most)] for row in members])
        self._table("axes", [[number[end] for end in part.axis] for part in BODY_PARTS.values()])
        self._table("beyond", [part.beyond for part in BODY_PARTS.values()])
        self._table("radii", [part.radius for part in BODY_PARTS.values()])
        self._table("stiff", [part.stiff for part in BODY_PARTS.values()])
        self._table("bones", [[number[a], number[b]] for a, b in BONES])
        self._table("lengths", list(BONES.values()))

    def _table(self, name: str, values: Sequence[object]) -> None:
        self.register_buffer(name, torch.tensor(values), persistent=False)

    def forward(self, source: Tensor, target: Tensor) -> Motion:
        """Return how the parts move.

        Args:
            source, target: (B, K, 3), the keypoints of both pictures.
        """
        source, target = self._points(source), self._points(target)
        both = (source[..., 2] > 0) & (target[..., 2] > 0)  # (B, points)
        size_source, size_target = self._size(source, both), self._size(target, both)
        source, target = self._with_hips(source, size_source), self._with_hips(target, size_target)
        both = (source[..., 2] > 0) & (target[..., 2] > 0)
        weights = both[:, self.members] * self.counts  # (B, P, joints)
        linear, offset = affine_maps(
            source[:, self.members, :2],
            target[:, self.members, :2],
            weights,
            (size_source / size_target).clamp(1 / 8, 8)[:, None],
            self.stiff * size_target[:, None],
        )
        enough = weights.sum(dim=2) >= 2
        return Motion(
            linear,
            offset,
            self._capsules(source, size_source, source[..., 2] > 0),
            self._capsules(target, size_target, both, enough),
        )

    def _capsules(
        self, points: Tensor, size: Tensor, there: Tensor, counts: Tensor | None = None
    ) -> Capsules:
        start, end = points[:, self.axes[:, 0], :2], points[:, self.axes[:, 1], :2]
        present = there[:, self.axes].all(dim=2)
        return Capsules(
            start,
            end + self.beyond[:, None] * (end - start),
            self.radii * size[:, None],
            (present if counts is None else present & counts).to(points.dtype),
        )

    def _points(self, keypoints: Tensor) -> Tensor:
        """Return the joints that parts need, and the points between: (B, points, 3)."""
        joints = at_least_float32(keypoints)[:, self.joints]
        there = joints[..., 2:] > 0
        joints = torch.where(there, joints, 0.0)  # a missing joint's position may be anything
        share = self.middles[..., None] * there[:, None]  # (B, middles, joints, 1)
        number = share.sum(dim=2)
        middles = (share * joints[:, None]).sum(dim=2) / number.clamp(min=1)
        middles = middles * (number >= self.needed[:, None])
        return torch.cat([joints, middles], dim=1)

    def _with_hips(self, points: Tensor, size: Tensor) -> Tensor:
        """Put the middle of the hips a torso's length below the shoulders where it is missing.

        Photos of half a body end above the hips, and the torso's axis has no second end. Its
        direction is across the line of the shoulders; the nearer these are to each other, as in a
        person from the side, the more it is straight down.
        """
        right, left = (points[:, number, :2] for number in self.shoulders)
        neck, hips = points[:, -3], points[:, -2]
        x, y = (left - right).unbind(dim=1)
        turn = torch.where(x < 0, -1.0, 1.0)  # a person from behind has the right shoulder right
        down = torch.stack([-y * turn, x * turn + _UPRIGHT * size], dim=1)
        below = neck[:, :2] + size[:, None] * functional.normalize(down, dim=1)
        derived = torch.cat([below, neck[:, 2:]], dim=1)
        hips = torch.where(hips[:, 2:] > 0, hips, derived)
        return torch.cat([points[:, :-2], hips[:, None], points[:, -1:]], dim=1)

    def _size(self, points: Tensor, there: Tensor) -> Tensor:
        """Return the length of the torso in pixels, (B,), at least 1.

        A bone is never seen longer than it is, so the bone that is seen longest decides.
        """
        ends = points[:, self.bones, :2]
        seen = (ends[:, :, 0] - ends[:, :, 1]).square().sum(dim=2).sqrt() / self.lengths
        return (seen * there[:, self.bones].all(dim=2)).amax(dim=1).clamp(min=1.0)
