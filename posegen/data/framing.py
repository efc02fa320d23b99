"""Cuts a person out of a larger picture, and follows one through a video."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

#: How much is left free above and below the joints, as a share of their height. The topmost joints
#: are the eyes and ears, the lowest the ankles.
_MARGIN = 0.15

#: A person is the same one as before where the joints have moved by less than this share of the
#: diagonal of their box.
_REACH = 0.5


class Frame(NamedTuple):
    """A rectangle of a picture, in pixels from the picture's corner, which may lie partly outside.

    `box` is (left, top, right, bottom); `size` is the (H, W) that it is scaled to, of the same
    proportions.
    """

    box: tuple[float, float, float, float]
    size: tuple[int, int]

    def cut(self, image: Tensor) -> Tensor:
        """Return the frame's part of an image (3, h, w) uint8 as (3, H, W).

        What lies outside the image repeats its edge. Above it, it is that edge's commonest colour:
        hair that the photo cuts off must not become a pillar.
        """
        height, width = image.shape[-2:]
        left, top, right, bottom = self.box
        pad = [max(0, int(np.ceil(side))) for side in (-top, bottom - height, -left, right - width)]
        pixels = image.permute(1, 2, 0).numpy()
        above = np.median(pixels[0], axis=0)
        pixels = np.pad(pixels, (tuple(pad[:2]), tuple(pad[2:]), (0, 0)), mode="edge")
        pixels[: pad[0]] = above
        box = (left + pad[2], top + pad[0], right + pad[2], bottom + pad[0])
        scaled = Image.fromarray(pixels).resize(self.size[::-1], Image.Resampling.LANCZOS, box)
        return torch.from_numpy(np.array(scaled)).permute(2, 0, 1).contiguous()

    def move(self, keypoints: Tensor) -> Tensor:
        """Return keypoints (K, 3) of the image as those of the frame; missing ones stay zeros."""
        left, top, right, _ = self.box
        moved = keypoints.clone()
        corner = torch.tensor([left, top])
        moved[:, :2] = (keypoints[:, :2] + 0.5 - corner) * (self.size[1] / (right - left)) - 0.5
        return torch.where(keypoints[:, 2:] > 0, moved, 0)


def frame_around(keypoints: Tensor, image: tuple[int, int], size: tuple[int, int]) -> Frame:
    """Return the frame around a person.

    It holds all joints with some space above and below, has the proportions of `size`, and lies in
    the picture as far as that is possible: it is not made higher than the picture for the sake of
    that space, and it is shifted rather than let out over an edge, but for joints that are outside.

    Args:
        keypoints: (K, 3), of which at least one joint is there.
        image: (h, w) of the picture.
        size: (H, W) that the frame is scaled to.
    """
    places = keypoints[keypoints[:, 2] > 0, :2] + 0.5
    (left, top), (right, bottom) = places.amin(0).tolist(), places.amax(0).tolist()
    ratio = size[1] / size[0]
    needed = max(bottom - top, (right - left) / ratio, 2.0)
    high = max(needed, min((1 + 2 * _MARGIN) * needed, image[0]))
    wide = high * ratio
    x = _placed(left, right, wide, image[1])
    y = _placed(top, bottom, high, image[0])
    return Frame((x, y, x + wide, y + high), size)


def _placed(low: float, high: float, length: float, limit: int) -> float:
    """Return where a stretch around low…high starts: in 0…limit, or about its middle if longer.

    low…high stays in it, also where that is outside the picture.
    """
    start = (low + high - length) / 2
    start = (limit - length) / 2 if length >= limit else min(max(start, 0.0), limit - length)
    return min(max(start, high - length), low)


def follow(people: Tensor, last: Tensor | None, person: int = 1) -> Tensor | None:
    """Return the person of a video's frame.

    The best of `people` (N, K, 3), or the `person`-th, at the beginning, where `last` is None; then
    the one whose joints are nearest to the person (K, 3) as last seen, or None where nobody is
    near.
    """
    if not len(people):
        return None
    if last is None:
        return people[person - 1] if len(people) >= person else None
    seen = last[:, 2] > 0
    places = last[seen, :2]
    reach = _REACH * max(2.0, float((places.amax(0) - places.amin(0)).norm()))
    shared = seen & (people[..., 2] > 0)  # (N, K)
    away = (people[..., :2] - last[:, :2]).norm(dim=-1).masked_fill(~shared, 0).sum(-1)
    away = away / shared.sum(-1)  # NaN where no joint is shared
    away = away.nan_to_num(float("inf"))
    nearest = int(away.argmin())
    return people[nearest] if float(away[nearest]) < reach else None
