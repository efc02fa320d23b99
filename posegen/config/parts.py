"""Builds what a configuration names. Apart from the package's front door: this imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from posegen.config.resolve import options_of
from posegen.config.schema import ComponentOptions, ExperimentConfig, LossOptions
from posegen.core.batches import TaskInfo
from posegen.core.contracts import Generator, PairDataset, PoseEncoder, Tracker
from posegen.core.errors import ConfigError, PluginError
from posegen.core.fields import check_fields, nearest_sizes
from posegen.core.methods import Method, Parts, WeightedLoss
from posegen.core.specs import Kind
from posegen.plugins import build, registry


def build_dataset(section: ComponentOptions, split: Literal["train", "test"]) -> PairDataset:
    """Open a split of a data set.

    Raises:
        DataError: where its files are wrong.
        PluginError: where the fields that it declares are.
    """
    dataset: PairDataset = _component(Kind.DATASET, section, "data", split)
    try:
        check_fields(dataset.fields)
    except ValueError as error:
        raise PluginError(f"the data set {section.name!r}: {error}; mend its `fields`.") from None
    return dataset


def build_encoder(section: ComponentOptions) -> PoseEncoder:
    """Build a pose encoder."""
    encoder: PoseEncoder = _component(Kind.ENCODER, section, "encoder")
    return encoder


def task_of(dataset: PairDataset, encoder: PoseEncoder) -> TaskInfo:
    """Return what networks must know of the data and of the encoder."""
    return TaskInfo(dataset.image_size, encoder.channels, dataset.skeleton, dataset.fields)


def check_fit(
    encoder: PoseEncoder, skeleton_name: str, size: tuple[int, int], multiple: int
) -> None:
    """Check that data, encoder and generator fit together.

    Raises:
        ConfigError: naming what does not fit.
    """
    if encoder.skeleton != skeleton_name:
        raise ConfigError(
            f"the data's keypoints are {skeleton_name!r} and the encoder reads "
            f"{encoder.skeleton!r}; choose another with `--set encoder.name=…` or "
            "`--set encoder.skeleton=…`."
        )
    if size[0] % multiple or size[1] % multiple:
        below, above = nearest_sizes(size, multiple)
        raise ConfigError(
            f"data.image_size={list(size)}: the generator needs height and width divisible by "
            f"{multiple}; bring the pictures and their keypoints to {above} or {below}, for "
            f"example with `posegen data prepare from-folder`, or choose another generator."
        )


def build_generator(section: ComponentOptions, task: TaskInfo) -> Generator:
    """Build a generator with freshly drawn weights."""
    generator: Generator = _component(Kind.GENERATOR, section, "generator", task)
    return generator


def build_method(config: ExperimentConfig, task: TaskInfo) -> Method:
    """Build the method of an experiment, to be trained; see `method_from`."""
    return method_from(config.method, config.generator, task, config.discriminators, config.losses)


def method_from(
    section: ComponentOptions,
    generator: ComponentOptions,
    task: TaskInfo,
    discriminators: Mapping[str, ComponentOptions] | None = None,
    losses: Mapping[str, LossOptions] | None = None,
) -> Method:
    """Build a method and its networks, with freshly drawn weights.

    The weights come from torch's global generator: seed it first. For a model that is used and not
    trained, leave out discriminators and losses.

    Raises:
        PluginError, WeightsError: where a component or its weights cannot be had.
    """
    parts = Parts(
        generator=build_generator(generator, task),
        task=task,
        discriminators={
            key: _component(Kind.DISCRIMINATOR, options, f"discriminators.{key}", task)
            for key, options in (discriminators or {}).items()
        },
        losses={
            key: WeightedLoss(options.weight, _component(Kind.LOSS, options, f"losses.{key}", task))
            for key, options in (losses or {}).items()
            if options.weight > 0
        },
    )
    method: Method = _component(Kind.METHOD, section, "method", parts)
    return method


def build_trackers(sections: Mapping[str, ComponentOptions], run: Path) -> list[Tracker]:
    """Build the trackers of a run's folder.

    Raises:
        ConfigError: where a package that one needs is missing.
    """
    return [
        _component(Kind.TRACKER, section, f"trackers.{key}", run)
        for key, section in sections.items()
    ]


def _component(kind: Kind, section: ComponentOptions, where: str, *context: Any) -> Any:
    """Build what a section names, with its options and what the kind's contract adds."""
    return build(registry(), kind, section.name, options_of(section, kind, where), *context)
