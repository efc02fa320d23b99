"""The contracts that components fulfil. A plugin subclasses one of these, and names it in a spec.

Constructors are part of the contract: the engine builds every component with its validated
configuration first, and then what the kind needs to know (stated in each class).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from posegen.core.batches import Batch, GeneratorOutput, Pair, TaskInfo
from posegen.core.config import Config


class PoseEncoder(ABC):
    """Turns keypoints into pose maps. Built as `Encoder(config)`.

    Attributes:
        layout: name of the keypoint layout that it reads, e.g. `"openpose18"`.
        channels: C, the channels of the maps that it makes.
    """

    layout: str
    channels: int

    @abstractmethod
    def __call__(self, keypoints: Tensor, size: tuple[int, int]) -> Tensor:
        """Encode a batch on the tensor's own device.

        Args:
            keypoints: (B, K, 3): x, y in pixels of an image of `size`, and visibility; a joint of
                visibility 0 is missing.
            size: (H, W) of the maps in pixels.

        Returns:
            (B, C, H, W), of the dtype of `keypoints`, in [0, 1].
        """


class Generator(nn.Module, ABC):
    """A backbone: image, its pose, wanted pose -> image. Built as `Generator(config, task)`.

    In evaluation mode the result for one sample must not depend on the others in the batch.

    Attributes:
        size_multiple: H and W must be divisible by this.
    """

    size_multiple: int = 1

    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, source: Tensor, source_pose: Tensor, target_pose: Tensor) -> GeneratorOutput:
        """Put the person of `source` into the pose `target_pose`.

        Args:
            source: (B, 3, H, W) in [-1, 1].
            source_pose: (B, C, H, W) pose map of `source`.
            target_pose: (B, C, H, W) pose map of the wanted image.
        """

    def encode_source(self, source: Tensor, source_pose: Tensor) -> tuple[Tensor, ...]:
        """Compute what the source alone decides; here nothing.

        Many poses of one person are made with one call of this. A network of which a part sees
        nothing but the source overrides both this and `generate_from`.

        Args:
            source, source_pose: as in `forward`.

        Returns:
            Tensors whose first dimension is B.
        """
        return source, source_pose

    def generate_from(self, code: tuple[Tensor, ...], target_pose: Tensor) -> GeneratorOutput:
        """Go on from what `encode_source` returned: both together do what `forward` does.

        Args:
            code: what `encode_source` returned, perhaps expanded along the first dimension.
            target_pose: as in `forward`.
        """
        source, source_pose = code
        output: GeneratorOutput = self(source, source_pose, target_pose)
        return output


class Discriminator(nn.Module, ABC):
    """Scores how real an image looks beside a condition. Built as `Discriminator(config, task)`.

    Attributes:
        conditions: names of the batch's tensors that it sees beside the image, out of
            `posegen.core.CONDITIONS`; they reach `forward` joined along the channels.
        repeatable: whether in training a second pass on the same input gives the same scores and
            changes nothing (no dropout, no running statistics), and `replay` returns what it gets.
            Then the engine computes one pass where the method has two.
    """

    conditions: tuple[str, ...]
    repeatable: bool = False

    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """Return raw scores (no sigmoid) of any shape whose first dimension is B.

        Args:
            image: (B, 3, H, W) in [-1, 1], real or generated.
            condition: (B, C, H, W), the `conditions`.
        """

    def replay(
        self, image: Tensor, condition: Tensor, random: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Choose which generated images to train on; here: the ones just made.

        A discriminator with a history of generated images (an image pool) overrides this. What it
        remembers must be in its buffers, so that a resumed run continues exactly.

        Args:
            image: (B, 3, H, W), the generated images, detached.
            condition: (B, C, H, W), what they were generated for.
            random: the only source of randomness to use (a CPU generator).
        """
        return image, condition


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
        layout: name of the keypoints' layout, e.g. `"openpose18"`.
    """

    image_size: tuple[int, int]
    layout: str

    def __init__(self, config: Config, split: Literal["train", "test"]) -> None:
        super().__init__()

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
            for name, image in (
                (pair.source_name, pair.source),
                (pair.target_name, pair.target),
            ):
                if name not in seen:
                    seen.add(name)
                    yield name, image


class PoseDetector(ABC):
    """Finds the keypoints of the people in a picture. Built as `Detector(config)`.

    Attributes:
        layout: name of the layout of what it returns.
    """

    layout: str

    @abstractmethod
    def __call__(self, images: Tensor) -> list[Tensor]:
        """Detect in a batch.

        Args:
            images: (B, 3, H, W) uint8 RGB.

        Returns:
            For each image, (N, K, 3): N people, best first; x, y in pixels, and visibility or
            confidence in [0, 1] (0: missing).
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
        """Translate a state dict.

        Args:
            tensors: the state dict as published.
            path: where it was read, for messages.

        Returns:
            The configuration tree of the network (`{"generator": {"name": …}, "encoder": …}`), and
            the tensors under our names.

        Raises:
            posegen.core.WeightsError: where these are not the weights of a network that it knows.
        """
