"""The network: what the picture is, from one with noise, the time, the pose and the source.

    source + its pose ── first ── block ── down ── block ── down ── block       (once a person)
                                    │                │                │
                                   here           features         features
                                    ▼                ▼                ▼
    noisy + target pose ─ first ── + ── blocks ── down ── blocks ── down ── blocks
                                          │                 │                 │
    picture ◄── last ◄── blocks ◄── up ◄─ skip ◄─ blocks ◄─ skip ◄──── up ◄──┘
                 level 0                           level 1                level 2

A patch is a square of pixels in one place of the map (pixel unshuffle). The time scales and shifts
every block of the denoiser. On the coarsest levels every place attends, in one softmax, to all
places of the picture that is made and of the source: by what is there, by which part of a body is
there (the pose maps, made smaller), and by where it is. The source enters at the input as well, for
what stays where it was.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from posegen.core import Generator, GeneratorOutput, TaskInfo
from posegen_flow_matching.config import AttentionUNetConfig

#: Frequencies of the sines that say the time, and of those that say the place.
_TIMES, _PLACES = 32, (1, 2, 4)


class AttentionUNet(Generator):
    """A denoiser and an encoder of the source that it attends to; see the module.

    The image that it returns is not bounded: its method makes a picture of it.
    """

    inputs = ("source", "source_pose", "target_pose", "noisy", "time")

    def __init__(self, config: AttentionUNetConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        widths, self.patch = config.widths, config.patch
        levels = len(widths)
        self.plain = levels - config.attending  # levels that do not attend
        self.size_multiple = config.patch * 2 ** (levels - 1)
        emb = 4 * widths[0]
        self.time = nn.Sequential(
            nn.Linear(2 * _TIMES, emb), nn.SiLU(), nn.Linear(emb, emb), nn.SiLU()
        )
        self.source = Encoder(config, task.pose_channels)
        self.first = first(config, task.pose_channels)
        self.places = places(config, task.pose_channels)
        self.downs = nn.ModuleList(down(fine, coarse) for fine, coarse in pairwise(widths))
        self.ups = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairwise(widths))
        ways = range(levels), range(levels - 1)
        self.ins, self.outs = (
            nn.ModuleList(Level(config, level, emb, skip=way == 1) for level in ways[way])
            for way in (0, 1)
        )
        self.last = nn.Sequential(
            norm(widths[0]), nn.SiLU(), nn.Conv2d(widths[0], 3 * config.patch**2, 3, padding=1)
        )

    def forward(
        self, source: Tensor, source_pose: Tensor, target_pose: Tensor, noisy: Tensor, time: Tensor
    ) -> GeneratorOutput:
        """Predict the picture; shapes as in the contract.

        Args:
            source, noisy: (B, 3, H, W).
            source_pose, target_pose: (B, C, H, W).
            time: (B, 1), 0: `noisy` is noise, to 1: it is the picture.
        """
        code = self.encode_source(source=source, source_pose=source_pose)
        return self.generate_from(code, target_pose=target_pose, noisy=noisy, time=time)

    def encode_source(self, **inputs: Tensor) -> tuple[Tensor, ...]:
        """Return what joins the input, and the source's features on the levels that attend."""
        return tuple(self.source(inputs["source"], inputs["source_pose"]))

    def generate_from(self, code: tuple[Tensor, ...], **inputs: Tensor) -> GeneratorOutput:
        """Predict the picture with what `encode_source` returned."""
        here, *features = code
        pose = inputs["target_pose"]
        state = self.first(patches(inputs["noisy"], pose, self.patch)) + here
        time = self.time(waves(inputs["time"]).to(state.dtype))
        there = [layer(smaller(pose, f)) for layer, f in zip(self.places, features, strict=True)]
        known = [(None, None)] * self.plain + list(zip(there, features, strict=True))
        skips: list[Tensor] = []
        for level, layer in enumerate(self.ins):
            state = layer(self.downs[level - 1](state) if level else state, time, *known[level])
            skips.append(state)
        state = skips.pop()
        for level in reversed(range(len(skips))):
            larger = functional.interpolate(self.ups[level](state), scale_factor=2.0)
            joined = torch.cat([larger, skips[level]], dim=1)
            state = self.outs[level](joined, time, *known[level])
        return GeneratorOutput(functional.pixel_shuffle(self.last(state), self.patch))


