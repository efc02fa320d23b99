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
    Field,
    FieldKind,
    GeneratorOutput,
    Method,
    Model,
    Noise,
    Pair,
    PairDataset,
    Parts,
    PoseDetector,
    PoseEncoder,
    StepContext,
    Tracker,
    WeightsConverter,
    WeightsError,
)


class GoodEncoder(PoseEncoder):
    skeleton: Any = "coco17"
    channels = 17

    def __init__(self, config: Config) -> None:
        pass

    def __call__(self, keypoints: Tensor, size: tuple[int, int]) -> Tensor:
        rows = torch.arange(size[0], device=keypoints.device)[:, None]
        columns = torch.arange(size[1], device=keypoints.device)
        x, y, seen = keypoints[..., None, None].unbind(2)
        return self.spot((rows - y).square() + (columns - x).square()) * (seen > 0)

    def spot(self, squared: Tensor) -> Tensor:
        return torch.exp(squared / -8)


class NoSkeleton(GoodEncoder):
    skeleton = None


class UnknownSkeleton(GoodEncoder):
    skeleton = "test5"


class TooManyChannels(GoodEncoder):
    channels = 18


class Float32Encoder(GoodEncoder):
    def __call__(self, keypoints: Tensor, size: tuple[int, int]) -> Tensor:
        return super().__call__(keypoints, size).float()


class HighEncoder(GoodEncoder):
    def spot(self, squared: Tensor) -> Tensor:
        return 3 * super().spot(squared)


class IndexEncoder(GoodEncoder):
    """Stops where a joint is outside of the picture."""

    def __call__(self, keypoints: Tensor, size: tuple[int, int]) -> Tensor:
        maps = keypoints.new_zeros(len(keypoints), 17, *size)
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
        return super().spot(squared) * torch.ones(17, 1, 1)


class GoodDataset(PairDataset):
    skeleton = "coco17"
    image_size: Any = (16, 8)

    def __init__(self, config: Config, split: Literal["train", "test"]) -> None:
        super().__init__(config, split)
        self.split = split

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Pair:
        random = self.randomness(index)
        images = torch.randint(256, (2, 3, 16, 8), generator=random, dtype=torch.uint8)
        points = torch.rand(2, 17, 3, generator=random)
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


class WithParts(GoodDataset):
    """Good: a map, a vector and a second picture with every pair."""

    fields: ClassVar[Any] = {
        "target_parts": Field(FieldKind.MAP, 20, mirrored=((0, 1), (2, 3))),
        "view": Field(FieldKind.VECTOR, 4),
        "source_back": Field(FieldKind.IMAGE, 3),
    }

    def pair(self, images: Tensor, points: Tensor, name: str) -> Pair:
        extra = {
            "target_parts": torch.ones(20, 16, 8, dtype=torch.bool),
            "view": torch.arange(4),
            "source_back": images[0].flip(2),
        }
        return super().pair(images, points, name)._replace(extra=extra)


class UndeclaredMap(WithParts):
    fields: ClassVar = {}


class MissingMap(GoodDataset):
    fields = WithParts.fields


class NamelessMap(WithParts):
    """The map does not say which picture it belongs to."""

    fields: ClassVar = {"parts": Field(FieldKind.MAP, 20)}

    def pair(self, images: Tensor, points: Tensor, name: str) -> Pair:
        extra = {"parts": torch.ones(20, 16, 8)}
        return super().pair(images, points, name)._replace(extra=extra)


class FewChannels(WithParts):
    fields: ClassVar = {**WithParts.fields, "target_parts": Field(FieldKind.MAP, 19)}


class SwapsTooFar(WithParts):
    fields: ClassVar = {**WithParts.fields, "target_parts": Field(FieldKind.MAP, 20, ((0, 20),))}


class AnyFolder(GoodDataset):
    """Takes any folder in silence."""


class GoodDetector(PoseDetector):
    """Finds all joints in one place."""

    skeleton: Any = "coco17"

    def __init__(self, config: Config) -> None:
        pass

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [self.person(image)[None] for image in images]

    def person(self, image: Tensor) -> Tensor:
        brightness = image.float().mean() / 255
        place = torch.tensor(image.shape[-2:]).flip(0) * brightness
        return torch.cat([place.expand(17, 2), torch.ones(17, 1)], dim=1)


