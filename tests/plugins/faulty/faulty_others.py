"""Encoders, data sets, detectors, methods, models and converters, each wrong in one way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from posegen.core import (
    Batch,
    Config,
    GeneratorOutput,
    Method,
    Model,
    Pair,
    PairDataset,
    Parts,
    PoseDetector,
    PoseEncoder,
    StepContext,
    WeightsConverter,
    WeightsError,
)


class GoodEncoder(PoseEncoder):
    layout: Any = "test5"
    channels = 5

    def __init__(self, config: Config) -> None:
        pass

    def __call__(self, keypoints: Tensor, size: tuple[int, int]) -> Tensor:
        rows = torch.arange(size[0], device=keypoints.device)[:, None]
        columns = torch.arange(size[1], device=keypoints.device)
        x, y, seen = keypoints[..., None, None].unbind(2)
        return self.spot((rows - y).square() + (columns - x).square()) * (seen > 0)

    def spot(self, squared: Tensor) -> Tensor:
        return torch.exp(squared / -8)


class NoLayout(GoodEncoder):
    layout = None


class TooManyChannels(GoodEncoder):
    channels = 6


class Float32Encoder(GoodEncoder):
    def __call__(self, keypoints: Tensor, size: tuple[int, int]) -> Tensor:
        return super().__call__(keypoints, size).float()


class HighEncoder(GoodEncoder):
    def spot(self, squared: Tensor) -> Tensor:
        return 3 * super().spot(squared)


class IndexEncoder(GoodEncoder):
    """Stops where a joint is outside of the picture."""

    def __call__(self, keypoints: Tensor, size: tuple[int, int]) -> Tensor:
        maps = keypoints.new_zeros(len(keypoints), 5, *size)
        for sample, points in enumerate(keypoints):
            for joint, (x, y, seen) in enumerate(points.tolist()):
                if seen:
                    maps[sample, joint, int(y), int(x)] = 1
        return maps


class IgnoresVisibility(GoodEncoder):
    def __call__(self, keypoints: Tensor, size: tuple[int, int]) -> Tensor:
        shown = keypoints.clone()
        shown[..., 2] = 1
        return super().__call__(shown, size)


class BatchNormalised(GoodEncoder):
    def __call__(self, keypoints: Tensor, size: tuple[int, int]) -> Tensor:
        maps = super().__call__(keypoints, size)
        return maps / (1 + maps.sum())


class Transposed(GoodEncoder):
    def __call__(self, keypoints: Tensor, size: tuple[int, int]) -> Tensor:
        return super().__call__(keypoints[..., [1, 0, 2]], size)


class WritesKeypoints(GoodEncoder):
    def __call__(self, keypoints: Tensor, size: tuple[int, int]) -> Tensor:
        keypoints[..., :2] += 1
        return super().__call__(keypoints, size)


class OnTheCPU(GoodEncoder):
    def spot(self, squared: Tensor) -> Tensor:
        return super().spot(squared) * torch.ones(5, 1, 1)


class GoodDataset(PairDataset):
    layout = "test5"
    image_size: Any = (16, 8)

    def __init__(self, config: Config, split: Literal["train", "test"]) -> None:
        super().__init__(config, split)
        self.split = split

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Pair:
        random = self.randomness(index)
        images = torch.randint(256, (2, 3, 16, 8), generator=random, dtype=torch.uint8)
        points = torch.rand(2, 5, 3, generator=random)
        points[..., 2] = 1
        return self.pair(images, points, f"{self.split}-{index}")

    def randomness(self, index: int) -> torch.Generator | None:
        return torch.Generator().manual_seed(index + 100 * (self.split == "test"))

    def pair(self, images: Tensor, points: Tensor, name: str) -> Pair:
        return Pair(*images, *points, f"{name}a.png", f"{name}b.png")


class EmptyTest(GoodDataset):
    def __len__(self) -> int:
        return 4 if self.split == "train" else 0


class SameNames(GoodDataset):
    def pair(self, images: Tensor, points: Tensor, name: str) -> Pair:
        return super().pair(images, points, name.removeprefix("train").removeprefix("test"))


class NoSize(GoodDataset):
    image_size = None


class FloatImages(GoodDataset):
    def pair(self, images: Tensor, points: Tensor, name: str) -> Pair:
        return super().pair(images / 255, points, name)


class Confidence(GoodDataset):
    def pair(self, images: Tensor, points: Tensor, name: str) -> Pair:
        points[..., 2] = 0.7
        return super().pair(images, points, name)


class UnitMasks(GoodDataset):
    def pair(self, images: Tensor, points: Tensor, name: str) -> Pair:
        mask = torch.ones(1, 16, 8, dtype=torch.uint8)
        return super().pair(images, points, name)._replace(source_mask=mask)


class RandomPairs(GoodDataset):
    def randomness(self, index: int) -> torch.Generator | None:
        return None


class SortedItems(GoodDataset):
    def __getitems__(self, indices: list[int]) -> list[Pair]:
        return [self[index] for index in sorted(indices)]


class OtherImages(GoodDataset):
    def images(self) -> Any:
        yield "train-0a.png", torch.zeros(3, 16, 8, dtype=torch.uint8)


class Closure(GoodDataset):
    def __init__(self, config: Config, split: Literal["train", "test"]) -> None:
        super().__init__(config, split)
        self.name = lambda index: f"{split}-{index}"


class AnyFolder(GoodDataset):
    """Takes any folder in silence."""


class GoodDetector(PoseDetector):
    """Finds one joint per fifth of the picture."""

    layout: Any = "test5"

    def __init__(self, config: Config) -> None:
        pass

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [self.person(image)[None] for image in images]

    def person(self, image: Tensor) -> Tensor:
        brightness = image.float().mean() / 255
        place = torch.tensor(image.shape[-2:]).flip(0) * brightness
        return torch.cat([place.expand(5, 2), torch.ones(5, 1)], dim=1)


class NoDetectorLayout(GoodDetector):
    layout = ""


class OnePerson(GoodDetector):
    def __call__(self, images: Tensor) -> list[Tensor]:
        return [self.person(image) for image in images]


class Logits(GoodDetector):
    def person(self, image: Tensor) -> Tensor:
        return super().person(image) * torch.tensor([1.0, 1.0, 12.0])


class BatchBrightness(GoodDetector):
    def __call__(self, images: Tensor) -> list[Tensor]:
        mean = images.float().mean(dim=0)
        return [self.person(mean)[None] for _ in images]


class Brightens(GoodDetector):
    def __call__(self, images: Tensor) -> list[Tensor]:
        found = super().__call__(images)
        images.clamp_(min=9)
        return found


class GoodMethod(Method):
    def __init__(self, config: Config, parts: Parts) -> None:
        self.parts = parts
        self.networks = {"generator": parts.generator, **parts.discriminators}
        self.frozen = []
        self.phases: Any = ("generator", "shape")

    def loss(
        self, phase: str, batch: Batch, context: StepContext
    ) -> tuple[Tensor, dict[str, Tensor]]:
        network = context.networks[phase]
        if phase == "generator":
            made = self.generate(network, batch).image
            loss = (made - batch.target).abs().mean()
        else:
            loss = network(batch.target, batch.target_pose).square().mean()
        return loss, {"all": loss.detach()}

    def generate(self, network: nn.Module, batch: Batch) -> GeneratorOutput:
        return network(batch.source, batch.source_pose, batch.target_pose)


class NoGenerator(GoodMethod):
    def __init__(self, config: Config, parts: Parts) -> None:
        super().__init__(config, parts)
        self.networks["net"] = self.networks.pop("generator")


class UnknownPhase(GoodMethod):
    def __init__(self, config: Config, parts: Parts) -> None:
        super().__init__(config, parts)
        self.phases = ("generator", "texture")


class LiveTerms(GoodMethod):
    def loss(self, *given: Any) -> tuple[Tensor, dict[str, Tensor]]:
        loss, _ = super().loss(*given)
        return loss, {"all": loss}


class ForgetsGenerator(GoodMethod):
    """Detaches what the generator makes."""

    def generate(self, network: nn.Module, batch: Batch) -> GeneratorOutput:
        return GeneratorOutput(super().generate(network, batch).image.detach())


class Bypasses(GoodMethod):
    """Uses its own networks, not those of the context."""

    def loss(self, phase: str, batch: Batch, context: StepContext) -> Any:
        return super().loss(phase, batch, StepContext(self.networks, context.random))


class GlobalNoise(GoodMethod):
    def loss(self, *given: Any) -> tuple[Tensor, dict[str, Tensor]]:
        loss, terms = super().loss(*given)
        return loss * torch.rand(()), terms


class OwnGenerator(GoodMethod):
    def generate(self, network: nn.Module, batch: Batch) -> GeneratorOutput:
        return super().generate(self.parts.generator if not network.training else network, batch)


class NoPresets(Model):
    presets: ClassVar[Any] = {}
    default_preset = "demo"


class UnknownDefault(Model):
    presets: ClassVar[Any] = {"demo": {"data": {"name": "people"}}}
    default_preset = "market"


class UnknownPart(Model):
    presets: ClassVar[Any] = {"demo": {"data": {"name": "people"}, "encoder": {"name": "gausian"}}}
    default_preset = "demo"


class UnknownOption(Model):
    presets: ClassVar[Any] = {"demo": {"data": {"name": "people", "size": [8, 8]}}}
    default_preset = "demo"


class Trusting(WeightsConverter):
    def convert(
        self, tensors: Mapping[str, Tensor], path: Path
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        return {"generator": {"name": "patn"}}, dict(tensors)


class NamesNoFile(WeightsConverter):
    def convert(
        self, tensors: Mapping[str, Tensor], path: Path
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        raise WeightsError("not ours.")


class KeyErrors(WeightsConverter):
    def convert(
        self, tensors: Mapping[str, Tensor], path: Path
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        return {}, {"first": tensors["model.0.weight"]}


def _patn(change: Callable[[dict[str, Tensor]], None]) -> type[WeightsConverter]:
    """Return a converter of PATN's own state dict that changes something."""

    class Converter(WeightsConverter):
        def convert(
            self, tensors: Mapping[str, Tensor], path: Path
        ) -> tuple[dict[str, Any], dict[str, Tensor]]:
            if "image_encoder.stem.conv.weight" not in tensors:
                raise WeightsError(f"{path}: not ours.")
            changed = dict(tensors)
            change(changed)
            tree = {
                "generator": {"name": "patn", "ngf": 2, "blocks": 1},
                "encoder": {"name": "gaussian"},
                "image_size": [32, 16],
            }
            return tree, changed

    return Converter


GoodConverter = _patn(lambda tensors: None)
LeavesOut = _patn(lambda tensors: tensors.popitem() and None)