class Encoder(nn.Module):
    """The source's features on the levels that attend, each place with the part of the body there.

    Args:
        config: the generator's options.
        poses: channels of the pose map.
    """

    def __init__(self, config: AttentionUNetConfig, poses: int) -> None:
        super().__init__()
        widths, self.patch = config.widths, config.patch
        self.plain = len(widths) - config.attending
        self.first = first(config, poses)
        self.here = nn.Conv2d(widths[0], widths[0], 1)
        self.downs = nn.ModuleList(down(fine, coarse) for fine, coarse in pairwise(widths))
        self.blocks = nn.ModuleList(Residual(width, width) for width in widths)
        self.norms = nn.ModuleList(norm(width) for width in widths[self.plain :])
        self.places = places(config, poses)

    def forward(self, image: Tensor, pose: Tensor) -> list[Tensor]:
        """Return what joins the denoiser's input, and (B, width, h, w) of each attending level."""
        state = self.first(patches(image, pose, self.patch))
        features: list[Tensor] = []
        for level, block in enumerate(self.blocks):
            state = block(self.downs[level - 1](state) if level else state)
            if level == 0:
                features.append(self.here(state))
            if level >= self.plain:
                place = self.places[level - self.plain](smaller(pose, state))
                features.append(self.norms[level - self.plain](state) + place)
        return features


