"""Augmentation that keeps keypoints true: the same change for pixels, masks, maps and joints.

It is applied to a batch on its device, before the pose maps are made, so these follow the moved
joints. Each tensor changes by its kind. What is drawn depends on the generator that is given, and
on nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from posegen.core.batches import Batch
from posegen.core.fields import Field, FieldKind, is_of_source, standard_fields
from posegen.poses.people import inside

KEYPOINTS = ("source_keypoints", "target_keypoints")

if TYPE_CHECKING:
    from posegen.config import AugmentConfig
    from posegen.core.skeletons import Skeleton


@dataclass(frozen=True)
class Augmentation:
    """What was drawn for the pairs of a batch; call it with the batch.

    Convention:
        - A pair is flipped as a whole, and its colours change in the same way in both pictures:
          source and target show the same clothes. Their frames move independently, as the framing
          of real pictures does; the target's pose says where the person is wanted.
        - What has height and width, and points, move with the source or the target, as their
          names say.
        - Rotation and scale are about the picture's centre. What comes in at an edge repeats the
          edge. Pixels are interpolated bilinearly.
        - A joint that a change moves out of the picture becomes missing. One that was outside
          before (DeepFashion has such joints) is moved, and stays.
        - Colours, in [0, 1]: brightness is added, contrast is a factor, saturation a factor, hue a
          rotation; each as kornia defines it.

    Attributes:
        fields: says which joints and channels a flip swaps.
        flip: (B,) bool.
        frames: two (B, 4) tensors, for sources and targets: degrees clockwise, the logarithm of the
            scale, and the shift in x and y as fractions of width and height.
        colours: (B, 4): what is added for brightness, the logarithms of the factors of contrast and
            saturation, and the rotation of the hue in radians.
        names: which kinds of change there are at all; the others cost nothing.
        joints: (B, 2, K, 3), of sources and targets: what is added to x and y, as shares of the
            height, and a number: below 1 the joint goes missing, below 2 if it is hidden. None:
            joints stay.
    """

    fields: Mapping[str, Field]
    flip: Tensor
    frames: tuple[Tensor, Tensor]
    colours: Tensor
    names: frozenset[str]
    joints: Tensor | None = None

    def part(self, start: int, stop: int) -> Augmentation:
        """Return what was drawn for some of the pairs."""
        some = slice(start, stop)
        frames = (self.frames[0][some], self.frames[1][some])
        joints = None if self.joints is None else self.joints[some]
        return replace(
            self, flip=self.flip[some], frames=frames, colours=self.colours[some], joints=joints
        )

    def __call__(self, batch: Batch) -> Batch:
        """Return the changed batch, which has no pose maps yet; the given one stays as it is.

        Raises:
            KeyError: for a map or for points whose mirror image is not known.
        """
        if "flip" in self.names:
            batch = flip(batch, self.flip, self.fields)
        if "frame" in self.names:
            batch = move(batch, *self.frames)
        if self.joints is not None:
            batch = misplace(batch, self.joints)
        tint = "tint" in self.names
        if tint or "exposure" in self.names:
            images = {
                name: recolour(value, self.colours, tint)
                for name, value in batch.tensors.items()
                if batch.kind(name) is FieldKind.IMAGE
            }
            batch = batch.having(**images)
        return batch


def draw(
    config: AugmentConfig,
    skeleton: Skeleton,
    pairs: int,
    random: torch.Generator,
    fields: Mapping[str, Field] = MappingProxyType({}),
) -> Augmentation | None:
    """Draw the changes of a batch of pairs; None where the configuration asks for none.

    Each value is drawn evenly from -limit to +limit (joints' places: normally), by `random`
    (a CPU generator) alone. `fields` are what the data set declares beyond the standard ones.
    """
    scale = math.log1p(config.scale)
    reach = {
        "frame": (config.rotate, scale, config.shift, config.shift),
        "exposure": (config.brightness, math.log1p(config.contrast)),
        "tint": (math.log1p(config.saturation), config.hue),
        "flip": (config.flip,),
        "joints": (config.joint_noise, config.joint_dropout),
    }
    names = frozenset(name for name, limits in reach.items() if any(limits))
    if not names:
        return None
    # Everything is drawn, whatever is used: an option changes its own numbers and no other's.
    flips = torch.rand(pairs, generator=random) < config.flip
    source, target, colours = torch.rand(3, pairs, 4, generator=random).mul_(2).sub_(1)
    frame = torch.tensor(reach["frame"])
    colours = colours * torch.tensor(reach["exposure"] + reach["tint"])
    known = {**standard_fields(len(skeleton), skeleton.mirrored), **fields}
    joints = None
    if "joints" in names:
        places = torch.randn(pairs, 2, len(skeleton), 2, generator=random) * config.joint_noise
        chance = torch.rand(pairs, 2, len(skeleton), 1, generator=random)
        chance = chance / max(config.joint_dropout, 1e-9)
        joints = torch.cat([places, chance], dim=-1)
    return Augmentation(known, flips, (source * frame, target * frame), colours, names, joints)


def flip(batch: Batch, chosen: Tensor, fields: Mapping[str, Field]) -> Batch:
    """Mirror the chosen pairs (B,) left to right; left joints and channels become right ones.

    Raises:
        KeyError: for a map or for points that are not among the fields.
    """
    chosen = chosen.to(batch.source.device)
    width = batch.source.shape[-1]

    def change(name: str, value: Tensor) -> Tensor:
        kind = batch.kind(name)
        if kind is FieldKind.VECTOR:
            return value
        mirrored = value
        if kind in (FieldKind.MAP, FieldKind.POINTS):
            order = list(range(value.shape[1]))
            for a, b in fields[name].mirrored:
                order[a], order[b] = b, a
            mirrored = value[:, order]
        if kind is FieldKind.POINTS:
            x, y, visibility = mirrored.unbind(-1)
            x = torch.where(visibility > 0, width - 1 - x, x)  # zeros stay zeros
            mirrored = torch.stack([x, y, visibility], dim=-1)
        else:
            mirrored = mirrored.flip(-1)
        return torch.where(chosen.view(-1, *[1] * (value.dim() - 1)), mirrored, value)

    return batch.each(change)


def move(batch: Batch, source: Tensor, target: Tensor) -> Batch:
    """Rotate, scale and shift by the frames (B, 4) of sources and targets, see `Augmentation`."""
    # Only here and in `recolour`: importing kornia takes time, and few runs augment.
    from kornia.geometry.transform import warp_affine

    size = (batch.source.shape[-2], batch.source.shape[-1])
    of_source, of_target = (_matrix(f.to(batch.source.device), size) for f in (source, target))

    def change(name: str, value: Tensor) -> Tensor:
        kind, matrix = batch.kind(name), of_source if is_of_source(name) else of_target
        if kind is FieldKind.VECTOR:
            return value
        if kind is FieldKind.POINTS:
            return _moved(value, matrix, size)
        moved: Tensor = warp_affine(value, matrix, size, padding_mode="border")
        return moved.ge(0.5).to(moved.dtype) if kind is FieldKind.MASK else moved

    return batch.each(change)


def _matrix(frame: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (B, 2, 3), from x and y of the old picture to those of the new one."""
    from kornia.geometry.transform import get_affine_matrix2d

    extent = frame.new_tensor([size[1], size[0]])
    degrees, scale, shift = frame[:, 0], frame[:, 1:2].exp().expand(-1, 2), frame[:, 2:]
    # Centres of pixels are at whole numbers, here as in kornia (`align_corners=True`).
    centre = ((extent - 1) / 2).expand(len(frame), 2)
    matrix: Tensor = get_affine_matrix2d(shift * extent, centre, scale, degrees)[:, :2]
    return matrix


def _moved(keypoints: Tensor, matrix: Tensor, size: tuple[int, int]) -> Tensor:
    places, visibility = keypoints[..., :2], keypoints[..., 2]
    moved = places @ matrix[:, :, :2].mT + matrix[:, None, :, 2]
    lost = inside(places, size) & ~inside(moved, size)
    present = (visibility > 0) & ~lost
    return torch.where(present[..., None], torch.cat([moved, visibility[..., None]], -1), 0)


def misplace(batch: Batch, joints: Tensor) -> Batch:
    """Let joints err and go missing as a detector's do; pictures and masks stay.

    joints: (B, 2, K, 3), see `Augmentation`. One that errs out of the picture stays.
    """
    size = (batch.source.shape[-2], batch.source.shape[-1])
    changed = {}
    for name, drawn in zip(KEYPOINTS, joints.to(batch.source.device).unbind(1), strict=True):
        if name not in batch.tensors:
            continue
        joint = batch.tensors[name]
        places, visibility = joint[..., :2], joint[..., 2:]
        erring = places + drawn[..., :2] * size[0]
        erring = torch.where(inside(erring, size)[..., None], erring, places)
        lost = drawn[..., 2:] < torch.where(visibility < 1, 2.0, 1.0)
        present = (visibility > 0) & ~lost
        changed[name] = torch.where(present, torch.cat([erring, visibility], dim=-1), 0.0)
    return batch.having(**changed)


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
