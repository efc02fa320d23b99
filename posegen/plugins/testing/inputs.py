"""What the kit feeds to components: seeded, smooth, of any size, and made from `Field`s."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from posegen.core import (
    Batch,
    Config,
    Discriminator,
    Field,
    FieldKind,
    Generator,
    GeneratorOutput,
    Loss,
    Parts,
    ReferenceImages,
    TaskInfo,
    WeightedLoss,
)
from posegen.core.noise import derive

Size = tuple[int, int]
Inputs = dict[str, Tensor]
#: How a tensor is made: from its declaration, or by a function of (how many samples, their size).
Recipe = Field | Callable[[int, Size], Tensor]

#: A square, an upright and a lying size; odd where a component allows it.
SIZES: tuple[Size, ...] = ((64, 64), (96, 48), (57, 73))
#: Joints of the kit's own batches, and channels of their pose maps: those of `openpose18`.
JOINTS = 18


def randomness(seed: int) -> torch.Generator:
    """Return a generator of its own, so that the global one stays as it is."""
    return torch.Generator().manual_seed(seed)


def images(count: int, size: Size, seed: int = 0) -> Tensor:
    """Return smooth coloured images with a little noise: (count, 3, H, W) in [-1, 1]."""
    random = randomness(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=random)
    smooth = functional.interpolate(coarse, size, mode="bilinear", align_corners=True)
    noise = 0.1 * torch.rand(count, 3, *size, generator=random)
    return (1.8 * smooth + noise - 0.95).clamp(-1, 1)


def maps(count: int, channels: int, size: Size, seed: int = 0) -> Tensor:
    """Return maps with one spot per channel: (count, channels, H, W) in [0, 1]."""
    points = keypoints(count, channels, size, seed)
    x, y = points[..., 0, None, None], points[..., 1, None, None]
    rows = torch.arange(size[0])[:, None]
    columns = torch.arange(size[1])
    return torch.exp(((rows - y).square() + (columns - x).square()) / -18.0)


def keypoints(count: int, joints: int, size: Size, seed: int = 0) -> Tensor:
    """Return seen joints anywhere in the picture: (count, joints, 3)."""
    points = torch.rand(count, joints, 3, generator=randomness(seed))
    points[..., 0] *= size[1] - 1
    points[..., 1] *= size[0] - 1
    points[..., 2] = 1
    return points


def masks(count: int, size: Size, seed: int = 0) -> Tensor:
    """Return upright ellipses in the middle: (count, 1, H, W) in {0, 1}."""
    rows = torch.linspace(-1, 1, size[0])[:, None]
    columns = torch.linspace(-1, 1, size[1])
    width = 0.3 + 0.4 * torch.rand(count, 1, 1, 1, generator=randomness(seed))
    return ((rows / 0.9).square() + (columns / width).square() <= 1).float()


def tensor(name: str, recipe: Recipe, count: int, size: Size, seed: int = 0) -> Tensor:
    """Return a tensor as a batch on the device has it; a function of its name and the seed."""
    if not isinstance(recipe, Field):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return recipe(count, size)
    own = derive(seed, name)
    match recipe.kind:
        case FieldKind.IMAGE:
            return images(count, size, own)
        case FieldKind.MASK:
            return masks(count, size, own)
        case FieldKind.MAP:
            return maps(count, recipe.channels, size, own)
        case FieldKind.POINTS:
            return keypoints(count, recipe.channels, size, own)
        case FieldKind.VECTOR:
            return torch.rand(count, recipe.channels, generator=randomness(own))


def batch(task: TaskInfo, count: int, seed: int = 0) -> Batch:
    """Return a batch as training has it, with masks and all that the data set adds."""
    fields = task.fields
    return Batch(
        {name: tensor(name, field, count, task.image_size, seed) for name, field in fields.items()},
        kinds={name: field.kind for name, field in fields.items()},
        source_names=[f"{seed}-{index}-a.png" for index in range(count)],
        target_names=[f"{seed}-{index}-b.png" for index in range(count)],
        total=count,
    )


def pictures(count: int, size: Size, seed: int = 0, *, noise: float = 0.2) -> Batch:
    """Return finished pictures: targets, and the same with noise as generated ones."""
    whole = batch(TaskInfo(size, JOINTS), count, seed)
    # Each image has a noise of its own strength, so that values differ, and are in no order.
    strength = noise * (0.5 + (torch.arange(count) * 3 % 7) / 7)[:, None, None, None]
    made = whole.target + 2 * strength * torch.randn(
        whole.target.shape, generator=randomness(seed + 1)
    )
    shown = {"generated": made, "target": whole.target, "source": whole.source}
    kept = whole.select(["target_keypoints", "target_mask"])
    return Batch(
        {**{name: eight_bits(image) for name, image in shown.items()}, **kept},
        source_names=whole.source_names,
        target_names=whole.target_names,
        total=count,
    )


def eight_bits(image: Tensor) -> Tensor:
    """Return images in [-1, 1] as uint8."""
    return ((image.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


class Reference(ReferenceImages):
    """The real images that scores of distributions are against: sixteen smooth ones."""

    def __init__(self, size: Size) -> None:
        self.digest = f"{size[0]:032x}{size[1]:032x}"
        self._images = eight_bits(images(16, size, seed=3))

    def __iter__(self) -> Iterator[Tensor]:
        """Yield two batches."""
        yield from (self._images[:8], self._images[8:])


def differs(one: Any, other: Any, tolerance: float = 1e-3) -> bool:
    """Whether two tensors, or lists of them, differ by more than rounding does, or in shape."""
    if isinstance(one, list):
        return len(one) != len(other) or any(map(differs, one, other))
    if one.shape != other.shape:
        return True
    if not one.numel():
        return False
    scale = max(float(one.abs().max()), 1e-6)
    return not float((one.double() - other.double()).abs().max()) <= tolerance * scale


def equal(one: Inputs, other: Inputs) -> bool:
    """Whether two sets of named tensors are the same, bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