class Level(nn.Module):
    """Residual blocks of one level, each followed by attention where the level attends.

    Args:
        config: the generator's options.
        level: which, from 0.
        emb: channels of the time.
        skip: whether the level's own code on the way down is joined to the input.
    """

    def __init__(self, config: AttentionUNetConfig, level: int, emb: int, *, skip: bool) -> None:
        super().__init__()
        width = config.widths[level]
        inputs = [2 * width if skip else width] + [width] * (config.blocks - 1)
        self.blocks = nn.ModuleList(Residual(n, width, emb, config.dropout) for n in inputs)
        attends = level >= len(config.widths) - config.attending
        heads = max(1, width // config.head_width)
        self.attention = nn.ModuleList(Attention(width, heads) for _ in inputs if attends)

    def forward(
        self, state: Tensor, time: Tensor, place: Tensor | None, source: Tensor | None
    ) -> Tensor:
        """Compute; `place` and `source` are None where the level does not attend."""
        for number, block in enumerate(self.blocks):
            state = block(state, time)
            if place is not None:
                state = self.attention[number](state, place, source)
        return state


class Residual(nn.Module):
    """Norm, SiLU, convolution, twice, around a shortcut: (B, inputs, h, w) -> (B, width, h, w).

    The time (B, emb) scales and shifts the second norm; emb 0: there is no time.
    """

    def __init__(self, inputs: int, width: int, emb: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        conv = nn.Conv2d(inputs, width, 3, padding=1)
        self.before = nn.Sequential(norm(inputs), nn.SiLU(), conv, norm(width))
        self.time = nn.Linear(emb, 2 * width) if emb else None
        last = nothing_at_first(nn.Conv2d(width, width, 3, padding=1))
        self.after = nn.Sequential(nn.SiLU(), nn.Dropout(dropout), last)
        self.short = nn.Conv2d(inputs, width, 1) if inputs != width else nn.Identity()

    def forward(self, state: Tensor, time: Tensor | None = None) -> Tensor:
        """Add a change to the state."""
        change = self.before(state)
        if self.time is not None:
            scale, shift = self.time(time)[..., None, None].chunk(2, dim=1)
            change = change * (1 + scale) + shift
        result: Tensor = self.short(state) + self.after(change)
        return result


class Attention(nn.Module):
    """Every place asks all places of the state and of the source, and takes what they answer.

    softmax(Q Kᵀ / √d) V, with Q of the state n(h) + place, K and V of both that and the source.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = norm(width)
        self.own = nn.Conv2d(width, 3 * width, 1)
        self.source = nn.Conv2d(width, 2 * width, 1)
        self.last = nothing_at_first(nn.Conv2d(width, width, 1))

    def forward(self, state: Tensor, place: Tensor, source: Tensor) -> Tensor:
        """Attend.

        Args:
            state: (B, width, h, w).
            place: the same, what is said of each place of the target.
            source: (B, width, h', w'), with what is said of its places.
        """
        query, *own = self._split(self.own(self.norm(state) + place), 3)
        key, value = (
            torch.cat(both, dim=2)
            for both in zip(own, self._split(self.source(source), 2), strict=True)
        )
        found = functional.scaled_dot_product_attention(query, key, value)
        result: Tensor = state + self.last(found.mT.reshape(state.shape))
        return result

    def _split(self, joined: Tensor, count: int) -> list[Tensor]:
        """Cut (B, count · width, h, w) into `count` of (B, heads, h · w, width / heads)."""
        height, width = joined.shape[2:]
        parts = joined.reshape(len(joined), count, self.heads, -1, height * width)
        return list(parts.mT.unbind(dim=1))


def places(config: AttentionUNetConfig, poses: int) -> nn.ModuleList:
    """Return what makes a level's width of `smaller` pose maps, for each level that attends."""
    inputs = poses + 4 * len(_PLACES)
    return nn.ModuleList(nn.Conv2d(inputs, w, 1) for w in config.widths[-config.attending :])


def smaller(pose: Tensor, like: Tensor) -> Tensor:
    """Return pose maps (B, C, h, w) of a map's size, with channels that say where each place is."""
    height, width = like.shape[-2:]
    pose = functional.avg_pool2d(pose, pose.shape[-1] // width)
    axes = (
        torch.linspace(0, 1, height, device=pose.device)[:, None].expand(height, width),
        torch.linspace(0, 1, width, device=pose.device).expand(height, width),
    )
    angles = torch.stack([math.pi * k * axis for axis in axes for k in _PLACES])
    where = torch.cat([angles.sin(), angles.cos()]).to(pose.dtype)
    return torch.cat([pose, where.expand(len(pose), -1, -1, -1)], dim=1)


def waves(time: Tensor) -> Tensor:
    """Return sines and cosines of a time (B, 1): (B, 2 · 32), of periods from 6 to 1/100."""
    rates = torch.logspace(0, math.log10(600), _TIMES, device=time.device, dtype=torch.float32)
    angles = time.float() * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def first(config: AttentionUNetConfig, poses: int) -> nn.Conv2d:
    """Return the convolution that reads `patches`."""
    return nn.Conv2d(3 * config.patch**2 + poses, config.widths[0], 3, padding=1)


def patches(image: Tensor, pose: Tensor, side: int) -> Tensor:
    """Return (B, 3 · side² + C, H / side, W / side): a square's pixels and mean pose map."""
    pose = functional.avg_pool2d(pose, side)
    return torch.cat([functional.pixel_unshuffle(image, side), pose], dim=1)


def down(fine: int, coarse: int) -> nn.Conv2d:
    """Return what halves height and width."""
    return nn.Conv2d(fine, coarse, 3, stride=2, padding=1)


def norm(width: int) -> nn.GroupNorm:
    """Return a norm of groups of channels: of each picture alone, whatever else is in the batch."""
    return nn.GroupNorm(math.gcd(width, 8), width)


def nothing_at_first(layer: nn.Conv2d) -> nn.Conv2d:
    """Let a layer add nothing before it has learnt to."""
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
