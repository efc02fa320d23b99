"""The generator `limbs`: the source picture and its features, moved part by part.

    target side                                               source side
    1/2   joined input ─ first ──────────────── lateral ─► up ─ head   ┌─ source ─ first
                           │                       │         ▲         │
    1/4                  down ─ blocks ───────── lateral ─► up ◄─ merge ◄─ down     parts' features
                           │                       │         ▲
    1/8                  down ─ blocks ───────── lateral ─► up ◄─ merge ◄─ down
                           │                                 ▲
    1/16                 down ─ blocks ──────────────────────┘

The source picture itself is moved at full size by each part's map. The head does not paint it
again: it says how far beside a pixel the map should look, which part to take it from or whether to
leave it where it was, and paints only what none of these has. So prints and stripes come through
unharmed from the first step on, and nearly all convolutions work at half the size and below, where
a CPU can afford them.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from posegen.core import (
    BODY_PARTS,
    PART_LAYERS,
    Anatomy,
    Generator,
    GeneratorOutput,
    TaskInfo,
    at_least_float32,
    fetch,
)
from posegen_warp.composing import (
    Moved,
    composed,
    joined_input,
    move,
    moved_aside,
    prior,
    shown,
)
from posegen_warp.config import LimbsConfig
from posegen_warp.layers import Residual, channels_last, conv, halved


class Limbs(Generator):
    """Deformable skip connections (Siarohin et al. 2018, arXiv:1801.00055); see the module.

    As there: ten parts, an affine map and a mask for each, features of the source moved so at
    several levels and joined to the decoder. Otherwise than there: soft masks in the target, maps
    that stay safe where keypoints do not decide them, attention in the place of the maximum
    (option `merge`), a source picture that is itself moved and copied.
    """

    inputs = ("source", "source_keypoints", "source_pose", "target_keypoints", "target_pose")
    float32 = ("anatomy.*",)

    def __init__(self, config: LimbsConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        widths, norm = config.widths, config.norm
        sources = config.source_widths
        self.size_multiple = 2 ** len(widths)
        self.anatomy = Anatomy(task.skeleton)
        self.source_first = conv(12 + task.pose_channels, sources[0], norm)
        self.source_downs = nn.ModuleList(
            conv(fine, coarse, norm, stride=2) for fine, coarse in pairwise(sources)
        )
        # Twelve: three colours of the four pixels that make one at half the size.
        joined = 12 * (len(PART_LAYERS) + 1) + len(BODY_PARTS) + task.pose_channels
        self.first = conv(joined, widths[0], norm)
        self.downs = nn.ModuleList(
            nn.Sequential(conv(fine, coarse, norm, stride=2), *_blocks(coarse, config))
            for fine, coarse in pairwise(widths)
        )
        self.ups = nn.ModuleList(
            Up(
                widths[level + 1],
                widths[level],
                sources[level] if 1 <= level < len(sources) else 0,
                config,
                blocks=level > 0,
            )
            for level in reversed(range(len(widths) - 1))
        )
        self.head = Head(widths[0], norm)

    def forward(
        self,
        source: Tensor,
        source_keypoints: Tensor,
        source_pose: Tensor,
        target_keypoints: Tensor,
        target_pose: Tensor,
    ) -> GeneratorOutput:
        """Put the person of `source` into the target pose; shapes as in the contract."""
        code = self.encode_source(
            source=source, source_keypoints=source_keypoints, source_pose=source_pose
        )
        return self.generate_from(code, target_keypoints=target_keypoints, target_pose=target_pose)

    def encode_source(self, **inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the source, its keypoints, and its features at 1/4, 1/8…"""
        source, pose = inputs["source"], inputs["source_pose"]
        code = torch.cat([functional.pixel_unshuffle(source, 2), halved(pose)], dim=1)
        code = self.source_first(channels_last(code))
        features = []
        for down in self.source_downs:
            code = down(code)
            features.append(code)
        return source, inputs["source_keypoints"], *features

    def generate_from(self, code: tuple[Tensor, ...], **inputs: Tensor) -> GeneratorOutput:
        """Move what `encode_source` returned into the target pose."""
        source, source_keypoints, *features = code
        moved = move(
            source,
            self.anatomy(source_keypoints, inputs["target_keypoints"]),
            levels=len(features),
            clearing=len(self.downs) + 1,
        )
        state = self.first(joined_input(source, moved, inputs["target_pose"]))
        skips: list[Tensor] = []
        for down in self.downs:
            skips.append(state)
            state = down(state)
        for up in self.ups:
            level = len(skips) - 1
            there = 1 <= level <= len(features)
            state = up(
                state,
                skips.pop(),
                features[level - 1] if there else None,
                moved.grids[level + 1] if there else None,
                functional.avg_pool2d(moved.masks, 2**level) if there else None,
            )
        picture, shares, aside = self.head(state, source, moved)
        return shown(picture.to(source.dtype), shares, aside, moved)


