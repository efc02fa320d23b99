"""The maps that parts of a body move by: their fit to joints, and what is made of them.

Positions are x, y in pixels of the full picture throughout, whatever a feature map's own size.
Nothing here is a matrix product: autocast would take that to half precision, in which a position
is off by whole pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Capsules(NamedTuple):
    """Where the parts are in a picture: what is nearer to a line than a radius.

    Attributes:
        start, end: (B, P, 2), the ends of the parts' middle lines.
        radius: (B, P), in pixels.
        present: (B, P), 1 where a part counts, otherwise 0.
    """

    start: Tensor
    end: Tensor
    radius: Tensor
    present: Tensor


class Motion(NamedTuple):
    """How the parts go from the target picture back to the source picture.

    The content of target position p comes from source position A·p + b.

    Attributes:
        linear: (B, P, 2, 2), A.
        offset: (B, P, 2), b in pixels.
        source: where the parts are there.
        target: where those parts are that have their joints in both pictures.
    """

    linear: Tensor
    offset: Tensor
    source: Capsules
    target: Capsules


def affine_maps(
    source: Tensor, target: Tensor, weights: Tensor, scale: Tensor, stiff: Tensor
) -> tuple[Tensor, Tensor]:
    """Fit affine maps from target to source positions: the minimum over A and b of

        Σ w·|A·t + b - s|² + stiff²·|A - M|²,   M = scale · rotation.

    The rotation is the one that fits best. So four joints of a torso decide all of A; the two of a
    limb decide its turn and its stretch, and `scale` decides its width; and where joints fall
    together, nothing becomes large.

    Args:
        source, target: (B, P, J, 2), positions of each part's joints.
        weights: (B, P, J), 0 for a joint that does not count.
        scale: (B, 1) how much larger the body is in the source.
        stiff: (B, P) in pixels, above 0.

    Returns:
        A (B, P, 2, 2) and b (B, P, 2).
    """
    total = weights.sum(dim=2, keepdim=True).clamp(min=1.0)
    weights = weights[..., None]
    source_mean = (weights * source).sum(dim=2) / total
    target_mean = (weights * target).sum(dim=2) / total
    sx, sy = ((source - source_mean[:, :, None]) * weights).unbind(dim=3)
    tx, ty = ((target - target_mean[:, :, None]) * weights).unbind(dim=3)

    def of(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum(dim=2)

    penalty = stiff.square()
    # The rotation that fits best; no rotation where nothing is known of it.
    cos, sin = of(sx, tx) + of(sy, ty) + 1e-6, of(sy, tx) - of(sx, ty)
    norm = (cos.square() + sin.square()).sqrt().clamp(min=1e-12)
    cos, sin = scale * cos / norm, scale * sin / norm
    xx, xy, yy = of(tx, tx) + penalty, of(tx, ty), of(ty, ty) + penalty
    determinant = xx * yy - xy * xy  # ≥ penalty² by Cauchy and Schwarz
    rows = []
    for along, mx, my in ((sx, cos, -sin), (sy, sin, cos)):
        # One row of A: (Σ s·tᵀ + stiff²·M)·(Σ t·tᵀ + stiff²·1)⁻¹
        x, y = of(along, tx) + penalty * mx, of(along, ty) + penalty * my
        rows.append(torch.stack([x * yy - y * xy, y * xx - x * xy], 2) / determinant[..., None])
    linear = torch.stack(rows, dim=2)
    return linear, source_mean - (linear * target_mean[:, :, None]).sum(dim=3)


def part_positions(motion: Motion, picture: tuple[int, int], stride: int) -> Tensor:
    """Return where each part's content comes from, as `torch.nn.functional.grid_sample` reads it.

    Args:
        motion: of the parts.
        picture: (H, W) of the full picture.
        stride: how many pixels of the picture one of the map's stands for, along each side.

    Returns:
        (B, P, h, w, 2), source positions; -1 and 1 are the picture's edges.
    """
    x, y = _centres(picture, stride, motion.offset)
    axes = []
    for row, side in ((0, picture[1]), (1, picture[0])):
        a, b = motion.linear[:, :, row].unbind(dim=2)
        along = a[..., None] * x + (motion.offset[:, :, row, None] + 0.5)
        down = b[..., None] * y
        axes.append(along[:, :, None] * (2 / side) + (down[..., None] * (2 / side) - 1))
    return torch.stack(axes, dim=4)


def capsule_masks(capsules: Capsules, picture: tuple[int, int], stride: int) -> Tensor:
    """Return the parts' soft masks: (B, P, h, w) in [0, 1].

    1 near a part's middle line, 1/2 at the capsule's surface, 0 far away and for absent parts.

    Args:
        capsules: of the parts.
        picture: (H, W) of the full picture.
        stride: how many pixels of the picture one of the map's stands for, along each side.
    """
    x, y = _centres(picture, stride, capsules.start)
    right = x - capsules.start[..., :1]  # (B, P, w) and (B, P, h): from the axis' start
    down = y - capsules.start[..., 1:]
    across, along = (capsules.end - capsules.start)[..., None, None].unbind(dim=2)
    length = (across.square() + along.square()).clamp(min=1e-6)
    right, down = right[:, :, None], down[..., None]
    share = (right * (across / length) + down * (along / length)).clamp(0, 1)
    distance = ((right - share * across).square() + (down - share * along).square()).sqrt()
    radius = capsules.radius[:, :, None, None]
    return ((radius - distance) / (0.15 * radius)).sigmoid() * capsules.present[:, :, None, None]


def _centres(picture: tuple[int, int], stride: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return x (w) and y (h) of a map's pixels in the full picture."""
    y, x = (
        (torch.arange(side // stride, device=like.device, dtype=like.dtype) + 0.5) * stride - 0.5
        for side in picture
    )
    return x, y


def fetch(features: Tensor, grid: Tensor) -> Tensor:
    """Fetch features for each part: (B, C, h', w') at (B, P, h, w, 2) -> (B, C, P, h, w).

    Bilinear; beyond the border, what is at the border. Never of lower precision than float32.
    """
    batch, parts, height, width, _ = grid.shape
    features = at_least_float32(features)
    fetched = functional.grid_sample(
        features,
        grid.reshape(batch, parts * height, width, 2).to(features.dtype),
        padding_mode="border",
        align_corners=False,
    )
    return fetched.reshape(batch, -1, parts, height, width)


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return the tensor in float32, where it is of lower precision."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def cleared(picture: Tensor, body: Tensor, steps: int) -> Tensor:
    """Take the body out of a picture, and fill its place from around: (B, 3, H, W), float32.

    Means of what is not masked, over squares of 2, 4, 8… pixels: what is masked takes the mean of
    the next larger square, at last of the whole picture ("pull-push": Gortler et al., *The
    Lumigraph*, SIGGRAPH 1996, section 5).

    Args:
        picture: (B, 3, H, W).
        body: (B, 1, H/2, W/2), where it is, from 0 to 1.
        steps: how many means there are, the last over squares of 2 to that.
    """
    taken = functional.interpolate(body, scale_factor=2.0)
    weight = (1 - 2 * taken).clamp(min=0)  # nothing of the body's inside counts
    known = [(picture.to(weight.dtype) * weight, weight)]
    for _ in range(steps):
        value, weight = (_halved(one) for one in known[-1])
        more = (4 * weight).clamp(max=1) / weight.clamp(min=1e-6)  # a quarter known is enough
        known.append((value * more, weight * more))
    whole_value, whole_weight = (one.mean(dim=(2, 3), keepdim=True) for one in known[-1])
    filled = (whole_value / whole_weight.clamp(min=1e-3)).expand_as(known[-1][0])
    for value, weight in reversed(known):
        larger = functional.interpolate(filled, value.shape[2:], mode="bilinear")
        filled = value + (1 - weight) * larger
    return filled


def _halved(maps: Tensor) -> Tensor:
    """Return means of squares of four: (B, C, h, w) -> (B, C, h/2, w/2)."""
    return functional.avg_pool2d(maps, 2)
