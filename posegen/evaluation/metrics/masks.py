"""Body masks: the published drawing from keypoints, and the data set's own.

Every shape of the drawing is convex, so that it meets a row of pixels in one stretch. The ends of
all stretches are computed at once, and the rows are filled by counting, along each of them, the
stretches that have begun and not ended: a batch takes tens of microseconds per image.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from posegen.core.batches import Batch
from posegen.core.errors import ConfigError
from posegen.evaluation.metrics.shares import in_shares

#: Joints of the skeleton openpose18, and the pairs of them that the published drawing joins; among
#: them are limbs that no skeleton has, which fill the trunk and the head.
JOINTS = 18
LIMBS = (
    *((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12)),
    *((12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17), (1, 16), (1, 17), (8, 11), (11, 5)),
    *((8, 2), (16, 17)),
)
#: Half the width of a limb, and the radius of a joint's disc, in pixels.
RADIUS = 4
#: How far the closing reaches: its square is 5×5.
REACH = 2
#: Pixels nearer than this to a limb's edge are decided as published: see `_refused`.
NEAR = 1e-6


def target_mask(batch: Batch, mask: Literal["keypoints", "data"], metric: str) -> Tensor:
    """Return the target's body masks, made once per batch: (B, 1, H, W) bool.

    Args:
        batch: the pairs.
        mask: "keypoints" draws `body_mask`, "data" takes the data set's.
        metric: who asks, for messages.

    Raises:
        ConfigError: where the pairs have none of what `mask` names, or keypoints of another
            skeleton than openpose18.
    """
    if mask == "data":
        own = batch.get("target_mask")
        if own is None:
            raise ConfigError(
                f"{metric} needs body masks and this data set has none; "
                f"leave {metric} out of --metrics."
            )
        return own > 0
    keypoints = target_keypoints(batch, metric)
    height, width = batch.target.shape[-2:]
    return batch.once("body mask", lambda: body_mask(keypoints, (height, width)), of_targets=True)


def target_keypoints(batch: Batch, metric: str) -> Tensor:
    """Return the targets' keypoints (B, 18, 3), for a metric that may not find them.

    Raises:
        ConfigError: where there are none, or of another skeleton than openpose18.
    """
    keypoints = batch.get("target_keypoints")
    if keypoints is None:
        raise ConfigError(
            f"{metric} needs the targets' keypoints and they are not known; give the data set that "
            f"the targets are from with `--data`, or leave {metric} out of --metrics."
        )
    if keypoints.shape[1] != JOINTS:
        raise ConfigError(
            f"{metric} needs the {JOINTS} joints of openpose18 and these targets have "
            f"{keypoints.shape[1]}; leave {metric} out of --metrics."
        )
    return keypoints


def body_mask(keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    """Draw the published body mask (`produce_ma_mask` in PATN's tool/pose_utils.py).

    A rectangle of half width 4 around each of 23 limbs whose two joints are there, edges included;
    a disc of radius 4 around each joint, edge not included; then a closing with a 5×5 square, to
    which what is outside of the picture does not matter. Equal to what the published function draws
    with scikit-image 0.26. Two joints in one place have no limb (the published division by zero).

    Args:
        keypoints: (B, 18, 3): x, y in pixels and visibility, in the order of openpose18.
        size: (H, W).

    Returns:
        (B, 1, H, W) bool.
    """
    return in_shares(lambda part: _drawn(part, size), keypoints)


def _drawn(keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    x, y, visibility = keypoints.double().unbind(-1)
    rows = torch.arange(size[0], dtype=torch.float64, device=keypoints.device)
    stretches = (_limbs(x, y, visibility > 0, rows), _discs(x, y, visibility > 0, rows))
    first, stop = (torch.cat(ends, dim=1) for ends in zip(*stretches, strict=True))
    return _closed(_filled(first, stop, size[1])).unsqueeze(1)


def _limbs(x: Tensor, y: Tensor, seen: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first column of each limb in each row, and the one after the last.

    Args:
        x, y, seen: (B, 18).
        rows: (H,) the rows' numbers.

    Returns:
        Two tensors (B, 23, H) of whole numbers; a stretch that is not there ends before it begins.
    """
    ends = torch.tensor(LIMBS, device=x.device)
    (from_x, to_x), (from_y, to_y) = (c[:, ends].unsqueeze(-1).unbind(2) for c in (x, y))
    dx, dy = to_x - from_x, to_y - from_y
    squared = dx.square() + dy.square()
    down, half = rows - from_y, RADIUS * squared.sqrt()
    # A point at (u, v) from the first joint is u·dx + v·dy along the limb, and u·dy - v·dx off it,
    # both times the limb's length. Each has to be within two bounds, which is a stretch of u.
    along = _stretch(dx, down * dy, torch.zeros_like(squared), squared)
    across = _stretch(dy, -down * dx, -half, half)
    left = from_x + torch.maximum(along[0], across[0])
    right = from_x + torch.minimum(along[1], across[1])
    first, last = (left - NEAR).ceil(), (right + NEAR).floor()
    aside = RADIUS * torch.cat([-dy, dx], dim=2) / squared.sqrt()
    one, other = torch.cat([from_x, from_y], dim=2), torch.cat([to_x, to_y], dim=2)
    corners = torch.stack([one + aside, one - aside, other - aside, other + aside], dim=2)
    drawn = seen[:, ends].all(2).unsqueeze(-1) & (squared > 0)
    unsure = drawn & (dx != 0) & (dy != 0) & (first <= last)  # other edges are exact
    cut = _refused(first, unsure & ((first - left).abs() < NEAR), corners)
    last = last - _refused(last, unsure & ((last - right).abs() < NEAR), corners)
    first = first + cut
    return first, torch.where(drawn, last + 1, -math.inf)


def _refused(column: Tensor, near: Tensor, corners: Tensor) -> Tensor:
    """Return 1 for pixels near the edge of their rectangle that are published as outside of it.

    There the published function's rounding decides, which is repeated here: the pixel is inside
    where the sides cross its row an odd number of times to its right, or to its left (O'Rourke,
    Computational Geometry in C, figure 7.1; scikit-image's `polygon`).

    Args:
        column: (B, L, H) whole numbers: the columns of the pixels; their rows are their places.
        near: (B, L, H) bool: which of them are near an edge.
        corners: (B, L, 4, 2): x, y of the rectangles' corners.
    """
    refused = torch.zeros_like(column)
    person, limb, row = near.nonzero().unbind(1)
    pixel = torch.stack([column[person, limb, row], row.to(column)], dim=1)
    x, y = (corners[person, limb] - pixel.unsqueeze(1)).unbind(2)
    x_before, y_before = x.roll(1, 1), y.roll(1, 1)
    crossing = (x * y_before - x_before * y) / (y_before - y)
    to_right = ((y > 0) != (y_before > 0)) & (crossing > 0)
    to_left = ((y < 0) != (y_before < 0)) & (crossing < 0)
    odd = (to_right.sum(1) % 2 == 1) | (to_left.sum(1) % 2 == 1)
    corner = ((x.abs() < 1e-12) & (y.abs() < 1e-12)).any(1)
    refused[person, limb, row] = (~(odd | corner)).to(column)
    return refused


def _stretch(slope: Tensor, offset: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Return where low ≤ slope·u + offset ≤ high: the least u and the greatest."""
    # Without a slope these are infinite, of one sign where nothing fits; 0/0 is on the very bound.
    one = ((low - offset) / slope).nan_to_num(-math.inf, math.inf, -math.inf)
    other = ((high - offset) / slope).nan_to_num(math.inf, math.inf, -math.inf)
    return torch.minimum(one, other), torch.maximum(one, other)


def _discs(x: Tensor, y: Tensor, seen: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return for the discs what `_limbs` returns for the limbs: (B, 18, H)."""
    squared = RADIUS**2 - (rows - y.unsqueeze(-1)).square()
    half, centre = squared.clamp(min=0).sqrt(), x.unsqueeze(-1)
    drawn = seen.unsqueeze(-1) & (squared > 0)
    return (centre - half).floor() + 1, torch.where(drawn, (centre + half).ceil(), -math.inf)


def _filled(first: Tensor, stop: Tensor, width: int) -> Tensor:
    """Fill stretches of columns [first, stop), (B, shapes, H), in pictures (B, H, width)."""
    first = first.clamp(0, width)
    stop = torch.maximum(stop.clamp(0, width), first)
    begins, ends = (edge.transpose(1, 2).long() for edge in (first, stop))
    changes = begins.new_zeros(*begins.shape[:2], width + 1)
    one = changes.new_ones(()).expand(begins.shape)
    changes.scatter_add_(2, begins, one).scatter_add_(2, ends, -one)
    return changes.cumsum(2)[..., :width] > 0


def _closed(mask: Tensor) -> Tensor:
    """Dilate masks (B, H, W) by the square, then erode them by it."""
    window: dict[str, Any] = {"kernel_size": 2 * REACH + 1, "stride": 1, "padding": REACH}
    dilated = max_pool2d(mask.float(), **window)
    eroded: Tensor = -max_pool2d(-dilated, **window)
    return eroded > 0
