"""The generator `flow`: global flow, local attention.

    source, both poses ──► flow network ──► flow and mask at 1/8      flow and mask at 1/4
                                                  │                         │
    source ──► encoder ── features at 1/8 ──► attention   features ──► attention
                                                  │        at 1/4           │
    target pose ──► encoder ── 1/8 ─────────── mask blends ─► 1/4 ── mask blends ─► 1/2 ─► picture

The flow says where in the source the content of each target place is, anywhere in the picture; the
attention chooses within a small patch around that; the mask says how far the source shows it at
all. What it does not show the target side makes up from the pose and from what is around.

With the option `copy_picture` the finest flow fetches the source picture as well, at full size, and
the last convolution says of each pixel how much of that to take.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from posegen.core import Generator, GeneratorOutput, TaskInfo, at_least_float32
from posegen_warp.attention import LocalAttention, warped
from posegen_warp.config import FlowConfig
from posegen_warp.layers import Residual, channels_last, conv


class Way(NamedTuple):
    """Where to fetch the content of one level from.

    Attributes:
        flow: (B, 2, h, w), to the right and down, in places of that level.
        mask: (B, 1, h, w) in [0, 1], how far the source shows it.
    """

    flow: Tensor
    mask: Tensor


class Flow(Generator):
    """Global flow and local attention (Ren et al. 2020, arXiv:2003.00696); see the module.

    `aux` has `flow`, the finest, and those of coarser levels as `flow_8` where one place stands for
    8×8 pixels; the masks as `mask_4`, `mask_8`…; and as `attention` how much is fetched: the finest
    mask once more, or, with `copy_picture`, the share of each pixel.
    """

    inputs = ("source", "source_pose", "target_pose")

    def __init__(self, config: FlowConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        widths, norm = config.widths, config.norm
        self.size_multiple = 2 ** len(widths)
        self.levels = [level for level, size in enumerate(config.patches) if size]
        self.source = encoder(3, widths[: self.levels[-1] + 1], config)
        self.target = encoder(task.pose_channels, widths, config)
        self.flow = FlowNet(3 + 2 * task.pose_channels, self.levels, config)
        self.attentions = nn.ModuleDict(
            {
                str(level): LocalAttention(
                    widths[level], config.patches[level], config.attention_width
                )
                for level in self.levels
            }
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(*(Residual(width, norm) for _ in range(config.blocks)))
            for width in widths
        )
        self.ups = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(coarse, fine, 1, bias=False),
                nn.Upsample(scale_factor=2.0),
                conv(fine, fine, norm),
            )
            for fine, coarse in pairwise(widths)
        )
        self.copies = config.copy_picture
        self.head = nn.Conv2d(widths[0], 16 if self.copies else 12, 3, padding=1)

    def forward(self, source: Tensor, source_pose: Tensor, target_pose: Tensor) -> GeneratorOutput:
        """Put the person of `source` into the target pose; shapes as in the contract."""
        code = self.encode_source(source=source, source_pose=source_pose)
        return self.generate_from(code, target_pose=target_pose)

    def encode_source(self, **inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the source, its pose, and its features on the levels that are attended to."""
        state, features = channels_last(inputs["source"]), []
        for level, down in enumerate(self.source):
            state = down(state)
            if level in self.levels:
                features.append(state)
        return inputs["source"], inputs["source_pose"], *features

    def generate_from(self, code: tuple[Tensor, ...], **inputs: Tensor) -> GeneratorOutput:
        """Put what `encode_source` returned into the target pose."""
        source, source_pose, *features = code
        target_pose = inputs["target_pose"]
        ways = self.flow(torch.cat([source, source_pose, target_pose], dim=1))
        state = channels_last(target_pose)
        for down in self.target:
            state = down(state)
        for level in reversed(range(len(self.blocks))):
            if level in self.levels:
                way = ways[level]
                fetched = self.attentions[str(level)](
                    state, features[self.levels.index(level)], way.flow
                )
                state = state + way.mask.to(state.dtype) * (fetched - state)
            state = self.blocks[level](state)
            if level > 0:
                state = self.ups[level - 1](state)
        made = at_least_float32(functional.pixel_shuffle(self.head(state), 2))
        image, aux = made[:, :3].tanh(), _named(ways)
        if self.copies:
            share = aux["attention"] = made[:, 3:].sigmoid()
            image = image + share * (_copied(source, aux["flow"]) - image)
        return GeneratorOutput(image.to(source.dtype), aux)


