"""Generators, each wrong in one way, but for the first."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from posegen.core import Config, Generator, GeneratorOutput, TaskInfo


class Good(Generator):
    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.first = nn.Conv2d(3 + 2 * task.pose_channels, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.last = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, source: Tensor, source_pose: Tensor, target_pose: Tensor) -> GeneratorOutput:
        code = self.code(torch.cat([source, source_pose, target_pose], dim=1))
        return GeneratorOutput(self.end(self.last(code)))

    def code(self, joined: Tensor) -> Tensor:
        return self.norm(self.first(joined)).relu()

    def end(self, values: Tensor) -> Tensor:
        return values.tanh()


class ByKeypoints(Good):
    """Good: reads coordinates, a mask, what a data set adds and what a method makes."""

    inputs = ("source", "target_keypoints", "source_mask", "target_parts", "noisy", "time")

    def __init__(self, config: Config, task: TaskInfo) -> None:
        Generator.__init__(self, config, task)
        fields = task.fields
        planes = 3 + 1 + fields["target_parts"].channels + 3
        self.first = nn.Conv2d(planes, 8, 3, padding=1)
        self.points = nn.Linear(3 * fields["target_keypoints"].channels + 1, 8)
        self.norm = nn.GroupNorm(2, 8)
        self.last = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, target_keypoints: Tensor, time: Tensor, **maps: Tensor) -> GeneratorOutput:
        points = torch.cat([target_keypoints.flatten(1) / 64, time], dim=1)
        joined = torch.cat([maps[name] for name in self.inputs if name in maps], dim=1)
        code = self.first(joined) + self.points(points)[..., None, None]
        return GeneratorOutput(self.end(self.last(self.norm(code).relu())))


class ReadsNobodysTensor(Good):
    inputs = ("source", "source_pose", "target_poze")


class ReadsTheTarget(Good):
    inputs = ("source", "source_pose", "target")


class ReadsTwice(Good):
    inputs = ("source", "source_pose", "target_pose", "source")


class OtherParameters(Good):
    """Has no parameter of the name that it reads."""

    def forward(self, source: Tensor, source_pose: Tensor, pose: Tensor) -> GeneratorOutput:
        return super().forward(source, source_pose, pose)


class AsksTooMuch(Good):
    inputs = ("source", "source_pose", "target_pose", "source_mask")

    def forward(self, source_mask: Tensor, **inputs: Tensor) -> GeneratorOutput:
        return super().forward(**inputs)


class WithTable(Good):
    """Good: its table stays in float32."""

    float32: Any = ("table",)

    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.register_buffer("table", torch.linspace(0, 1, 5))

    def code(self, joined: Tensor) -> Tensor:
        if joined.dtype is torch.bfloat16:
            assert self.table.dtype is torch.float32
        return super().code(joined) + self.table.sum().to(joined.dtype)


class NoSuchTable(WithTable):
    float32 = ("table", "schedule.*")


class NotAbstract:
    pass


class Unfinished(Generator):
    pass


class CannotBeBuilt(Good):
    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__(config, task)
        raise ZeroDivisionError("too small")


class HalfMultiple(Good):
    size_multiple: Any = 0.5


class Tuple(Good):
    def forward(self, **inputs: Tensor) -> Any:
        return super().forward(**inputs).image, {}


class Halves(Good):
    def end(self, values: Tensor) -> Tensor:
        return functional.avg_pool2d(values.tanh(), 2)


class UndeclaredMultiple(Good):
    def end(self, values: Tensor) -> Tensor:
        return functional.interpolate(functional.avg_pool2d(values.tanh(), 4), scale_factor=4.0)


class EighteenJoints(Good):
    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__(config, TaskInfo(task.image_size, 18))


class BadAttention(Good):
    def forward(self, **inputs: Tensor) -> GeneratorOutput:
        image = super().forward(**inputs).image
        return GeneratorOutput(image, {"attention": image - 2})


class Unbounded(Good):
    def end(self, values: Tensor) -> Tensor:
        return values


class Sigmoid(Good):
    def end(self, values: Tensor) -> Tensor:
        return values.sigmoid()


class IgnoresPose(Good):
    def forward(self, source: Tensor, source_pose: Tensor, target_pose: Tensor) -> GeneratorOutput:
        return super().forward(source, source_pose, source_pose)


class OtherInTwoSteps(Good):
    def generate_from(self, code: tuple[Tensor, ...], target_pose: Tensor) -> GeneratorOutput:
        return super().generate_from((code[0].flip(3), code[1]), target_pose=target_pose)


class SharesTheFirst(Good):
    def encode_source(self, source: Tensor, source_pose: Tensor) -> tuple[Tensor, ...]:
        return source, source_pose, torch.zeros(2)

    def generate_from(self, code: tuple[Tensor, ...], target_pose: Tensor) -> GeneratorOutput:
        return super().generate_from(code[:2], target_pose=target_pose)


class Detached(Good):
    def code(self, joined: Tensor) -> Tensor:
        return super().code(joined).detach()


class Unused(Good):
    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.spare = nn.Linear(2, 2)


class Frozen(Good):
    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.norm.requires_grad_(False)


class AlwaysDropout(Good):
    def code(self, joined: Tensor) -> Tensor:
        return functional.dropout(super().code(joined), 0.5, training=True)


class NumpyNoise(Good):
    def end(self, values: Tensor) -> Tensor:
        return (values + 0.1 * np.random.rand() * self.training).tanh()


class BatchMean(Good):
    def code(self, joined: Tensor) -> Tensor:
        code = super().code(joined)
        return code - code.mean(dim=0, keepdim=True)


class WritesSource(Good):
    def forward(self, source: Tensor, **poses: Tensor) -> GeneratorOutput:
        if not source.requires_grad:
            source.mul_(0.5)
        return super().forward(source, **poses)


class HiddenState(Good):
    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.scale = float(torch.rand(()))

    def code(self, joined: Tensor) -> Tensor:
        return super().code(joined) * self.scale


class Tied(Good):
    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.again = nn.Conv2d(8, 3, 3, padding=1)
        self.again.weight = self.last.weight

    def end(self, values: Tensor) -> Tensor:
        return (values + self.again.bias[:, None, None]).tanh()


class Locked(Good):
    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.lock = threading.Lock()


class OnlyFloat32(Good):
    def end(self, values: Tensor) -> Tensor:
        return values.float().tanh()


class OnTheCPU(Good):
    def code(self, joined: Tensor) -> Tensor:
        return super().code(joined) + torch.zeros(1, 8, 1, 1, dtype=joined.dtype)


class ReadsValues(Good):
    """Not wrong, but nothing can be said of it without an accelerator."""

    def code(self, joined: Tensor) -> Tensor:
        return super().code(joined) * float(joined.mean() > -9)


class BreaksAutocast(Good):
    def end(self, values: Tensor) -> Tensor:
        place = torch.zeros(values.shape, dtype=self.last.weight.dtype, device=values.device)
        return place.index_add(0, torch.arange(len(values), device=values.device), values).tanh()


class Views(Good):
    def code(self, joined: Tensor) -> Tensor:
        code = super().code(joined)
        return code.view(len(code), -1).view(code.shape)


class GraphBreak(Good):
    def code(self, joined: Tensor) -> Tensor:
        torch._dynamo.graph_break()
        return super().code(joined)


class DependsOnValues(Good):
    def code(self, joined: Tensor) -> Tensor:
        return super().code(joined) * (2.0 if joined.mean() > 0 else 1.0)
