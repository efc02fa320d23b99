"""Augmentation that keeps keypoints true: the same change for pixels, masks and joints.

It is applied to a batch on its device, before the pose maps are made, so maps follow the moved
joints. What is drawn depends on the generator that is given, and on nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from posegen.config import AugmentConfig
    from posegen.poses.layouts import Layout


class Pictures(NamedTuple):
    """The source or the target pictures of a batch.

    Attributes:
        images: (B, 3, H, W) in [-1, 1].
        keypoints: (B, K, 3).
        masks: (B, 1, H, W) in {0, 1}, or None.
    """

    images: Tensor
    keypoints: Tensor
    masks: Tensor | None


@dataclass(frozen=True)
class Augmentation:
    """What was drawn for the pairs of a batch; call it with the batch's pictures.

    Convention:
        - A pair is flipped as a whole, and its colours change in the same way in both pictures:
          source and target show the same clothes. Their frames move independently, as the framing
          of real pictures does; the target's pose says where the person is wanted.
        - Rotation and scale are about the picture's centre. What comes in at an edge repeats the
          edge. Pixels are interpolated bilinearly.
        - A joint that a change moves out of the picture becomes missing. One that was outside
          before (the DeepFashion layout has such joints) is moved, and stays.
        - Colours, in [0, 1]: brightness is added, contrast is a factor, saturation a factor, hue a
          rotation; each as kornia defines it.

    Attributes:
        layout: says which joints a flip swaps.
        flip: (B,) bool.
        frames: two (B, 4) tensors, for sources and targets: degrees clockwise, the logarithm of the
            scale, and the shift in x and y as fractions of width and height.
        colours: (B, 4): what is added for brightness, the logarithms of the factors of contrast and
            saturation, and the rotation of the hue in radians.
        names: which kinds of change there are at all; the others cost nothing.
    """

    layout: Layout
    flip: Tensor
    frames: tuple[Tensor, Tensor]
    colours: Tensor
    names: frozenset[str]

    def part(self, start: int, stop: int) -> Augmentation:
        """Return what was drawn for some of the pairs."""
        source, target = (frame[start:stop] for frame in self.frames)
        return replace(
            self,
            flip=self.flip[start:stop],
            frames=(source, target),
            colours=self.colours[start:stop],
        )

    def __call__(self, source: Pictures, target: Pictures) -> tuple[Pictures, Pictures]:
        """Return the changed pictures; those given are left as they are."""
        return self._change(source, self.frames[0]), self._change(target, self.frames[1])

    def _change(self, pictures: Pictures, frame: Tensor) -> Pictures:
        if "flip" in self.names:
            pictures = flip(pictures, self.flip, self.layout)
        if "frame" in self.names:
            pictures = move(pictures, frame)
        if self.names & {"exposure", "tint"}:
            images = recolour(pictures.images, self.colours, tint="tint" in self.names)
            pictures = pictures._replace(images=images)
        return pictures


def draw(
    config: AugmentConfig, layout: Layout, pairs: int, random: torch.Generator
) -> Augmentation | None:
    """Draw the changes of a batch of pairs; None where the configuration asks for none.

    Args:
        config: how far each change may go; a value is drawn evenly from -limit to +limit.
        layout: the layout of the keypoints.
        pairs: B.
        random: the only source of randomness (a CPU generator).
    """
    scale = math.log1p(config.scale)
    reach = {
        "frame": (config.rotate, scale, config.shift, config.shift),
        "exposure": (config.brightness, math.log1p(config.contrast)),
        "tint": (math.log1p(config.saturation), config.hue),
        "flip": (config.flip,),
    }
    names = frozenset(name for name, limits in reach.items() if any(limits))
    if not names:
        return None
    # Everything is drawn, whatever is used: an option changes its own numbers and no other's.
    flips = torch.rand(pairs, generator=random) < config.flip
    source, target, colours = torch.rand(3, pairs, 4, generator=random).mul_(2).sub_(1)
    frame = torch.tensor(reach["frame"])
    colours = colours * torch.tensor(reach["exposure"] + reach["tint"])
    return Augmentation(layout, flips, (source * frame, target * frame), colours, names)


def flip(pictures: Pictures, chosen: Tensor, layout: Layout) -> Pictures:
    """Mirror the chosen pictures (B,) left to right; left joints become right ones."""
    images, keypoints, masks = pictures
    chosen = chosen.to(images.device)
    order = list(range(len(layout)))
    for a, b in layout.mirrored:
        order[a], order[b] = b, a
    mirrored = keypoints[:, order].clone()
    mirrored[..., 0] = images.shape[-1] - 1 - mirrored[..., 0]
    missing = mirrored[..., 2:] <= 0
    mirrored = torch.where(missing, keypoints[:, order], mirrored)  # zeros stay zeros

    def pixels(values: Tensor) -> Tensor:
        return torch.where(chosen[:, None, None, None], values.flip(-1), values)

    return Pictures(
        pixels(images),
        torch.where(chosen[:, None, None], mirrored, keypoints),
        None if masks is None else pixels(masks),
    )


def move(pictures: Pictures, frame: Tensor) -> Pictures:
    """Rotate, scale and shift pictures by `frame` (B, 4), see `Augmentation`."""
    # Only here and in `recolour`: importing kornia takes time, and few runs augment.
    from kornia.geometry.transform import get_affine_matrix2d, warp_affine

    images, keypoints, masks = pictures
    height, width = images.shape[-2:]
    size = images.new_tensor([width, height])
    frame = frame.to(images.device)
    degrees, scale, shift = frame[:, 0], frame[:, 1:2].exp().expand(-1, 2), frame[:, 2:]
    # Centres of pixels are at whole numbers, here as in kornia (`align_corners=True`).
    centre = ((size - 1) / 2).expand(len(images), 2)
    matrix = get_affine_matrix2d(shift * size, centre, scale, degrees)
    matrix = matrix[:, :2]  # (B, 2, 3), x and y of the old picture to those of the new one

    def pixels(values: Tensor) -> Tensor:
        moved: Tensor = warp_affine(values, matrix, (height, width), padding_mode="border")
        return moved

    return Pictures(
        pixels(images),
        _moved(keypoints, matrix, (height, width)),
        None if masks is None else pixels(masks).ge(0.5).to(masks.dtype),
    )


def _moved(keypoints: Tensor, matrix: Tensor, size: tuple[int, int]) -> Tensor:
    places, visibility = keypoints[..., :2], keypoints[..., 2]
    moved = places @ matrix[:, :, :2].mT + matrix[:, None, :, 2]
    lost = _inside(places, size) & ~_inside(moved, size)
    present = (visibility > 0) & ~lost
    return torch.where(present[..., None], torch.cat([moved, visibility[..., None]], -1), 0)


def _inside(places: Tensor, size: tuple[int, int]) -> Tensor:
    x, y = places.unbind(-1)
    return (x >= -0.5) & (x < size[1] - 0.5) & (y >= -0.5) & (y < size[0] - 0.5)


def recolour(images: Tensor, colours: Tensor, tint: bool = True) -> Tensor:
    """Change the colours of images in [-1, 1] by `colours` (B, 4), see `Augmentation`.

    `tint` is False where saturation and hue stay as they are, which saves the way through HSV.
    """
    from kornia.enhance import adjust_brightness, adjust_contrast, adjust_hue, adjust_saturation

    brightness, contrast, saturation, hue = colours.to(images.device).unbind(1)
    values = adjust_brightness(images.add(1).div(2), brightness)
    values = adjust_contrast(values, contrast.exp())
    if tint:
        values = adjust_hue(adjust_saturation(values, saturation.exp()), hue)
    changed: Tensor = values.clamp(0, 1).mul(2).sub(1)
    return changed
