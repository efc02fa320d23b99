"""Discriminators, each wrong in one way, but for the first."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from posegen.core import Config, Discriminator, TaskInfo

Inputs = dict[str, Tensor]


class Good(Discriminator):
    inputs: Any = ("source", "target_pose")

    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.first = nn.Conv2d(3 + task.channels(self.inputs), 8, 4, stride=2)
        self.last = nn.Conv2d(8, 1, 4, stride=2)

    def forward(self, image: Tensor, **inputs: Tensor) -> Tensor:
        joined = torch.cat([image, *(inputs[name] for name in self.inputs)], dim=1)
        return self.last(self.first(joined).relu())


class Parsed(Good):
    """Good where a data set adds a map."""

    inputs = ("source", "target_parts")


class Unconditional(Good):
    """Good: sees the image alone."""

    inputs = ()


class NoInputs(Good):
    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.inputs = None


class Misnamed(Good):
    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.inputs = ("source", "target_poze")


class OneScore(Good):
    def forward(self, image: Tensor, **inputs: Tensor) -> Tensor:
        return super().forward(image, **inputs).mean()


class Sigmoid(Good):
    def forward(self, image: Tensor, **inputs: Tensor) -> Tensor:
        return super().forward(image, **inputs).sigmoid()


class DetachedImage(Good):
    def forward(self, image: Tensor, **inputs: Tensor) -> Tensor:
        return super().forward(image.detach(), **inputs)


class BlindToPose(Good):
    def forward(self, image: Tensor, source: Tensor, target_pose: Tensor) -> Tensor:
        return super().forward(image, source=source, target_pose=torch.zeros_like(target_pose))


class GlobalRandom(Good):
    def replay(
        self, image: Tensor, inputs: Inputs, random: torch.Generator
    ) -> tuple[Tensor, Inputs]:
        order = torch.randperm(len(image))
        return image[order], {name: value[order] for name, value in inputs.items()}


class LosesOne(Good):
    def replay(
        self, image: Tensor, inputs: Inputs, random: torch.Generator
    ) -> tuple[Tensor, Inputs]:
        return image[:1], {name: value[:1] for name, value in inputs.items()}


class LosesInputs(Good):
    def replay(
        self, image: Tensor, inputs: Inputs, random: torch.Generator
    ) -> tuple[Tensor, Inputs]:
        return image, {"source": inputs["source"]}


class Forgets(Good):
    """Remembers in an attribute, which no checkpoint has."""

    last_image: Tensor | None = None

    def replay(
        self, image: Tensor, inputs: Inputs, random: torch.Generator
    ) -> tuple[Tensor, Inputs]:
        shown = image if self.last_image is None else self.last_image
        self.last_image = image
        return shown, inputs
