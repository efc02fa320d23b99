"""What `limbs` moves of the source picture, and how the picture is put together from it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from posegen.core import GeneratorOutput
from posegen_warp.layers import channels_last, halved
from posegen_warp.maps import Motion, masks, positions
from posegen_warp.parts import LAYERS
from posegen_warp.sampling import sample

#: The body is taken out of the source with this much around it, for clothes are wider than bodies.
_WIDER = 1.3
#: A part's mask as a prior of attention: this times its logarithm is added to the logit.
_TRUST = 2.0


class Moved(NamedTuple):
    """The source picture moved to the target pose, and what belongs to that.

    Attributes:
        picture: (B, P, 3, H, W), moved by each part's map, float32.
        cleared: (B, 3, H, W), not moved, and without the body.
        masks: (B, P, H/2, W/2).
        grids: (B, P, h, w, 2) at 1/2, 1/4, 1/8… of the picture's size.
    """

    picture: Tensor
    cleared: Tensor
    masks: Tensor
    grids: list[Tensor]


@torch.no_grad()
def move(source: Tensor, motion: Motion, *, levels: int, clearing: int) -> Moved:
    """Move the source picture by the maps of the parts.

    Args:
        source: (B, 3, H, W).
        motion: how the parts move.
        levels: how many levels of features are moved, from 1/4 on.
        clearing: see `cleared`.
    """
    size = (source.shape[2], source.shape[3])
    body = motion.source._replace(radius=_WIDER * motion.source.radius)
    return Moved(
        sample(source, positions(motion, size, 1)).transpose(1, 2),
        cleared(source, masks(body, size, 2), clearing),
        masks(motion.target, size, 2),
        [positions(motion, size, 2 ** (level + 1)) for level in range(levels + 1)],
    )


def prior(mask: Tensor) -> Tensor:
    """Return what is added to the logits of parts where their masks (B, P, h, w) are."""
    return _TRUST * (mask + 1e-3).log()


def joined_input(source: Tensor, moved: Moved, target_pose: Tensor) -> Tensor:
    """Return what the target side sees: (B, channels, H/2, W/2).

    Parts of a layer hardly ever lie over each other, so their mean by masks is one picture: that
    is a third of the channels that ten pictures would have.
    """
    batch, parts = moved.masks.shape[:2]
    pictures = functional.pixel_unshuffle(moved.picture.flatten(1, 2), 2)
    height, width = pictures.shape[2:]
    pictures = pictures.reshape(batch, parts, 12, height, width) * moved.masks[:, :, None]
    layers = [
        pictures[:, of].sum(dim=1) / moved.masks[:, of].sum(dim=1, keepdim=True).clamp(min=1.0)
        for of in LAYERS
    ]
    return channels_last(
        torch.cat(
            [
                *(layer.to(source.dtype) for layer in layers),
                functional.pixel_unshuffle(moved.cleared, 2).to(source.dtype),
                moved.masks.to(source.dtype),
                halved(target_pose),
            ],
            dim=1,
        )
    )


def composed(source: Tensor, moved: Moved, head: Tensor) -> GeneratorOutput:
    """Put the picture together: of each part's, the source where it was, and what is painted.

    Args:
        source: (B, 3, H, W).
        moved: the parts' pictures.
        head: (B, P + 2 + 3, H, W): a logit for each part, for the source, for the paint; the paint.

    Returns:
        The picture; in `aux`, `shares` (B, P + 2, H, W), what each pixel is made of, `attention`
        (B, 1, H, W), how much of it is copied from moved parts, and `flow`, see `_flow`.
    """
    parts = moved.masks.shape[1]
    logits, paint = head[:, :-3], head[:, -3:]
    bias = functional.pad(prior(moved.masks), (0, 0, 0, 0, 0, 2))
    shares = (logits + functional.interpolate(bias, scale_factor=2.0)).softmax(dim=1)
    image = (shares[:, :parts, None] * moved.picture).sum(dim=1)
    image = (
        image + shares[:, parts : parts + 1] * moved.cleared + shares[:, parts + 1 :] * paint.tanh()
    )
    aux = {
        "attention": shares[:, :parts].sum(dim=1, keepdim=True),
        "shares": shares,
        "flow": _flow(shares[:, :parts], moved),
    }
    return GeneratorOutput(image.to(source.dtype), aux)


@torch.no_grad()
def _flow(shares: Tensor, moved: Moved) -> Tensor:
    """Return the parts' mean displacement, (B, 2, H/2, W/2), in pixels of that size."""
    height, width = moved.masks.shape[2:]
    weight = halved(shares)[:, :, None]  # (B, P, 1, h, w)
    grid = moved.grids[0].permute(0, 1, 4, 2, 3)  # (B, P, 2, h, w), from -1 to 1
    x, y = (
        (torch.arange(side, device=shares.device, dtype=shares.dtype) + 0.5) * (2 / side) - 1
        for side in (width, height)
    )
    here = torch.stack([x.expand(height, width), y[:, None].expand(height, width)])
    return (weight * (grid - here)).sum(dim=1) * grid.new_tensor([width, height])[:, None, None] / 2


def cleared(picture: Tensor, masks: Tensor, steps: int) -> Tensor:
    """Take the body out of a picture, and fill its place from around: (B, 3, H, W), float32.

    Means of what is not masked, over squares of 2, 4, 8… pixels: what is masked takes the mean of
    the next larger square, at last of the whole picture ("pull-push": Gortler et al., *The
    Lumigraph*, SIGGRAPH 1996, section 5).

    Args:
        picture: (B, 3, H, W).
        masks: (B, P, H/2, W/2), of the parts.
        steps: how many means there are, the last over squares of 2 to that.
    """
    taken = functional.interpolate(masks.amax(dim=1, keepdim=True), scale_factor=2.0)
    weight = (1 - 2 * taken).clamp(min=0)  # nothing of the body's inside counts
    known = [(picture.to(weight.dtype) * weight, weight)]
    for _ in range(steps):
        value, weight = (halved(one) for one in known[-1])
        more = (4 * weight).clamp(max=1) / weight.clamp(min=1e-6)  # a quarter known is enough
        known.append((value * more, weight * more))
    whole_value, whole_weight = (one.mean(dim=(2, 3), keepdim=True) for one in known[-1])
    filled = (whole_value / whole_weight.clamp(min=1e-3)).expand_as(known[-1][0])
    for value, weight in reversed(known):
        larger = functional.interpolate(filled, value.shape[2:], mode="bilinear")
        filled = value + (1 - weight) * larger
    return filled
