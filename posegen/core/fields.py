"""What the tensors of a batch are: each has a kind, and whatever treats batches goes by kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class FieldKind(StrEnum):
    """The kinds of tensors that a sample can have, each with its form on the CPU and in a batch.

    ======  ===================  ===========================  ====================================
    kind    a sample's tensor    a batch's tensor             under augmentation
    ======  ===================  ===========================  ====================================
    image   (3, H, W) uint8 RGB  (B, 3, H, W), [-1, 1]        moves, is flipped and recoloured
    mask    (1, H, W) uint8      (B, 1, H, W), 1 from 128 on  moves, is flipped; stays 0 or 1
    map     (C, H, W) any type   (B, C, H, W) float32         moves, is flipped; channels swap
    points  (K, 3) float32       (B, K, 3)                    move, are flipped; rows swap
    vector  (C,) any type        (B, C) float32               stays
    ======  ===================  ===========================  ====================================
    """

    IMAGE = "image"
    MASK = "mask"
    MAP = "map"
    POINTS = "points"
    VECTOR = "vector"

    @property
    def is_spatial(self) -> bool:
        """Whether it has height and width."""
        return self in (FieldKind.IMAGE, FieldKind.MASK, FieldKind.MAP)


@dataclass(frozen=True)
class Field:
    """A tensor that every sample of a data set has.

    What has height and width, and points, belong to the source or to the target picture, and say so
    by their names: they begin with `source` or `target`. They move with that picture.

    Attributes:
        kind: what it is.
        channels: C; of points, their number K.
        mirrored: pairs of channels (of a map) or of rows (of points) that a left-right flip swaps.
    """

    kind: FieldKind
    channels: int
    mirrored: tuple[tuple[int, int], ...] = ()


def is_of_source(name: str) -> bool:
    """Return whether a tensor of this name is known from the source picture alone."""
    return name == "source" or name.startswith("source_")


def is_of_target(name: str) -> bool:
    """Return whether a tensor of this name belongs to the target picture."""
    return name == "target" or name.startswith("target_")


def source_inputs(inputs: Iterable[str]) -> tuple[str, ...]:
    """Return those of a generator's inputs that are known from the source picture alone."""
    return tuple(name for name in inputs if is_of_source(name))


def other_inputs(inputs: Iterable[str]) -> tuple[str, ...]:
    """Return those of a generator's inputs that `source_inputs` leaves out."""
    return tuple(name for name in inputs if not is_of_source(name))


def standard_fields(joints: int, mirrored: Iterable[tuple[int, int]] = ()) -> dict[str, Field]:
    """Return the fields that samples can have without a declaration.

    Args:
        joints: K, the joints of the skeleton.
        mirrored: pairs of joints that a flip swaps.
    """
    points = Field(FieldKind.POINTS, joints, tuple(mirrored))
    return {
        "source": Field(FieldKind.IMAGE, 3),
        "target": Field(FieldKind.IMAGE, 3),
        "source_keypoints": points,
        "target_keypoints": points,
        "source_mask": Field(FieldKind.MASK, 1),
        "target_mask": Field(FieldKind.MASK, 1),
    }


def check_fields(fields: Mapping[str, Field]) -> None:
    """Check what a data set declares.

    Raises:
        ValueError: for a name that does not say its picture, or is posegen's own.
    """
    own = {*standard_fields(0), "source_pose", "target_pose", "generated"}
    for name, field in fields.items():
        if name in own:
            raise ValueError(f"the field {name!r} is posegen's own; choose another name")
        if not name.isidentifier():
            raise ValueError(f"the field {name!r} is no name of a keyword argument")
        placed = is_of_source(name) or is_of_target(name)
        if field.kind is not FieldKind.VECTOR and not placed:
            raise ValueError(
                f"the field {name!r} is a {field.kind}, so its name must begin with 'source_' or "
                "'target_': it moves with that picture"
            )


def nearest_sizes(size: tuple[int, int], multiple: int) -> tuple[str, str]:
    """Return the next sizes that a number divides, not larger and not smaller: `248×168`."""
    below = [max(side // multiple, 1) * multiple for side in size]
    above = [-(-side // multiple) * multiple for side in size]
    return "{}×{}".format(*below), "{}×{}".format(*above)
