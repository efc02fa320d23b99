"""From pairs to batches: stacking on the CPU, everything else on the device."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from posegen.core.batches import Batch, Pair
from posegen.core.contracts import PoseEncoder
from posegen.core.errors import DataError
from posegen.data.augment import Augmentation, Pictures


@dataclass(frozen=True)
class RawBatch:
    """Stacked pairs on the CPU, not yet normalised: a quarter of the bytes of a `Batch`'s images.

    Images are (B, 3, H, W) uint8, masks (B, 1, H, W) uint8 or None where the data set has none,
    keypoints (B, K, 3) float32; see `posegen.core.Pair`.
    """

    source: Tensor
    target: Tensor
    source_keypoints: Tensor
    target_keypoints: Tensor
    source_mask: Tensor | None
    target_mask: Tensor | None
    source_names: list[str]
    target_names: list[str]

    def __len__(self) -> int:
        return self.source.shape[0]

    def pin_memory(self) -> RawBatch:
        """Return a copy in page-locked memory; the `DataLoader` calls this (`pin_memory=True`)."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        pinned = {k: v.pin_memory() for k, v in values.items() if isinstance(v, Tensor)}
        return replace(self, **pinned)  # type: ignore[arg-type]


def collate(pairs: list[Pair]) -> RawBatch:
    """Stack pairs; the `DataLoader`'s `collate_fn`."""
    return RawBatch(
        source=torch.stack([pair.source for pair in pairs]),
        target=torch.stack([pair.target for pair in pairs]),
        source_keypoints=torch.stack([pair.source_keypoints for pair in pairs]),
        target_keypoints=torch.stack([pair.target_keypoints for pair in pairs]),
        source_mask=_stack_masks(pair.source_mask for pair in pairs),
        target_mask=_stack_masks(pair.target_mask for pair in pairs),
        source_names=[pair.source_name for pair in pairs],
        target_names=[pair.target_name for pair in pairs],
    )


def to_batch(
    raw: RawBatch,
    encoder: PoseEncoder,
    device: torch.device,
    augmentation: Augmentation | None = None,
) -> Batch:
    """Move a batch to the device; there normalise the images and make the pose maps.

    Images, masks and maps are float32 in channels-last memory format. The copies do not wait where
    `raw` is pinned. An augmentation changes images, masks and keypoints before the maps are made.
    """
    source = Pictures(
        _normalise(raw.source, device),
        raw.source_keypoints.to(device, non_blocking=True),
        _binarise(raw.source_mask, device),
    )
    target = Pictures(
        _normalise(raw.target, device),
        raw.target_keypoints.to(device, non_blocking=True),
        _binarise(raw.target_mask, device),
    )
    if augmentation is not None:
        source, target = augmentation(source, target)
    size = (raw.source.shape[-2], raw.source.shape[-1])
    poses = encoder(torch.cat([source.keypoints, target.keypoints]), size)
    source_pose, target_pose = poses.to(memory_format=torch.channels_last).chunk(2)
    return Batch(
        source=source.images,
        target=target.images,
        source_keypoints=source.keypoints,
        target_keypoints=target.keypoints,
        source_pose=source_pose,
        target_pose=target_pose,
        source_mask=source.masks,
        target_mask=target.masks,
        source_names=raw.source_names,
        target_names=raw.target_names,
    )


def to_uint8(image: Tensor) -> Tensor:
    """Return images in [-1, 1] (any shape and float type) as uint8 in [0, 255].

    Rounds to the nearest level, and clamps. (The published code truncates, which darkens by half a
    level on average; scores meant to equal the published ones must do that themselves.)
    """
    return image.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def _stack_masks(masks: Iterable[Tensor | None]) -> Tensor | None:
    """Stack the masks of a batch; a data set has one for every picture or for none."""
    given = list(masks)
    present = [mask for mask in given if mask is not None]
    if present and len(present) < len(given):
        raise DataError("some pairs of the batch have a mask and some have none.")
    return torch.stack(present) if present else None


def _normalise(image: Tensor, device: torch.device) -> Tensor:
    # Two steps: a copy that also converts would convert on the CPU and move four times the bytes.
    moved = image.to(device, non_blocking=True)
    return moved.to(torch.float32, memory_format=torch.channels_last).div_(127.5).sub_(1)


def _binarise(mask: Tensor | None, device: torch.device) -> Tensor | None:
    if mask is None:
        return None
    return (
        mask.to(device, non_blocking=True)
        .ge(128)
        .to(torch.float32, memory_format=torch.channels_last)
    )
