"""The people that were found in a picture: which one is meant, and what of them is in it."""

from __future__ import annotations

import torch
from torch import Tensor


def prominence(people: Tensor) -> Tensor:
    """Rate how much each person is the subject of a picture: (N, K, 3) -> (N,), ≥ 0.

    The area of the box around a person's joints, in pixels², times the mean visibility of all
    joints, missing ones included: people are large and whole where the picture is of them, and
    small or cut off in its background.
    """
    seen = people[..., 2] > 0
    places = people[..., :2]
    low = places.masked_fill(~seen[..., None], float("inf")).amin(1)
    high = places.masked_fill(~seen[..., None], -float("inf")).amax(1)
    sides = (high - low).clamp_min(0)  # minus infinity where no joint is seen
    return sides.prod(-1) * people[..., 2].mean(-1)


def most_prominent(people: Tensor) -> Tensor:
    """Return the keypoints (K, 3) of the person of the picture; all zeros where there is none.

    Args:
        people: (N, K, 3): x, y in pixels and visibility.
    """
    if not len(people):
        return people.new_zeros(people.shape[1:])
    return people[int(prominence(people).argmax())]


def drop_outside(keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    """Return keypoints (…, K, 3) in which a joint outside the picture is missing: all zeros.

    Programs guess joints beyond the picture's edge; the data sets have none there. Joints that are
    missing already become all zeros too.

    Args:
        keypoints: x, y in pixels and visibility.
        size: (H, W) of the picture.
    """
    x, y, visibility = keypoints.unbind(-1)
    inside = (x >= -0.5) & (y >= -0.5) & (x < size[1] - 0.5) & (y < size[0] - 0.5)
    return torch.where((inside & (visibility > 0))[..., None], keypoints, 0)
