"""What `limbs` moves of the source picture, and how the picture is put together from it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from posegen.core import (
    PART_LAYERS,
    GeneratorOutput,
    Motion,
    capsule_masks,
    cleared,
    fetch,
    part_positions,
)
from posegen_warp.layers import channels_last, halved

#: The body is taken out of the source with this much around it, for clothes are wider than bodies.
_WIDER = 1.3
#: A part's mask as a prior of attention: this times its logarithm is added to the logit.
_TRUST = 2.0


class Moved(NamedTuple):
    """The source picture moved to the target pose, and what belongs to that.

    Attributes:
        picture: (B, P, 3, H, W), moved by each part's map, float32.
        cleared: (B, 3, H, W), not moved, and without the body.
        body: (B, 1, H/2, W/2), where the body was that is missing there.
        masks: (B, P, H/2, W/2).
        linear: (B, P, 2, 2), of the maps.
        grids: (B, P, h, w, 2) at 1, 1/2, 1/4, 1/8… of the picture's size.
    """

    picture: Tensor
    cleared: Tensor
    body: Tensor
    masks: Tensor
    linear: Tensor
    grids: list[Tensor]


@torch.no_grad()
def move(source: Tensor, motion: Motion, *, levels: int, clearing: int) -> Moved:
    """Move the source picture by the maps of the parts.

    Args:
        source: (B, 3, H, W).
        motion: how the parts move.
        levels: how many levels of features are moved, from 1/4 on.
        clearing: see `posegen.core.cleared`.
    """
    size = (source.shape[2], source.shape[3])
    wide = motion.source._replace(radius=_WIDER * motion.source.radius)
    body = capsule_masks(wide, size, 2).amax(dim=1, keepdim=True)
    grids = [part_positions(motion, size, 2**level) for level in range(levels + 2)]
    return Moved(
        fetch(source, grids[0]).transpose(1, 2),
        cleared(source, body, clearing),
        body,
        capsule_masks(motion.target, size, 2),
        motion.linear,
        grids,
    )


def moved_aside(source: Tensor, moved: Moved, aside: Tensor) -> Tensor:
    """Fetch the parts' pictures again, a little beside: (B, P, 3, H, W), float32.

    Joints say where limbs are, not where outlines are, and a joint is known to a pixel or two.

    Args:
        source: (B, 3, H, W).
        moved: the parts.
        aside: (B, 2, H, W), x and y in pixels of the target: what is at p comes from where the maps
            take p + aside.
    """
    right, down = aside[:, None].unbind(dim=2)  # (B, 1, H, W)
    steps = [
        (row[..., 0, None, None] * right + row[..., 1, None, None] * down) * (2 / side)
        for row, side in zip(moved.linear.unbind(dim=2), reversed(source.shape[2:]), strict=True)
    ]
    return fetch(source, moved.grids[0] + torch.stack(steps, dim=4)).transpose(1, 2)


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
        for of in PART_LAYERS
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


class Composed(NamedTuple):
    """A picture of what there is, before anything is painted.

    Attributes:
        picture: (B, 3, H, W), the mean of what is copied, by its shares.
        shares: (B, P + 3, H, W), of the parts, of the source without its body, of the source as it
            is, and of the paint.
    """

    picture: Tensor
    shares: Tensor

    def painted(self, paint: Tensor) -> Tensor:
        """Return the picture with its share of the paint (B, 3, H, W)."""
        share = self.shares[:, -1:]
        return (1 - share) * self.picture + share * paint


def composed(source: Tensor, moved: Moved, pictures: Tensor, logits: Tensor) -> Composed:
    """Take each pixel from one of the parts, or from the source where it was.

    Args:
        source: (B, 3, H, W).
        moved: the parts.
        pictures: (B, P, 3, H, W), of the parts.
        logits: (B, P + 3, H, W), as `Composed.shares`, before what the masks say.
    """
    nothing = torch.zeros_like(moved.body)
    bias = torch.cat([prior(moved.masks), nothing, prior(1 - moved.body), nothing], dim=1)
    shares = (logits + functional.interpolate(bias, scale_factor=2.0)).softmax(dim=1)
    there = torch.stack([moved.cleared, source.to(pictures.dtype)], dim=1)
    total = (shares[:, :-1, None] * torch.cat([pictures, there], dim=1)).sum(dim=1)
    return Composed(total / (1 - shares[:, -1:]).clamp(min=1e-3), shares)


def shown(picture: Tensor, shares: Tensor, aside: Tensor, moved: Moved) -> GeneratorOutput:
    """Return the picture with what is drawn beside it.

    Returns:
        In `aux`: `shares`, see `Composed`; `attention` (B, 1, H, W), how much of a pixel is copied
        from moved parts; `flow` (B, 2, H/2, W/2), the parts' mean displacement in pixels of that
        size.
    """
    parts = shares[:, : moved.masks.shape[1]]
    aux = {
        "attention": parts.sum(dim=1, keepdim=True),
        "shares": shares,
        "flow": _flow(parts, moved, aside),
    }
    return GeneratorOutput(picture, aux)


@torch.no_grad()
def _flow(shares: Tensor, moved: Moved, aside: Tensor) -> Tensor:
    height, width = moved.masks.shape[2:]
    weight = halved(shares)[:, :, None]  # (B, P, 1, h, w)
    grid = moved.grids[1].permute(0, 1, 4, 2, 3)  # (B, P, 2, h, w), from -1 to 1
    x, y = (
        (torch.arange(side, device=shares.device, dtype=shares.dtype) + 0.5) * (2 / side) - 1
        for side in (width, height)
    )
    here = torch.stack([x.expand(height, width), y[:, None].expand(height, width)])
    way = (weight * (grid - here)).sum(dim=1) * grid.new_tensor([width, height])[:, None, None] / 2
    return way + halved(aside) / 2 * weight.sum(dim=1)
