"""From pairs to batches: stacking on the CPU, everything else on the device; all by field kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor

from posegen.core.batches import Batch, Pair
from posegen.core.contracts import PoseEncoder
from posegen.core.errors import ConfigError, DataError
from posegen.core.fields import Field, FieldKind, standard_fields
from posegen.data.augment import Augmentation

EMPTY: Mapping[str, Field] = MappingProxyType({})

#: The standard fields that a data set need not have: for every sample, or for none.
_OPTIONAL = ("source_mask", "target_mask")


def collate(
    pairs: Sequence[Pair],
    fields: Mapping[str, Field] = EMPTY,
    dataset: str = "the data set",
    *,
    both_directions: bool = False,
) -> Batch:
    """Stack pairs on the CPU, as they are; the `DataLoader`'s `collate_fn`.

    `fields` are what the data set declares beyond `Pair`'s own tensors. Images stay uint8: a
    quarter of the bytes that they take on the device. In both directions, each pair is followed by
    the same pair with source and target exchanged.

    Raises:
        DataError: naming the data set (`dataset`), the sample and the field, where a sample lacks a
            field, has one that is not declared, or one of another shape or type.
    """
    if both_directions:
        pairs = [one for pair in pairs for one in (pair, pair.reversed())]
    samples = [pair.tensors() for pair in pairs]
    optional = [name for name in _OPTIONAL if any(name in sample for sample in samples)]
    standard = standard_fields(len(pairs[0].source_keypoints))
    expected = {n: f for n, f in standard.items() if n not in _OPTIONAL or n in optional}
    expected.update(fields)
    size = tuple(pairs[0].source.shape[-2:])
    shapes = {name: _shape(field, size) for name, field in expected.items()}
    for pair, sample in zip(pairs, samples, strict=True):
        if problem := _problem(sample, expected, shapes):
            raise DataError(f"{dataset}, sample {pair.source_name} {pair.target_name}: {problem}.")
    return Batch(
        {name: torch.stack([sample[name] for sample in samples]) for name in expected},
        kinds={name: field.kind for name, field in expected.items()},
        source_names=[pair.source_name for pair in pairs],
        target_names=[pair.target_name for pair in pairs],
    )


def check_directions(fields: Mapping[str, Field]) -> None:
    """Check that what a data set declares is there in both directions.

    Raises:
        ConfigError: naming the field of one picture that the other has not.
    """
    for name in fields:
        picture, bar, rest = name.partition("_")
        other = {"source": "target", "target": "source"}.get(picture)
        if other and bar and f"{other}_{rest}" not in fields:
            raise ConfigError(
                f"training.both_directions=true: the data set has {name!r} and no "
                f"'{other}_{rest}', so its pairs go in one direction only."
            )


def _shape(field: Field, size: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a sample's tensor."""
    if field.kind is FieldKind.POINTS:
        return field.channels, 3
    return (field.channels, *size) if field.kind.is_spatial else (field.channels,)


def _problem(
    sample: Mapping[str, Tensor],
    expected: Mapping[str, Field],
    shapes: Mapping[str, tuple[int, ...]],
) -> str | None:
    """Return what is wrong with a sample's tensors, or None."""
    for name, field in expected.items():
        tensor = sample.get(name)
        if tensor is None:
            some = ", which others of the batch have" if name in _OPTIONAL else ""
            return f"lacks the {field.kind} {name!r}{some}"
        if tensor.shape != shapes[name]:
            return f"{name!r} has the shape {tuple(tensor.shape)}, and {shapes[name]} is expected"
        if tensor.dtype != torch.uint8 and field.kind in (FieldKind.IMAGE, FieldKind.MASK):
            return f"{name!r} is {tensor.dtype}, and {field.kind}s are torch.uint8"
    if len(sample) > len(expected):
        undeclared = next(name for name in sample if name not in expected)
        return f"has {undeclared!r}, which its data set does not declare in `fields`"
    return None


def to_batch(
    raw: Batch,
    encoder: PoseEncoder,
    device: torch.device,
    augmentation: Augmentation | None = None,
) -> Batch:
    """Move a batch of `collate` to the device; there normalise it and make the pose maps.

    What has height and width is float32 in channels-last memory format. The copies do not wait
    where `raw` is pinned. An augmentation changes the batch before the pose maps are made.
    """
    batch = raw.each(
        # Two steps: a copy that also converts would convert on the CPU and move four times the
        # bytes.
        lambda name, value: _normalise(value.to(device, non_blocking=True), raw.kind(name))
    )
    if augmentation is not None:
        batch = augmentation(batch)
    size = (batch.source.shape[-2], batch.source.shape[-1])
    poses = encoder(torch.cat([batch.source_keypoints, batch.target_keypoints]), size)
    source_pose, target_pose = poses.to(memory_format=torch.channels_last).chunk(2)
    return batch.having(source_pose=source_pose, target_pose=target_pose)


def _normalise(value: Tensor, kind: FieldKind) -> Tensor:
    if not kind.is_spatial:
        return value.to(torch.float32)
    if kind is FieldKind.MASK:
        value = value.ge(128)
    numbers = value.to(torch.float32, memory_format=torch.channels_last)
    return numbers.div_(127.5).sub_(1) if kind is FieldKind.IMAGE else numbers


def to_uint8(image: Tensor) -> Tensor:
    """Return images in [-1, 1] (any shape and float type) as uint8 in [0, 255].

    Rounds to the nearest level, and clamps. (The published code truncates, which darkens by half a
    level on average; scores meant to equal the published ones must do that themselves.)
    """
    return image.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
