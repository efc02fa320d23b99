"""The generator `patn-masked`.

    source ──► moved part by part, once ──────┬───────────────────────┬──────►
    poses  ──► maps and masks of the parts ───┤                       │
                                              ▼                       ▼
    source without the person ──► image ──► block 1 ──► image ──► block 2 ──► … ──► image
    where the person was      ──► mask  ──►         ──► mask  ──►         ──► … ──► mask

A block has three modules. The *attention* module says of each pixel which part of the body to take
there, whether to paint it, or whether to leave what is there. The *transfer* module takes the parts
of the source picture, moved from pose to pose by their affine maps, by that attention. The *fusion*
module lays the result over the image so far, and adds its place to the mask. docs/patn-masked.md
says where this follows the project's starting text and where that text could not be followed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from posegen.core import (
    BODY_PARTS,
    PART_LAYERS,
    Anatomy,
    Generator,
    GeneratorOutput,
    Motion,
    TaskInfo,
    at_least_float32,
    capsule_masks,
    cleared,
    fetch,
    part_positions,
)
from posegen_patn_masked.config import MaskedPATNConfig
from posegen_patn_masked.layers import Residual, down, up

PARTS = len(BODY_PARTS)
#: The person is taken out of the source with this much around it: clothes are wider than bodies.
_WIDER = 1.3
#: A part's mask as a prior of the attention: this times its logarithm is added to the logit.
_TRUST = 2.0
#: First bias of painting: at first, parts are taken where they belong, and hardly anything painted.
_PAINT = -4.0


class MaskedPATN(Generator):
    """Blocks of attention, transfer and fusion that write a person into a picture; see the module.

    The result is differentiable throughout, and linear in the moved pictures: what is copied is
    copied unharmed.
    """

    inputs = ("source", "source_keypoints", "target_keypoints", "target_pose")
    size_multiple = 4
    float32 = ("anatomy.*",)

    def __init__(self, config: MaskedPATNConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.anatomy = Anatomy(task.skeleton)
        # The image and the mask so far, the parts in layers, their masks, and the wanted pose.
        seen = 3 + 1 + 3 * len(PART_LAYERS) + PARTS + task.pose_channels
        self.blocks = nn.ModuleList(Block(seen, config) for _ in range(config.blocks))

    def forward(
        self,
        source: Tensor,
        source_keypoints: Tensor,
        target_keypoints: Tensor,
        target_pose: Tensor,
    ) -> GeneratorOutput:
        """Put the person of `source` into the target pose; shapes as in the contract.

        Returns:
            In `aux`: `masks` (B, blocks, H, W), how much of each pixel each block wrote; `mask`
            (B, 1, H, W), the last output mask: what of the picture is not the source's own.
        """
        motion = self.anatomy(source_keypoints, target_keypoints)
        moved, image, mask = start(source, motion)
        written = []
        for block in self.blocks:
            image, mask, wrote = block(image, mask, moved, target_pose)
            written.append(wrote)
        picture = image.clamp(-1, 1).to(source.dtype)
        return GeneratorOutput(picture, {"masks": torch.cat(written, dim=1), "mask": mask})


class Moved(NamedTuple):
    """The source picture as the parts take it along.

    Attributes:
        pictures: (B, P, 3, H, W), moved by each part's map, float32.
        masks: (B, P, H, W) in [0, 1], where the parts are in the target.
        layers: (B, 9, H, W), the parts in three pictures, for hardly any lie over each other.
    """

    pictures: Tensor
    masks: Tensor
    layers: Tensor


@torch.no_grad()
def start(source: Tensor, motion: Motion) -> tuple[Moved, Tensor, Tensor]:
    """Move the source picture by all parts, and take the person out of it.

    Args:
        source: (B, 3, H, W).
        motion: how the parts move.

    Returns:
        The moved pictures; the first image (B, 3, H, W), without the person; the first mask
        (B, 1, H, W), where the person was.
    """
    height, width = size = (source.shape[2], source.shape[3])
    pictures = fetch(source, part_positions(motion, size, 1)).transpose(1, 2)
    masks = capsule_masks(motion.target, size, 1)
    layers = [
        (pictures[:, of] * masks[:, of, None]).sum(dim=1)
        / masks[:, of].sum(dim=1, keepdim=True).clamp(min=1.0)
        for of in PART_LAYERS
    ]
    wide = motion.source._replace(radius=_WIDER * motion.source.radius)
    steps = max(int(math.log2(min(height, width))) - 1, 1)
    image = cleared(source, capsule_masks(wide, size, 2).amax(dim=1, keepdim=True), steps)
    visible = capsule_masks(wide, size, 1).amax(dim=1, keepdim=True)
    return Moved(pictures, masks, torch.cat(layers, dim=1)), image, visible


class Block(nn.Module):
    """Attention, transfer, fusion; the image and the mask so far -> the next ones.

    Args:
        seen: channels of what the attention module sees.
        config: the generator's options.
    """

    def __init__(self, seen: int, config: MaskedPATNConfig) -> None:
        super().__init__()
        self.attention = Attention(seen, config)

    def forward(
        self, image: Tensor, mask: Tensor, moved: Moved, target_pose: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the image (B, 3, H, W), the mask (B, 1, H, W), and what was written here."""
        seen = torch.cat([image, mask, moved.layers, moved.masks], dim=1).to(target_pose.dtype)
        attention, paint = self.attention(torch.cat([seen, target_pose], dim=1), moved.masks)
        transferred = transfer(moved, attention, paint)
        wrote = 1 - attention[:, -1:]
        return (*fuse(transferred, wrote, image, mask), wrote)


