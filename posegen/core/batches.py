"""What travels between data set, encoder, networks, losses and metrics: samples and batches."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from posegen.core.errors import ConfigError
from posegen.core.fields import Field, FieldKind, standard_fields
from posegen.core.skeletons import skeleton

T = TypeVar("T")


class Pair(NamedTuple):
    """One sample of a `PairDataset`, on the CPU, before any normalisation.

    Images are (3, H, W) uint8 RGB, masks (1, H, W) uint8 with 255 on the person, keypoints (K, 3)
    float32: x and y in pixels (the centre of the top-left pixel is (0, 0)) and visibility
    (1 seen, 0.5 hidden, 0 missing; a missing joint's x and y mean nothing).
    `extra` holds what the data set declares beyond that in `PairDataset.fields`, by name.
    """

    source: Tensor
    target: Tensor
    source_keypoints: Tensor
    target_keypoints: Tensor
    source_name: str
    target_name: str
    source_mask: Tensor | None = None
    target_mask: Tensor | None = None
    extra: Mapping[str, Tensor] = {}

    def tensors(self) -> dict[str, Tensor]:
        """Return all its tensors by name, those that it has not left out."""
        own = {name: value for name, value in self._asdict().items() if isinstance(value, Tensor)}
        return {**own, **self.extra}

    def reversed(self) -> Pair:
        """Return the pair in the other direction: the target is the source, and the source wanted.

        Of `extra`, what begins with `source_` and what begins with `target_` change names; the
        rest belongs to both directions.
        """
        other = {"source": "target", "target": "source"}

        def name(own: str) -> str:
            picture, bar, rest = own.partition("_")
            return f"{other.get(picture, picture)}{bar}{rest}"

        exchanged = {name(own): value for own, value in self._asdict().items() if own != "extra"}
        return Pair(**exchanged, extra={name(own): value for own, value in self.extra.items()})


@dataclass(frozen=True)
class TaskInfo:
    """What a network must know to be built.

    Attributes:
        image_size: (H, W) of the images in pixels.
        pose_channels: channels of a pose map, as the run's encoder declares.
        skeleton: name of the keypoints' skeleton, see `posegen.core.skeleton`.
        extra: the fields that the data set adds.
    """

    image_size: tuple[int, int]
    pose_channels: int
    skeleton: str = "openpose18"
    extra: Mapping[str, Field] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, Field]:
        """Every tensor of a batch that a network can ask for, by name.

        A method that makes more (`noisy`, `time`) hands them to its network itself.
        """
        bones = skeleton(self.skeleton)
        pose = Field(FieldKind.MAP, self.pose_channels)
        return {
            **standard_fields(len(bones), bones.mirrored),
            "source_pose": pose,
            "target_pose": pose,
            **self.extra,
        }

    def channels(self, names: Iterable[str]) -> int:
        """Return how many channels the named images, masks and maps have together.

        Raises:
            ConfigError: for a name that is not in `fields`, or has no height and width.
        """
        read = {name: self._field(name) for name in names}
        for name, one in read.items():
            if not one.kind.is_spatial:
                raise ConfigError(f"{name!r} is a {one.kind}: it has no channels to join.")
        return sum(one.channels for one in read.values())

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of one sample's tensor: (C, H, W); (K, 3) for points; (C,) for a vector.

        Raises:
            ConfigError: for a name that is not in `fields`.
        """
        field = self._field(name)
        if field.kind.is_spatial:
            return (field.channels, *self.image_size)
        return (field.channels, 3) if field.kind is FieldKind.POINTS else (field.channels,)

    def _field(self, name: str) -> Field:
        fields = self.fields
        if name not in fields:
            raise ConfigError(
                f"a network asks for {name!r}, which the data does not have; it has "
                f"{', '.join(fields)}."
            )
        return fields[name]


class Batch:
    """Many samples: tensors by name, each with the samples along its first dimension.

    As a data set's samples are stacked, its tensors are as
    `Pair` says. On the device, images are in [-1, 1], masks {0, 1}, all is float32, and the
    encoder has added `source_pose` and `target_pose` (B, C, H, W). Metrics see finished 8-bit
    pictures: `generated`, `target` and `source`, uint8, or float32 in [0, 255] where a protocol's
    resize keeps fractions of a level; masks are {0, 1}.

    Tensors are also attributes (`batch.source`). What a data set does not give is not in the batch:
    ask with `"source_mask" in batch` or `batch.get("source_mask")`.

    Attributes:
        tensors: name -> tensor.
        kinds: name -> kind; a tensor of another name is treated by its shape: four dimensions are
            a map, and everything else a vector.
        source_names, target_names: (B), as the data set or the results' file names give them.
        first: the first sample's place among all of the step or of the evaluation.
        total: how many samples there are in that, those of other processes included.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        *,
        kinds: Mapping[str, FieldKind] | None = None,
        source_names: Sequence[str] = (),
        target_names: Sequence[str] = (),
        first: int = 0,
        total: int = 0,
    ) -> None:
        self.tensors = dict(tensors)
        self.kinds = dict(kinds or {})
        self.source_names, self.target_names = list(source_names), list(target_names)
        self.first, self.total = first, total
        self._made: dict[Hashable, Any] = {}
        self._made_of_targets: dict[Hashable, Any] = {}

    def __repr__(self) -> str:
        return f"Batch({_shapes(self.tensors)})"

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def __getattr__(self, name: str) -> Tensor:
        try:
            tensor: Tensor = self.__dict__["tensors"][name]
        except KeyError:
            raise AttributeError(f"the batch has no {name!r}") from None
        return tensor

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def __len__(self) -> int:
        """Return B, the number of samples (and not of tensors)."""
        return next(iter(self.tensors.values())).shape[0]

    def get(self, name: str) -> Tensor | None:
        """Return a tensor, or None where the batch has none of that name."""
        return self.tensors.get(name)

    @property
    def names(self) -> list[str]:
        """One name for each sample: of its source and its target."""
        return [f"{a} {b}" for a, b in zip(self.source_names, self.target_names, strict=True)]

    def kind(self, name: str) -> FieldKind:
        """Return the kind of a tensor."""
        by_shape = FieldKind.MAP if self.tensors[name].dim() == 4 else FieldKind.VECTOR
        return self.kinds.get(name, by_shape)

    def select(self, names: Iterable[str]) -> dict[str, Tensor]:
        """Return the named tensors, for a network's keywords.

        Raises:
            ConfigError: where the batch has no such tensor.
        """
        names = tuple(names)
        missing = [name for name in names if name not in self.tensors]
        if missing:
            raise ConfigError(
                f"a network asks for {missing[0]!r}, which the data set does not have; it has "
                f"{', '.join(self.tensors)}."
            )
        return {name: self.tensors[name] for name in names}

    def having(self, **tensors: Tensor) -> Batch:
        """Return the batch with these tensors added or replaced, and no memory of `once`."""
        return self._with({**self.tensors, **tensors})

    def each(self, change: Callable[[str, Tensor], Tensor]) -> Batch:
        """Return the batch with every tensor changed by `change(name, tensor)`."""
        return self._with({name: change(name, value) for name, value in self.tensors.items()})

    def to(self, device: torch.device, *, non_blocking: bool = False) -> Batch:
        """Return the batch on a device."""
        return self.each(lambda _, value: value.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """Return a copy in page-locked memory; the `DataLoader` calls this (`pin_memory=True`)."""
        return self.each(lambda _, value: value.pin_memory())

    def in_memory_format(self, layout: torch.memory_format) -> Batch:
        """Return the batch with what has height and width in a memory format."""
        return self.each(
            lambda _, value: value.contiguous(memory_format=layout) if value.dim() == 4 else value
        )

    def split(self, parts: int) -> list[Batch]:
        """Cut the batch into `parts` smaller ones of nearly equal size (gradient accumulation)."""
        if parts == 1:
            return [self]
        bounds = [len(self) * i // parts for i in range(parts + 1)]
        return [self.part(a, b) for a, b in pairwise(bounds) if b > a]

    def part(self, start: int, stop: int) -> Batch:
        """Return the samples `start` to `stop` (exclusive)."""
        return self._with(
            {name: value[start:stop] for name, value in self.tensors.items()}, slice(start, stop)
        )

    def _with(self, tensors: Mapping[str, Tensor], which: slice = slice(None)) -> Batch:
        return Batch(
            tensors,
            kinds=self.kinds,
            source_names=self.source_names[which],
            target_names=self.target_names[which],
            first=self.first + (which.start or 0),
            total=self.total,
        )

    def once(self, key: Hashable, make: Callable[[], T], *, of_targets: bool = False) -> T:
        """Return `make()`, made once per batch: several metrics share features, masks and so on.

        `key` says what is made, and with which options. What is made `of_targets` alone is shared
        by the model and the baseline, too.
        """
        kept = self._made_of_targets if of_targets else self._made
        if key not in kept:
            kept[key] = make()
        made: T = kept[key]
        return made

    def sharing_targets(self, kept: dict[Hashable, Any]) -> Batch:
        """Return the batch with what others of the very same targets made (`kept`, one for all)."""
        batch = self._with(self.tensors)
        batch._made_of_targets = kept
        return batch


@dataclass(frozen=True, repr=False)
class GeneratorOutput:
    """What a generator returns.

    Attributes:
        image: (B, 3, H, W) in [-1, 1].
        aux: named tensors worth seeing or needed by a loss or a discriminator. Of these names the
            sample grids draw `"attention"`, (B, N, h, w) in [0, 1], one map per block; `"masks"`,
            (B, N, h, w) in [0, 1], what each block writes, each drawn on its own; and `"flow"`,
            (B, 2, h, w), how far to the right and down each place's content is fetched from, in
            pixels of a picture of that size.
    """

    image: Tensor
    aux: dict[str, Tensor] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"GeneratorOutput({_shapes({'image': self.image, **self.aux})})"


def _shapes(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())
