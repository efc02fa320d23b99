"""Discriminators, each wrong in one way, but for the first."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from posegen.core import Config, Discriminator, TaskInfo


class Good(Discriminator):
    conditions: Any = ("source", "target_pose")

    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.first = nn.Conv2d(3 + task.channels(self.conditions), 8, 4, stride=2)
        self.last = nn.Conv2d(8, 1, 4, stride=2)

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        return self.last(self.first(torch.cat([image, condition], dim=1)).relu())


class NoConditions(Good):
    conditions = ()

    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__(config, task)


class OneScore(Good):
    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        return super().forward(image, condition).mean()


class Sigmoid(Good):
    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        return super().forward(image, condition).sigmoid()


class DetachedImage(Good):
    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        return super().forward(image.detach(), condition)


class BlindToCondition(Good):
    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        return super().forward(image, torch.zeros_like(condition))


class GlobalRandom(Good):
    def replay(
        self, image: Tensor, condition: Tensor, random: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        order = torch.randperm(len(image))
        return image[order], condition[order]


class LosesOne(Good):
    def replay(
        self, image: Tensor, condition: Tensor, random: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        return image[:1], condition[:1]


class Forgets(Good):
    """Remembers in an attribute, which no checkpoint has."""

    last_image: Tensor | None = None

    def replay(
        self, image: Tensor, condition: Tensor, random: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        shown = image if self.last_image is None else self.last_image
        self.last_image = image
        return shown, condition
