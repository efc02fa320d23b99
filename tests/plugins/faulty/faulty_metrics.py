"""Metrics, each wrong in one way, but for the first."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from posegen.core import Batch, Config, Metric, PerImageMetric, ReferenceImages


def distance(batch: Batch) -> Tensor:
    return (batch.generated.double() - batch.target.double()).abs().mean(dim=(1, 2, 3)) / 255


class Good(PerImageMetric):
    def score(self, batch: Batch) -> Tensor:
        return distance(batch)


class Scalar(Metric):
    """Good, without values per image."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, batch: Batch) -> None:
        self.total += distance(batch).sum()
        self.count += len(batch)

    def compute(self) -> Tensor:
        return self.total / self.count


class Relative(Scalar):
    """Good, with reference images: in units of their mean brightness."""

    needs_reference = True
    unit: Tensor | None = None

    def see_reference(self, reference: ReferenceImages) -> None:
        self.unit = torch.cat([images.double().mean(dim=(1, 2, 3)) for images in reference]).mean()

    def compute(self) -> Tensor:
        assert self.unit is not None
        return super().compute() / self.unit


class Float32(Scalar):
    def compute(self) -> Tensor:
        return super().compute().float()


class MeanOfMeans(Scalar):
    def update(self, batch: Batch) -> None:
        self.total += distance(batch).mean()
        self.count += 1


class PlainAttributes(Scalar):
    """Counts beside the states, so that other processes' pairs are lost."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.pairs = 0

    def reset(self) -> None:
        super().reset()
        self.pairs = 0

    def update(self, batch: Batch) -> None:
        super().update(batch)
        self.pairs += len(batch)

    def compute(self) -> Tensor:
        return self.total / self.pairs


class WrongReduction(Scalar):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="max")


class Unordered(Good):
    def per_image(self) -> Tensor:
        return super().per_image().sort().values


class Remembers(Scalar):
    def reset(self) -> None:
        """Forget to forget."""


class Shared(Scalar):
    """All of its copies count in one place."""

    place: ClassVar[Any] = {"total": 0.0, "count": 0}

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.reset()

    def reset(self) -> None:
        super().reset()
        self.place.update(total=0.0, count=0)

    def update(self, batch: Batch) -> None:
        self.place["total"] += float(distance(batch).sum())
        self.place["count"] += len(batch)

    def compute(self) -> Tensor:
        return torch.tensor(self.place["total"] / self.place["count"], dtype=torch.float64)


class Noisy(Good):
    def score(self, batch: Batch) -> Tensor:
        return distance(batch) + 1e-9 * torch.rand(len(batch))


class WritesPictures(Good):
    def score(self, batch: Batch) -> Tensor:
        values = distance(batch)
        batch.source.fill_(0)
        return values


class NeedsMasks(Good):
    def score(self, batch: Batch) -> Tensor:
        return distance(batch) * batch.target_mask.double().mean(dim=(1, 2, 3))


class KeepsPictures(Good):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.add_state("pictures", default=[], dist_reduce_fx="cat")

    def update(self, batch: Batch) -> None:
        super().update(batch)
        self.pictures.append(batch.generated)


class OnlySquares(Good):
    def score(self, batch: Batch) -> Tensor:
        turned = batch.target.transpose(2, 3)
        return distance(batch) + 0 * (batch.generated - turned).double().mean(dim=(1, 2, 3))