class NoDetectorSkeleton(GoodDetector):
    skeleton = ""


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
        self.frozen: Any = {}
        self.phases: Any = {name: (name,) for name in self.networks}

    def loss(
        self, phase: str, batch: Batch, context: StepContext
    ) -> tuple[Tensor, dict[str, Tensor]]:
        network = context.networks[phase]
        if phase == "generator":
            made = network(**batch.select(network.inputs)).image
            loss = (made - batch.target).abs().mean()
        else:
            loss = network(batch.target, **batch.select(network.inputs)).square().mean()
        return loss, {"all": loss.detach()}

    def sample(
        self, networks: Mapping[str, Any], batch: Batch, noise: Noise, options: Config
    ) -> GeneratorOutput:
        network = networks["generator"]
        return network(**batch.select(network.inputs))


class Denoiser(GoodMethod):
    """Good: two networks in one phase, a frozen third, noise, options, inputs of its own."""

    shared = ("generator", "refiner")

    def __init__(self, config: Config, parts: Parts) -> None:
        generator = parts.generator
        self.networks = {"generator": generator, "refiner": nn.Conv2d(3, 3, 3, padding=1)}
        self.frozen = {"blur": nn.Conv2d(3, 3, 1)}
        self.phases = {"denoise": ("generator", "refiner")}

    def clean(self, networks: Mapping[str, Any], batch: Batch, noisy: Tensor, time: Tensor) -> Any:
        network = networks["generator"]
        whole = batch.having(noisy=noisy, time=time)
        image = network(**whole.select(network.inputs)).image
        return networks["refiner"](image + self.frozen["blur"](noisy)).tanh()

    def loss(
        self, phase: str, batch: Batch, context: StepContext
    ) -> tuple[Tensor, dict[str, Tensor]]:
        time = context.noise.uniform(1)
        noisy = batch.target + time[..., None, None] * context.noise.normal(*batch.target.shape[1:])
        loss = (self.clean(context.networks, batch, noisy, time) - batch.target).square().mean()
        return loss, {"all": loss.detach()}

    def sample(
        self, networks: Mapping[str, Any], batch: Batch, noise: Noise, options: Any
    ) -> GeneratorOutput:
        image = noise.normal(*batch.source.shape[1:])
        for step in range(options.steps):
            time = image.new_full((len(image), 1), 1 - step / options.steps)
            image = self.clean(networks, batch, image, time)
        return GeneratorOutput(image)


class NoGenerator(GoodMethod):
    def __init__(self, config: Config, parts: Parts) -> None:
        super().__init__(config, parts)
        self.networks["net"] = self.networks.pop("generator")


class UnknownPhase(GoodMethod):
    def __init__(self, config: Config, parts: Parts) -> None:
        super().__init__(config, parts)
        self.phases = {"generator": ("generator",), "shape": ("texture",)}


class InTwoPhases(GoodMethod):
    def __init__(self, config: Config, parts: Parts) -> None:
        super().__init__(config, parts)
        self.phases["again"] = ("generator",)


class InNoPhase(GoodMethod):
    def __init__(self, config: Config, parts: Parts) -> None:
        super().__init__(config, parts)
        self.networks["spare"] = nn.Linear(2, 2)


class FrozenList(GoodMethod):
    def __init__(self, config: Config, parts: Parts) -> None:
        super().__init__(config, parts)
        self.frozen = [nn.Linear(2, 2)]


class FrozenIsTrained(GoodMethod):
    def __init__(self, config: Config, parts: Parts) -> None:
        super().__init__(config, parts)
        self.frozen = {"encoder": parts.generator.layer}


class SharesUnknown(GoodMethod):
    shared = ("generator", "refiner")


class SharesNoGenerator(GoodMethod):
    shared = ("appearance",)