class Head(nn.Module):
    """What each pixel is made of: the state (B, width, H/2, W/2) -> the picture (B, 3, H, W).

    Args:
        width: channels of the state.
        norm: normalisation after each convolution.
    """

    #: The farthest that a part is moved beside where its joints put it, as a share of the height.
    REACH = 1 / 20
    #: Channels from which the paint is made at full size, and of the layer between.
    PAINT = (8, 16)

    def __init__(self, width: int, norm: str) -> None:
        super().__init__()
        paint, hidden = self.PAINT
        self.widths = [len(BODY_PARTS) + 3, paint]
        # The source where it was, four pixels as one, and where its body is missing.
        self.before = conv(width + 12 + 1, 2 * width, norm)
        self.decide = nn.Conv2d(2 * width, 4 * sum(self.widths) + 2, 3, padding=1)
        self.paint = nn.Sequential(
            conv(paint + 3, hidden, norm), nn.Conv2d(hidden, 3, 3, padding=1)
        )
        # At first: the parts where they belong, elsewhere the source where it was, and no paint.
        nn.init.normal_(self.decide.weight, std=1e-3)
        start = torch.tensor([0.0] * len(BODY_PARTS) + [-2.0, -2.0, -4.0] + [0.0] * paint)
        start = torch.cat([start.repeat_interleave(4), torch.zeros(2)])
        self.decide.bias = nn.Parameter(start)

    def forward(self, state: Tensor, source: Tensor, moved: Moved) -> tuple[Tensor, Tensor, Tensor]:
        """Return the picture, the shares (see `Composed`) and how far parts are moved aside."""
        there = torch.cat([functional.pixel_unshuffle(source, 2), moved.body.to(source.dtype)], 1)
        decided = at_least_float32(self.decide(self.before(torch.cat([state, there], dim=1))))
        large, aside = functional.pixel_shuffle(decided[:, :-2], 2), decided[:, -2:]
        logits, code = large.tensor_split(self.widths[:1], dim=1)
        aside = functional.interpolate(aside, scale_factor=2.0, mode="bilinear")
        aside = self.REACH * source.shape[2] * aside.tanh()
        copied = composed(source, moved, moved_aside(source, moved, aside), logits)
        seen = torch.cat([code, copied.picture], dim=1).to(state.dtype)
        paint = at_least_float32(self.paint(seen)).tanh()
        return copied.painted(paint), copied.shares, aside


class Up(nn.Module):
    """One level up: (B, c', h, w), the level's skip and moved source features -> (B, c, 2h, 2w).

    Args:
        coarse, width: c' and c, also of the skip.
        source: channels of the source's features at this level; 0 where there are none.
        config: the generator's options.
        blocks: whether there are residual blocks.
    """

    def __init__(
        self, coarse: int, width: int, source: int, config: LimbsConfig, *, blocks: bool
    ) -> None:
        super().__init__()
        self.merge = Merge(width, source, config.merge) if source else None
        self.enlarge = nn.Conv2d(coarse, width, 1, bias=False)
        self.lateral = nn.Conv2d(width + source, width, 1)
        layers = _blocks(width, config) if blocks else ()
        self.after = nn.Sequential(conv(width, width, config.norm), *layers)

    def forward(
        self,
        state: Tensor,
        skip: Tensor,
        features: Tensor | None,
        grid: Tensor | None,
        mask: Tensor | None,
    ) -> Tensor:
        """Enlarge the state, add what is on this level, and compute."""
        if self.merge is not None:
            skip = torch.cat([skip, self.merge(skip, features, grid, mask)], dim=1)
        larger = functional.interpolate(self.enlarge(state), scale_factor=2.0)
        result: Tensor = self.after(larger + self.lateral(skip))
        return result


class Merge(nn.Module):
    """The source's features, moved by each part's map and made one: (B, C, h', w') -> (B, C, h, w).

    By attention: the target side's code asks, the moved features answer (their product over √C,
    plus the mask as a prior), and a softmax over the parts and "none" weighs them. Or, as in the
    paper, the maximum over the parts of mask · feature.

    Args:
        width: channels of the target side's code.
        source: C.
        how: `attention` or `maximum`.
    """

    def __init__(self, width: int, source: int, how: str) -> None:
        super().__init__()
        self.query = nn.Conv2d(width, source + 1, 1) if how == "attention" else None

    def forward(self, code: Tensor, features: Tensor, grid: Tensor, mask: Tensor) -> Tensor:
        """Move and merge.

        Args:
            code: (B, width, h, w), of the target side.
            features: (B, C, h', w'), of the source.
            grid: (B, P, h, w, 2), where each part's features come from.
            mask: (B, P, h, w), where the parts are.
        """
        moved = fetch(features, grid)
        if self.query is None:
            return (mask[:, None] * moved).amax(dim=2).to(code.dtype)
        asked = at_least_float32(self.query(code))
        query, none = asked[:, :-1], asked[:, -1:]
        logits = (query[:, :, None] * moved).sum(dim=1) * moved.shape[1] ** -0.5
        shares = torch.cat([logits + prior(mask), none], dim=1).softmax(dim=1)[:, :-1]
        return (shares[:, None] * moved).sum(dim=2).to(code.dtype)


def _blocks(width: int, config: LimbsConfig) -> list[nn.Module]:
    return [Residual(width, config.norm) for _ in range(config.blocks)]