class Attention(nn.Module):
    """Where to take which part: (B, seen, H, W) -> shares (B, P + 2, H, W) and paint (B, 3, H, W).

    Two convolutions down, residual blocks, two up, as in the starting text, and a softmax over the
    parts, painting, and leaving what is there. The shares of the last one are the complement of the
    text's single attention map. Where a part's mask is counts as a prior.
    """

    def __init__(self, seen: int, config: MaskedPATNConfig) -> None:
        super().__init__()
        width, norm, kernel = config.width, config.norm, config.kernel
        self.body = nn.Sequential(
            down(seen, width, norm, kernel=kernel),
            down(width, 2 * width, norm),
            down(2 * width, 4 * width, norm),
            *(Residual(4 * width, norm) for _ in range(config.residuals)),
            up(4 * width, 2 * width, norm),
            up(2 * width, width, norm),
        )
        self.decide = nn.Conv2d(width, PARTS + 2 + 3, kernel, padding=kernel // 2)
        nn.init.normal_(self.decide.weight, std=1e-3)
        self.decide.bias = nn.Parameter(torch.tensor([0.0] * PARTS + [_PAINT] + [0.0] * 4))

    def forward(self, seen: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares, which add up to 1, and the paint in [-1, 1]; at least float32."""
        decided = at_least_float32(self.decide(self.body(seen)))
        logits, paint = decided[:, :-3], decided[:, -3:].tanh()
        prior = _TRUST * (masks + 1e-3).log()
        logits = torch.cat([logits[:, :PARTS] + prior, logits[:, PARTS:]], dim=1)
        return logits.softmax(dim=1), paint


def transfer(moved: Moved, attention: Tensor, paint: Tensor) -> Tensor:
    """Take from the moved pictures, and from the paint, by their shares: (B, 3, H, W).

    The result is multiplied by how much is taken, as the text multiplies the condition image by
    the attention map ("premultiplied": Porter & Duff, *Compositing Digital Images*, SIGGRAPH 1984).
    """
    parts = (attention[:, :PARTS, None] * moved.pictures).sum(dim=1)
    return parts + attention[:, PARTS : PARTS + 1] * paint


def fuse(transferred: Tensor, wrote: Tensor, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Lay what was transferred over the image, and add its place to the mask.

    Porter and Duff's *over*, where the text has a fusion that can never write outside of its first
    mask; the mask's formula is the text's.

    Args:
        transferred: (B, 3, H, W), premultiplied by `wrote`.
        wrote: (B, 1, H, W) in [0, 1].
        image, mask: those so far, (B, 3, H, W) and (B, 1, H, W).
    """
    return transferred + (1 - wrote) * image, mask + (1 - mask) * wrote
