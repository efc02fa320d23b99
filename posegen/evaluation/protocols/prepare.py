"""What protocols do to pictures before a metric sees them.

Everything works on whole batches, on the device that they are on. Pictures are (B, 3, H, W), uint8
or, after a resize that keeps fractions, float32 with the same 256 levels: the metrics take both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.io import decode_jpeg, encode_jpeg
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import resize

from posegen.core.batches import Batch
from posegen.core.errors import DataError
from posegen.core.fields import FieldKind, is_of_source, standard_fields
from posegen.data.loading import to_uint8
from posegen.evaluation.protocols.schema import Crop, Pad, Resize, Step

#: What a batch has whether or not it says so.
_KINDS = {name: field.kind for name, field in standard_fields(0).items()}


def prepare(batch: Batch, steps: Iterable[Step]) -> Batch:
    """Return a batch whose pictures went through the steps, in order.

    All that has a place in a picture goes along: a mask or a map is 0 in a border and takes the
    nearest pixel in a resize; a joint at x moves to (x + 0.5)·new/old - 0.5, the centre of the
    top-left pixel being (0, 0). Joints may come to lie outside a cropped picture. Missing joints
    stay as they are.

    Args:
        batch: generated and target pictures may differ in size where a step resizes them to one.
        steps: of a protocol's column; none return the batch itself.

    Raises:
        DataError: where generated and target pictures come out in different sizes, or a picture is
            smaller than what is cut out of it.
    """
    steps = tuple(steps)

    def prepared(name: str, value: Tensor) -> Tensor:
        kind = _KINDS.get(name) or batch.kind(name)
        if name == "generated" or kind is FieldKind.IMAGE:
            return prepare_images(value, steps)
        if kind is FieldKind.POINTS:
            picture = batch.source if is_of_source(name) else batch.target
            return _prepared_keypoints(value, _size(picture), steps)
        return _prepared_map(value, steps) if kind.is_spatial else value

    if steps:
        batch = batch.each(prepared)
    if _size(batch.generated) != _size(batch.target):
        name = f" (of {batch.target_names[0]})" if batch.target_names else ""
        shown = ["{}×{}".format(*_size(image)) for image in (batch.generated, batch.target)]
        raise DataError(
            f"the generated pictures are {shown[0]} (height×width) and their targets {shown[1]}"
            f"{name}, and the protocol does not bring them to one size; give both in one size, or "
            "use a protocol that resizes them."
        )
    return batch


def prepare_images(images: Tensor, steps: Iterable[Step]) -> Tensor:
    """Return pictures that went through the steps, in order.

    Args:
        images: (B, 3, H, W) uint8.
        steps: of a protocol's column.

    Returns:
        (B, 3, H', W') uint8, or float32 in [0, 255] where the last resize keeps fractions.

    Raises:
        DataError: for a picture that is smaller than what is cut out of it.
    """
    for step in steps:
        if isinstance(step, Crop):
            images = _crop(images, step)
        elif isinstance(step, Pad):
            images = _pad(images, step, step.value)
        else:
            images = _resize(images, step)
    return images


def as_saved(
    images: Tensor, saved_as: Literal["memory", "png", "jpeg"], quality: int = 75
) -> Tensor:
    """Return what finished pictures are after they were written to a file and read from it.

    PNG changes nothing. JPEG is libjpeg's with 4:2:0 chroma, as Pillow writes it; always on the
    CPU, because a GPU's encoder gives other pictures. The published PATN writer puts five pictures
    side by side into one file, which changes the colours of a picture's outermost column a little
    more than a file of its own does.

    Args:
        images: (B, 3, H, W) uint8.
        saved_as: the kind of file.
        quality: of JPEG, 1 to 100; 75 is Pillow's default.
    """
    if saved_as != "jpeg":
        return images
    read = [decode_jpeg(encode_jpeg(image, quality)) for image in images.cpu().contiguous()]
    return torch.stack(read).to(images.device)


def to_8bit(images: Tensor, rounding: Literal["round", "truncate"]) -> Tensor:
    """Return float images in [-1, 1] (any shape) as uint8.

    `truncate` takes the level below, in the order of operations of the published writers
    (`((x + 1) / 2 * 255).astype(uint8)` in float32), and so darkens by half a level on average.
    """
    if rounding == "round":
        return to_uint8(images)
    return images.float().add(1).div(2).mul(255).clamp(0, 255).to(torch.uint8)


def _size(images: Tensor) -> tuple[int, int]:
    return images.shape[-2], images.shape[-1]


def _crop(images: Tensor, step: Crop) -> Tensor:
    left, top, right, bottom = step.box
    height, width = _size(images)
    if right > width or bottom > height:
        raise DataError(
            f"the protocol cuts columns {left} to {right} and rows {top} to {bottom} out of "
            f"pictures that are {height}×{width} (height×width); name another variant of it."
        )
    return images[..., top:bottom, left:right]


def _pad(images: Tensor, step: Pad, value: int) -> Tensor:
    return F.pad(images, (step.left, step.right, step.top, step.bottom), value=value)


def _resize(images: Tensor, step: Resize) -> Tensor:
    if _size(images) == step.size:  # what every library does, or does nothing in
        return images
    if step.library == "pillow":
        # torchvision follows Pillow's fixed-point arithmetic where it has uint8 kernels.
        levels = images if images.dtype == torch.uint8 else images.round().to(torch.uint8)
        followed: Tensor = resize(levels, list(step.size), InterpolationMode(step.kernel))
        return followed
    resized = F.interpolate(
        images.float(), step.size, mode=step.kernel, align_corners=False, antialias=step.antialias
    )
    # A bicubic kernel goes beyond the levels, and a float file would have kept that.
    return resized.round().clamp(0, 255).to(torch.uint8) if step.round else resized


def _prepared_map(values: Tensor, steps: tuple[Step, ...]) -> Tensor:
    for step in steps:
        if isinstance(step, Crop):
            values = _crop(values, step)
        elif isinstance(step, Pad):
            values = _pad(values, step, 0)
        elif _size(values) != step.size:
            values = F.interpolate(values.float(), size=step.size, mode="nearest-exact")
    return values


def _prepared_keypoints(
    keypoints: Tensor, size: tuple[int, int], steps: tuple[Step, ...]
) -> Tensor:
    """Move (B, K, 3) joints of pictures of a size (H, W) along."""
    places = keypoints[..., :2]
    for step in steps:
        if isinstance(step, Crop):
            left, top, right, bottom = step.box
            places, size = places - places.new_tensor([left, top]), (bottom - top, right - left)
        elif isinstance(step, Pad):
            places = places + places.new_tensor([step.left, step.top])
            size = (size[0] + step.top + step.bottom, size[1] + step.left + step.right)
        else:
            scale = places.new_tensor([step.size[1] / size[1], step.size[0] / size[0]])
            places, size = (places + 0.5) * scale - 0.5, step.size
    moved = torch.cat([places, keypoints[..., 2:]], dim=-1)
    return torch.where(keypoints[..., 2:] > 0, moved, keypoints)
