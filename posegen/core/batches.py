"""What travels between data set, encoder, networks, losses and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

#: Tensors of a batch that a discriminator can ask to see beside the image.
CONDITIONS = ("source", "source_pose", "target_pose", "source_mask", "target_mask")


class Pair(NamedTuple):
    """One sample of a `PairDataset`, on the CPU, before any normalisation.

    Images are (3, H, W) uint8 RGB, masks (1, H, W) uint8 with 255 on the person, keypoints (K, 3)
    float32: x and y in pixels (the centre of the top-left pixel is (0, 0)) and visibility
    (1 seen, 0.5 hidden, 0 missing; a missing joint's x and y mean nothing).
    """

    source: Tensor
    target: Tensor
    source_keypoints: Tensor
    target_keypoints: Tensor
    source_name: str
    target_name: str
    source_mask: Tensor | None = None
    target_mask: Tensor | None = None


@dataclass(frozen=True)
class TaskInfo:
    """The sizes that a network must know to be built.

    Attributes:
        image_size: (H, W) of the images in pixels.
        pose_channels: channels of a pose map, as the run's encoder declares.
    """

    image_size: tuple[int, int]
    pose_channels: int

    def channels(self, conditions: Sequence[str]) -> int:
        """Return how many channels the named tensors of a batch have together.

        Raises:
            ValueError: for a name that is not in `CONDITIONS`.
        """
        sizes = dict(
            zip(CONDITIONS, (3, self.pose_channels, self.pose_channels, 1, 1), strict=True)
        )
        unknown = [name for name in conditions if name not in sizes]
        if unknown:
            raise ValueError(f"unknown condition {unknown[0]!r}; known: {', '.join(CONDITIONS)}")
        return sum(sizes[name] for name in conditions)


@dataclass(frozen=True)
class Batch:
    """A batch of pairs on the device.

    Images are (B, 3, H, W) in [-1, 1], masks (B, 1, H, W) in {0, 1} or None where the data set has
    none, keypoints (B, K, 3) as in `Pair`, pose maps (B, C, H, W) as the encoder makes them.
    """

    source: Tensor
    target: Tensor
    source_keypoints: Tensor
    target_keypoints: Tensor
    source_pose: Tensor
    target_pose: Tensor
    source_mask: Tensor | None = None
    target_mask: Tensor | None = None
    source_names: list[str] = field(default_factory=list)
    target_names: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return self.source.shape[0]

    def condition(self, names: Sequence[str]) -> Tensor:
        """Return the named tensors joined along the channels: (B, sum of channels, H, W).

        Raises:
            ValueError: where the data set gives no such tensor (masks).
        """
        tensors = [getattr(self, name) for name in names]
        missing = [name for name, tensor in zip(names, tensors, strict=True) if tensor is None]
        if missing:
            raise ValueError(f"the data set has no {missing[0]!r}, which a discriminator asks for")
        return tensors[0] if len(tensors) == 1 else torch.cat(tensors, dim=1)

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        moved = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)}
        return replace(self, **moved)  # type: ignore[arg-type]

    def in_memory_format(self, layout: torch.memory_format) -> Batch:
        """Return the batch with its images, masks and maps in a memory format."""
        images = {
            key: value.contiguous(memory_format=layout)
            for key, value in vars(self).items()
            if isinstance(value, Tensor) and value.dim() == 4
        }
        return replace(self, **images)  # type: ignore[arg-type]

    def split(self, parts: int) -> list[Batch]:
        """Cut the batch into `parts` smaller ones of nearly equal size (gradient accumulation)."""
        if parts == 1:
            return [self]
        bounds = [len(self) * i // parts for i in range(parts + 1)]

        def cut(value: object, start: int, stop: int) -> object:
            return value[start:stop] if isinstance(value, Tensor | list) else value

        return [
            replace(self, **{key: cut(value, a, b) for key, value in vars(self).items()})  # type: ignore[arg-type]
            for a, b in pairwise(bounds)
            if b > a
        ]


@dataclass(frozen=True)
class GeneratorOutput:
    """What a generator returns.

    Attributes:
        image: (B, 3, H, W) in [-1, 1].
        aux: named tensors worth seeing or needed by a loss. `"attention"`, where there is one, is
            (B, N, h, w) in [0, 1], one map per block; it is drawn in the sample grids.
    """

    image: Tensor
    aux: dict[str, Tensor] = field(default_factory=dict)