class LiveTerms(GoodMethod):
    def loss(self, *given: Any) -> tuple[Tensor, dict[str, Tensor]]:
        loss, _ = super().loss(*given)
        return loss, {"all": loss}


class ForgetsGenerator(GoodMethod):
    """Detaches what the generator makes."""

    def loss(self, *given: Any) -> tuple[Tensor, dict[str, Tensor]]:
        loss, terms = super().loss(*given)
        return loss.detach(), terms


class Bypasses(GoodMethod):
    """Uses its own networks, not those of the context."""

    def loss(self, phase: str, batch: Batch, context: StepContext) -> Any:
        own = StepContext(self.networks, context.random, context.noise)
        return super().loss(phase, batch, own)


class GlobalNoise(GoodMethod):
    def loss(self, *given: Any) -> tuple[Tensor, dict[str, Tensor]]:
        loss, terms = super().loss(*given)
        return loss * torch.rand(()), terms


class OwnGenerator(GoodMethod):
    def sample(self, networks: Mapping[str, Any], *rest: Any) -> GeneratorOutput:
        return super().sample(self.networks, *rest)


class NeedsLosses(GoodMethod):
    def sample(self, networks: Mapping[str, Any], *rest: Any) -> GeneratorOutput:
        assert self.parts.losses
        return super().sample(networks, *rest)


class NeedsTarget(GoodMethod):
    def sample(self, networks: Mapping[str, Any], batch: Batch, *rest: Any) -> GeneratorOutput:
        assert batch.target.shape == batch.source.shape
        return super().sample(networks, batch, *rest)


class NeedsUnshared(GoodMethod):
    def sample(self, networks: Mapping[str, Any], batch: Batch, *rest: Any) -> GeneratorOutput:
        judge = networks["appearance"]
        assert judge(batch.source, **batch.select(judge.inputs)) is not None
        return super().sample(networks, batch, *rest)


class Loud(GoodMethod):
    def sample(self, *given: Any) -> GeneratorOutput:
        return GeneratorOutput(2 * super().sample(*given).image)


class GlobalSample(GoodMethod):
    def sample(self, *given: Any) -> GeneratorOutput:
        image = super().sample(*given).image
        return GeneratorOutput((image + 0.1 * torch.randn_like(image)).clamp(-1, 1))


class DeafToNoise(GoodMethod):
    def sample(
        self, networks: Mapping[str, Any], batch: Batch, noise: Noise, options: Config
    ) -> GeneratorOutput:
        noise.normal(3, 4, 4)
        return super().sample(networks, batch, noise, options)


class BatchStart(GoodMethod):
    """Starts from noise that is one for the batch, and not for the sample."""

    def sample(
        self, networks: Mapping[str, Any], batch: Batch, noise: Noise, options: Config
    ) -> GeneratorOutput:
        image = super().sample(networks, batch, noise, options).image
        return GeneratorOutput((image + noise.normal(1, 1, 1).mean()).clamp(-1, 1))


class GoodTracker(Tracker):
    """Writes the steps into a file."""

    def __init__(self, config: Config, run: Path) -> None:
        self.path = run / "steps.txt"
        self.steps: dict[int, None] = {}

    def start(self, step: int, facts: Mapping[str, Any]) -> None:
        before = self.path.read_text().split() if self.path.exists() else []
        self.steps = {int(old): None for old in before if int(old) <= step}
        self.write()

    def write(self) -> None:
        self.path.write_text("\n".join(map(str, self.steps)))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self.steps[step] = None
        self.write()

    def picture(self, step: int, name: str, image: Tensor) -> None:
        assert image.dtype is torch.uint8

    def close(self) -> None:
        pass


class Eager(GoodTracker):
    def __init__(self, config: Config, run: Path) -> None:
        super().__init__(config, run)
        self.write()


class Picky(GoodTracker):
    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        super().scalars(step, {name: int(value) for name, value in values.items()})


class Recolours(GoodTracker):
    def picture(self, step: int, name: str, image: Tensor) -> None:
        image.clamp_(min=99)


class KeepsAll(GoodTracker):
    def start(self, step: int, facts: Mapping[str, Any]) -> None:
        super().start(99, facts)


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
