"""The people that were found in a picture: which one is meant, and what of them is in it."""

from __future__ import annotations

import torch
from torch import Tensor

from posegen.core.contracts import PoseDetector
from posegen.core.errors import PluginError
from posegen.core.skeletons import SKELETONS
from posegen.poses.conversions import convert


def detect_people(detector: PoseDetector, images: Tensor, skeleton: str) -> list[Tensor]:
    """Find the people in pictures.

    Joints outside the picture are missing, as in the data sets, and the visibility of all others is
    1. Both before keypoints are converted, so that a neck needs two shoulders in the picture.

    Args:
        detector: any detector; its keypoints are converted.
        images: (B, 3, H, W) uint8 RGB.
        skeleton: name of the skeleton of the result.

    Returns:
        For each picture (N, K, 3): the people of whom at least one joint is in it, best first as
        the detector has them; x, y in pixels and visibility, on the CPU.

    Raises:
        PluginError: where the detector breaks its contract.
    """
    size = (images.shape[-2], images.shape[-1])
    name = type(detector).__name__
    if detector.skeleton not in SKELETONS:
        raise PluginError(
            f"{name} gives keypoints of the skeleton {detector.skeleton!r}; posegen knows "
            f"{', '.join(SKELETONS)}."
        )
    joints = len(SKELETONS[detector.skeleton])
    detected = detector(images)
    shapes = [tuple(people.shape) for people in detected]
    good = all(len(shape) == 3 and shape[1:] == (joints, 3) for shape in shapes)
    if len(shapes) != len(images) or not good:
        raise PluginError(
            f"{name} returned people of the shapes {shapes} for {len(images)} pictures, and each "
            f"must have (N, {joints}, 3); its package is broken."
        )
    result = []
    for people in detected:
        kept = drop_outside(people.detach().to("cpu", torch.float32), size)
        kept[..., 2].ceil_()
        result.append(convert(kept[kept[..., 2].any(-1)], detector.skeleton, skeleton))
    return result


def by_prominence(people: Tensor) -> Tensor:
    """Return the people of a picture, the one first whom it is most likely of.

    The one with the largest box around the joints, in pixels², times the mean visibility of all
    joints, missing ones included: people are large and whole where the picture is of them, and
    small or cut off in its background.

    Args:
        people: (N, K, 3): x, y in pixels and visibility.
    """
    seen = people[..., 2:] > 0
    low = people[..., :2].masked_fill(~seen, float("inf")).amin(1)
    high = people[..., :2].masked_fill(~seen, -float("inf")).amax(1)
    sides = (high - low).clamp_min(0)  # minus infinity where no joint is seen
    prominence = sides.prod(-1) * people[..., 2].mean(-1)
    return people[prominence.argsort(descending=True, stable=True)]


def chosen(people: Tensor, person: int = 1) -> Tensor:
    """Return a person (K, 3) of `people` (N, K, 3); all zeros where there are not so many.

    Args:
        people: as of `by_prominence`.
        person: which of them, counted from 1.
    """
    return people[person - 1] if person <= len(people) else people.new_zeros(people.shape[1:])


def drop_outside(keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    """Return keypoints (…, K, 3) in which a joint outside the picture is missing: all zeros.

    Programs guess joints beyond the picture's edge; the data sets have none there. Joints that are
    missing already become all zeros too.

    Args:
        keypoints: x, y in pixels and visibility.
        size: (H, W) of the picture.
    """
    present = inside(keypoints[..., :2], size) & (keypoints[..., 2] > 0)
    return torch.where(present[..., None], keypoints, 0)


def inside(places: Tensor, size: tuple[int, int]) -> Tensor:
    """Return which places (…, 2), x and y in pixels, are in a picture of `size` (H, W): (…) bool.

    A place that is not a number is not.
    """
    x, y = places.unbind(-1)
    return (x >= -0.5) & (y >= -0.5) & (x < size[1] - 0.5) & (y < size[0] - 0.5)