class FlowNet(nn.Module):
    """Estimates flows and masks: a U-Net with two heads on each level that is attended to.

    Args:
        inputs: channels of what it sees.
        levels: those that have a way, 0 for 1/2 of the picture's size, 1 for 1/4…
        config: the generator's options.
    """

    def __init__(self, inputs: int, levels: list[int], config: FlowConfig) -> None:
        super().__init__()
        widths, norm = config.flow_widths, config.norm
        self.downs = encoder(inputs, widths, config)
        self.finest = levels[0]
        fine = list(pairwise(widths))[self.finest :]
        self.enlarge = nn.ModuleList(nn.Conv2d(b, a, 1, bias=False) for a, b in fine)
        self.lateral = nn.ModuleList(nn.Conv2d(a, a, 1) for a, _ in fine)
        self.after = nn.ModuleList(
            nn.Sequential(conv(a, a, norm), Residual(a, norm)) for a, _ in fine
        )
        self.heads = nn.ModuleDict({str(level): _head(widths[level]) for level in levels})

    def forward(self, seen: Tensor) -> dict[int, Way]:
        """Return the way of each level: (B, inputs, H, W) -> level -> `Way`."""
        states = [channels_last(seen)]
        for down in self.downs:
            states.append(down(states[-1]))
        state, *skips = reversed(states[1 + self.finest :])
        ways = {}
        for level, skip in zip(
            reversed(range(self.finest, len(self.downs))), [None, *skips], strict=True
        ):
            if skip is not None:
                number = level - self.finest
                # To the skip's own size, for a side that is not even was rounded up on the way.
                larger = functional.interpolate(self.enlarge[number](state), skip.shape[2:])
                state = self.after[number](larger + self.lateral[number](skip))
            if str(level) in self.heads:
                seen_there = at_least_float32(self.heads[str(level)](state))
                ways[level] = Way(seen_there[:, :2], seen_there[:, 2:].sigmoid())
        return ways


def encoder(inputs: int, widths: tuple[int, ...], config: FlowConfig) -> nn.ModuleList:
    """Return convolutions that halve the size, one block for each of the widths."""
    return nn.ModuleList(
        nn.Sequential(conv(a, b, config.norm, stride=2), conv(b, b, config.norm))
        for a, b in pairwise((inputs, *widths))
    )


def _head(width: int) -> nn.Conv2d:
    """Return the convolution to flow and mask; at first nothing moves and half is fetched."""
    head = nn.Conv2d(width, 3, 3, padding=1)
    nn.init.zeros_(head.weight)
    head.bias = nn.Parameter(torch.zeros(3))
    return head


def _copied(picture: Tensor, flow: Tensor) -> Tensor:
    """Fetch a picture (B, 3, H, W) by a flow of a coarser level."""
    stride = picture.shape[3] // flow.shape[3]
    return warped(
        picture, stride * functional.interpolate(flow, picture.shape[2:], mode="bilinear")
    )


def _named(ways: dict[int, Way]) -> dict[str, Tensor]:
    """Return flows and masks by the names that `Flow` states."""
    finest = min(ways)
    aux = {"attention": ways[finest].mask}
    for level, way in ways.items():
        stride = 2 ** (level + 1)
        aux["flow" if level == finest else f"flow_{stride}"] = way.flow
        aux[f"mask_{stride}"] = way.mask
    return aux
