"""A plugin: a data set with a map of 20 channels, and networks that read it and keypoints."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from posegen.core import (
    Config,
    DatasetSpec,
    Discriminator,
    DiscriminatorSpec,
    Field,
    FieldKind,
    Generator,
    GeneratorOutput,
    GeneratorSpec,
    Pair,
    PairDataset,
    TaskInfo,
    hookimpl,
)

SIZE = (16, 8)
#: Left and right of a parsing: a flip swaps them.
SIDES = ((2, 3), (10, 11))


@hookimpl
def posegen_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(name="parsed", summary="Noise.", target="extras:Parsed", contract=2),
    ]


@hookimpl
def posegen_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="by-keypoints", summary="Small.", target="extras:ByKeypoints", contract=2
        )
    ]


@hookimpl
def posegen_discriminators() -> list[DiscriminatorSpec]:
    return [DiscriminatorSpec(name="parsing", summary="Small.", target="extras:Judge", contract=2)]


class Parsed(PairDataset):
    """Six pairs; what the map says is where the target picture is bright."""

    image_size = SIZE
    skeleton = "openpose18"
    fields = {  # noqa: RUF012 - as a plugin would write it
        "target_parsing": Field(FieldKind.MAP, 20, SIDES),
        "source_style": Field(FieldKind.VECTOR, 4),
    }

    def __init__(self, config: Config, split: Literal["train", "test"]) -> None:
        super().__init__(config, split)

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Pair:
        index = range(6)[index]
        random = torch.Generator().manual_seed(index)
        height, width = SIZE
        images = [
            torch.randint(256, (3, *SIZE), generator=random, dtype=torch.uint8) for _ in range(2)
        ]
        points = [
            torch.rand(18, 3, generator=random) * torch.tensor([width - 1, height - 1, 0])
            for _ in "st"
        ]
        for each in points:
            each[:, 2] = 1
        parsing = torch.zeros(20, *SIZE)
        parsing[2, :, :3] = images[1][0, :, :3] / 255  # the person's right, on the left
        parsing[3, :, 5:] = images[1][0, :, 5:] / 255
        return Pair(
            *images,
            *points,
            f"s{index}.png",
            f"t{index}.png",
            extra={"target_parsing": parsing, "source_style": torch.rand(4, generator=random)},
        )


class ByKeypoints(Generator):
    """Reads keypoints, a map and a vector, and no pose map."""

    inputs = ("source", "source_style", "source_keypoints", "target_keypoints", "target_parsing")

    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__(config, task)
        joints = task.fields["target_keypoints"].channels
        self.picture = nn.Conv2d(task.channels(["source", "target_parsing"]), 8, 3, padding=1)
        self.rest = nn.Linear(2 * joints * 3 + task.fields["source_style"].channels, 8)
        self.decoder = nn.Conv2d(8, 3, 3, padding=1)

    def forward(
        self,
        source: Tensor,
        source_style: Tensor,
        source_keypoints: Tensor,
        target_keypoints: Tensor,
        target_parsing: Tensor,
    ) -> GeneratorOutput:
        points = torch.cat([source_keypoints, target_keypoints], 1).flatten(1) / 16
        code = self.rest(torch.cat([points, source_style], 1))[..., None, None]
        features = self.picture(torch.cat([source, target_parsing], 1)) + code
        return GeneratorOutput(self.decoder(features.relu()).tanh())


class Judge(Discriminator):
    inputs = ("source", "target_parsing")

    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.score = nn.Conv2d(3 + task.channels(self.inputs), 1, 4, stride=2)

    def forward(self, image: Tensor, source: Tensor, target_parsing: Tensor) -> Tensor:
        scores: Tensor = self.score(torch.cat([image, source, target_parsing], 1))
        return scores
