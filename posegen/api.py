"""For notebooks: components by name, data sets as batches, training step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from torch import nn
from torch.utils.data import DataLoader

from posegen.compute.process import Process, pick_device
from posegen.config import ComponentOptions, OptimizerConfig, ScheduleConfig, TrainingConfig
from posegen.config.parts import build_dataset, build_encoder, task_of
from posegen.core.batches import Batch, TaskInfo
from posegen.core.contracts import Discriminator, Generator, PairDataset, PoseEncoder
from posegen.core.errors import ConfigError, suggest
from posegen.core.methods import Method, Parts, WeightedLoss
from posegen.core.plain import PlainGenerator
from posegen.core.specs import Kind
from posegen.data.loading import collate, to_batch
from posegen.plugins import build as build_component
from posegen.plugins import component_config, registry
from posegen.training.randomness import PairSampler
from posegen.training.stepper import Stepper


def build(kind: str, name: str, *context: Any, **options: Any) -> Any:
    """Build any component by name, as the engine does.

    Args:
        kind: `generator`, `discriminator`, `loss`, `encoder`, `metric`, `method`…
        name: what `posegen plugins list` shows.
        context: what the kind's constructor takes beside its options: a `TaskInfo` for networks
            and losses, the split for data sets, `Parts` for methods.
        options: the component's own.

    Raises:
        ConfigError: for an unknown kind, an unknown option or a bad value.
        PluginError: for an unknown component.
    """
    if kind not in list(Kind):
        raise ConfigError(f"{kind}: no such kind of component; {suggest(kind, list(Kind))}")
    config = component_config(registry(), Kind(kind), name, options, name)
    return build_component(registry(), Kind(kind), name, config, *context)


def dataset(name: str, split: Literal["train", "test"] = "test", **options: Any) -> PairDataset:
    """Open a split of a data set.

    Raises:
        ConfigError, PluginError, DataError: where there is none, or its files are wrong.
    """
    return build_dataset(ComponentOptions(name=name, **options), split)


def encoder(name: str = "gaussian", **options: Any) -> PoseEncoder:
    """Build a pose encoder."""
    return build_encoder(ComponentOptions(name=name, **options))


def batches(
    pairs: PairDataset,
    encoder: PoseEncoder,
    batch_size: int = 8,
    *,
    steps: int | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Iterator[Batch]:
    """Yield a data set as batches on a device, normalised, with pose maps.

    Args:
        pairs: the data set.
        encoder: makes the pose maps.
        batch_size: pairs of a batch.
        steps: draw so many batches with replacement, as training does; by default all pairs come
            once, in order, the last batch perhaps smaller.
        seed: of the drawing.
        device: `auto`, `cpu`, `cuda`…
    """
    where = pick_device(device)

    def stacked(samples: list[Any]) -> Batch:
        return collate(samples, fields=pairs.fields)

    if steps is None:
        loader: DataLoader[Any] = DataLoader(pairs, batch_size=batch_size, collate_fn=stacked)
    else:
        sampler = PairSampler(len(pairs), batch_size, seed, 0, steps)
        loader = DataLoader(pairs, batch_sampler=sampler, collate_fn=stacked)
    for raw in loader:
        yield to_batch(raw, encoder, where)


def stepper(
    generator: nn.Module,
    task: TaskInfo | tuple[PairDataset, PoseEncoder],
    *,
    losses: Mapping[str, float] | None = None,
    discriminators: Mapping[str, Discriminator] | None = None,
    method: str = "adversarial",
    method_options: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    optimizer: Mapping[str, Any] | None = None,
    schedule: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Stepper:
    """Train a network of one's own step by step: `for batch in batches(…): stepper.step(batch)`.

    Args:
        generator: a `posegen.core.Generator`, or any module whose `forward` has names of a batch's
            tensors as parameters and returns the image (B, 3, H, W), or a `GeneratorOutput`.
        task: what losses and methods are built for; or the data set and the encoder that say it.
        losses: component -> weight; by default `l1` alone.
        discriminators: by names of one's own.
        method, method_options: the method, and its options.
        training, optimizer, schedule: options of those sections of a configuration.
        seed: of all that is random.
        device: `auto`, `cpu`, `cuda`…

    Raises:
        ConfigError, PluginError, WeightsError: where a part cannot be had.
    """
    task = task if isinstance(task, TaskInfo) else task_of(*task)
    network = generator if isinstance(generator, Generator) else PlainGenerator(generator, task)
    parts = Parts(
        generator=network,
        task=task,
        discriminators=dict(discriminators or {}),
        losses={
            name: WeightedLoss(weight, build("loss", name, task))
            for name, weight in (losses if losses is not None else {"l1": 1.0}).items()
        },
    )
    made: Method = build("method", method, parts, **(method_options or {}))
    return Stepper(
        made,
        TrainingConfig.model_validate(dict(training or {})),
        OptimizerConfig.model_validate(dict(optimizer or {})),
        ScheduleConfig.model_validate(dict(schedule or {})),
        seed=seed,
        process=Process(pick_device(device)),
    )