#: What the parts of a method are built for.
TASK = TaskInfo((32, 16), JOINTS)


class _Backbone(Generator):
    """One convolution of all that it reads; what has no height and width is spread out."""

    def __init__(self, task: TaskInfo, made: Mapping[str, Field]) -> None:
        super().__init__(Config(), task)
        self.inputs = (*Generator.inputs, *made)
        fields = {**task.fields, **made}
        read = [fields[name] for name in self.inputs]
        channels = sum(f.channels * (3 if f.kind is FieldKind.POINTS else 1) for f in read)
        self.layer = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, **inputs: Tensor) -> GeneratorOutput:
        size = inputs["source"].shape[-2:]
        planes = [
            x if x.dim() == 4 else x.reshape(len(x), -1, 1, 1).expand(-1, -1, *size)
            for x in (inputs[name] for name in self.inputs)
        ]
        return GeneratorOutput(self.layer(torch.cat(planes, dim=1)).tanh())


class _Judge(Discriminator):
    """One convolution."""

    def __init__(self, task: TaskInfo, name: str) -> None:
        super().__init__(Config(), task)
        self.inputs = (name,)
        self.layer = nn.Conv2d(3 + task.channels(self.inputs), 1, 4, stride=2)

    def forward(self, image: Tensor, **inputs: Tensor) -> Tensor:
        scores: Tensor = self.layer(torch.cat([image, *inputs.values()], dim=1))
        return scores


class _Distance(Loss):
    """Mean absolute difference."""

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        return (output.image - batch.target).abs().mean()


def small_parts(made: Mapping[str, Field] | None = None) -> Parts:
    """Return a generator, two discriminators and a loss that take no time.

    Args:
        made: what the generator reads beside the data's own.
    """
    judges = {"appearance": _Judge(TASK, "source"), "shape": _Judge(TASK, "target_pose")}
    losses = {"l1": WeightedLoss(1.0, _Distance(Config(), TASK))}
    return Parts(_Backbone(TASK, made or {}), TASK, judges, losses)
