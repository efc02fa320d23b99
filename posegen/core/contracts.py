"""The contracts that components fulfil. A plugin subclasses one of these, and names it in a spec.

Constructors are part of the contract: the engine builds every component with its validated
configuration first, and then what the kind needs to know (stated in each class).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from posegen.core.batches import Batch, GeneratorOutput, Pair, TaskInfo
from posegen.core.config import Config
from posegen.core.fields import Field, source_inputs


class PoseEncoder(ABC):
    """Turns keypoints into pose maps. Built as `Encoder(config)`.

    Attributes:
        skeleton: name of the skeleton of the keypoints that it reads, e.g. `"openpose18"`.
        channels: C, the channels of the maps that it makes.
    """

    skeleton: str
    channels: int

    @abstractmethod
    def __call__(self, keypoints: Tensor, size: tuple[int, int]) -> Tensor:
        """Return maps (B, C, H, W) in [0, 1], of the dtype and on the device of `keypoints`.

        Args:
            keypoints: (B, K, 3): x, y in pixels of an image of `size`, and visibility; a joint of
                visibility 0 is missing.
            size: (H, W) of the maps in pixels.
        """


class Generator(nn.Module, ABC):
    """A backbone: image, its pose, wanted pose -> image. Built as `Generator(config, task)`.

    In evaluation mode the result for one sample must not depend on the others in the batch.

    Attributes:
        inputs: names of the batch's tensors that it reads, in any order; they reach `forward` by
            keyword. Of the data: what `TaskInfo.fields` lists. A method may hand it more, of names
            of its own (`noisy`, `time`). Where the network runs in half precision, what has height
            and width comes in that type, and points and vectors in float32.
        size_multiple: H and W must be divisible by this.
        float32: names of parameters and buffers, with `*` for any text, that stay float32 where
            the network runs in half precision (a schedule's table, say).
    """

    inputs: tuple[str, ...] = ("source", "source_pose", "target_pose")
    size_multiple: int = 1
    float32: tuple[str, ...] = ()

    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, *args: Any, **inputs: Any) -> GeneratorOutput:
        """Put the person of `source` into the pose `target_pose`.

        Subclasses name their `inputs` as parameters, `def forward(self, source, target_pose)`, and
        get them by keyword: `source` (B, 3, H, W) in [-1, 1], `source_pose` and `target_pose`
        (B, C, H, W), `target_keypoints` (B, K, 3)…
        """

    def encode_source(self, *args: Any, **inputs: Any) -> tuple[Tensor, ...]:
        """Return what the source alone decides, as tensors (B, …); here the inputs themselves.

        Many poses of one person, and many sampling steps of one picture, are made with one call of
        this. A network of which a part sees nothing but the source overrides both this, which gets
        those of `self.inputs` whose names begin with `source`, and `generate_from`.
        """
        return tuple(inputs[name] for name in source_inputs(self.inputs))

    def generate_from(self, code: tuple[Tensor, ...], *args: Any, **inputs: Any) -> GeneratorOutput:
        """Go on from `encode_source` with the other inputs: together they do what `forward` does.

        `code` is what it returned, perhaps expanded along the first dimension.
        """
        source = dict(zip(source_inputs(self.inputs), code, strict=True))
        output: GeneratorOutput = self(**source, **inputs)
        return output


class Discriminator(nn.Module, ABC):
    """Scores how real an image looks beside its inputs. Built as `Discriminator(config, task)`.

    Attributes:
        inputs: names of the batch's tensors that it sees beside the image, as a generator's. With
            the method `adversarial` also `generated_NAME`: what the generator returns in its `aux`
            under that name, e.g. a mask of what it made.
    """

    inputs: tuple[str, ...]

    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, image: Tensor, *args: Any, **inputs: Any) -> Tensor:
        """Return raw scores (no sigmoid) of any shape whose first dimension is B.

        `image` is (B, 3, H, W) in [-1, 1], real or generated; `inputs` come by keyword.
        """

    def replay(
        self, image: Tensor, inputs: dict[str, Tensor], random: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Choose which generated images to train on; here: the ones just made.

        A discriminator with a history of generated images (`posegen.core.ImagePool`) overrides
        this. What it remembers must be in its buffers, so that a resumed run continues exactly.
        `image` (B, 3, H, W) is detached, `inputs` is what it was generated for, and `random`, a CPU
        generator, is the only source of randomness to use.
        """
        return image, inputs


class Loss(nn.Module, ABC):
    """A term of the generator's loss. Built as `Loss(config, task)`; the engine weighs it."""

    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        """Return a scalar, the mean over the batch."""


class PairDataset(Dataset[Pair], ABC):
    """Pairs of images of the same person. Built as `Dataset(config, split)`.

    Attributes:
        image_size: (H, W) of every image in pixels.
        skeleton: name of the keypoints' skeleton, e.g. `"openpose18"`.
        fields: what every sample has beyond `Pair`'s own tensors (in `Pair.extra`): name -> kind.
    """

    image_size: tuple[int, int]
    skeleton: str
    fields: Mapping[str, Field] = MappingProxyType({})

    def __init__(self, config: Config, split: Literal["train", "test"]) -> None:
        super().__init__()

    def __repr__(self) -> str:
        height, width = self.image_size
        return f"{type(self).__name__}({len(self):,} pairs, {height}×{width}, {self.skeleton})"

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of pairs."""

    @abstractmethod
    def __getitem__(self, index: int) -> Pair:
        """Return pair `index`; the same one every time.

        Raises:
            posegen.core.DataError: naming the file and the row that cannot be used.
        """

    def __getitems__(self, indices: list[int]) -> list[Pair]:
        """Return several pairs; override where a batch is cheaper than its parts."""
        return [self[index] for index in indices]

    def images(self) -> Iterator[tuple[str, Tensor]]:
        """Yield every image of the split once: its name, and (3, H, W) uint8 RGB.

        Override where that is cheaper than reading all pairs. Scores of distributions are against
        these (see `posegen.core.ReferenceImages`).
        """
        seen: set[str] = set()
        for index in range(len(self)):
            pair = self[index]
            both = ((pair.source_name, pair.source), (pair.target_name, pair.target))
            for name, image in both:
                if name not in seen:
                    seen.add(name)
                    yield name, image


class PoseDetector(ABC):
    """Finds the keypoints of the people in a picture. Built as `Detector(config)`.

    Attributes:
        skeleton: name of the skeleton of what it returns.
    """

    skeleton: str

    @abstractmethod
    def __call__(self, images: Tensor) -> list[Tensor]:
        """Return for each of the images (B, 3, H, W) uint8 RGB a tensor (N, K, 3).

        N people, best first; x, y in pixels, and visibility or confidence in [0, 1] (0: missing).
        """


class WeightsConverter(ABC):
    """Reads checkpoints in somebody else's format. Built as `Converter()`.

    A converter gets tensors, never a file: the engine reads files, and never unpickles.
    """

    #: Which files of a published folder belong to which of our networks, for help texts.
    files: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def convert(
        self, tensors: Mapping[str, Tensor], path: Path
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Translate a state dict as published; `path` is where it was read, for messages.

        Returns:
            The configuration tree of the network (`{"generator": {"name": …}, "encoder": …}`), and
            the tensors under our names.

        Raises:
            posegen.core.WeightsError: where these are not the weights of a network that it knows.
        """


class Tracker(ABC):
    """Shows a training run while it runs, and keeps it. Built as `Tracker(config, run)`.

    Only the first process has one. The constructor is quick and opens nothing: a run that is
    refused before its first step leaves no trace.
    """

    def __init__(self, config: Config, run: Path) -> None:  # noqa: B027 - part of the contract
        """Keep the options and the run's folder, which is there."""

    @abstractmethod
    def start(self, step: int, facts: Mapping[str, Any]) -> None:
        """Begin, or go on after `step` where the run is resumed; called once, and first.

        What was logged beyond that step by a process that was killed is dropped, or replaced by
        what comes now. `facts` is the resolved configuration, a tree of plain values.
        """

    @abstractmethod
    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log numbers by name, such as `generator/l1`; they need not be finite."""

    @abstractmethod
    def picture(self, step: int, name: str, image: Tensor) -> None:
        """Log a picture, (3, H, W) uint8 RGB on the CPU; `name` is the same from step to step."""

    @abstractmethod
    def close(self) -> None:
        """Write what is left; called once, however the run ends, perhaps before `start`."""
