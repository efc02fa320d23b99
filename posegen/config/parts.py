"""Builds what a configuration names. Apart from the package's front door: this imports torch."""

from __future__ import annotations

from typing import Literal

from posegen.config.resolve import options_of
from posegen.config.schema import ComponentOptions
from posegen.core.batches import TaskInfo
from posegen.core.contracts import Generator, PairDataset, PoseEncoder
from posegen.core.errors import ConfigError
from posegen.core.specs import Kind
from posegen.plugins import build, registry


def build_dataset(section: ComponentOptions, split: Literal["train", "test"]) -> PairDataset:
    """Open a split of a data set.

    Raises:
        DataError: where its files are wrong.
    """
    options = options_of(section, Kind.DATASET, "data")
    dataset: PairDataset = build(registry(), Kind.DATASET, section.name, options, split)
    return dataset


def build_encoder(section: ComponentOptions) -> PoseEncoder:
    """Build a pose encoder."""
    options = options_of(section, Kind.ENCODER, "encoder")
    encoder: PoseEncoder = build(registry(), Kind.ENCODER, section.name, options)
    return encoder


def check_fit(encoder: PoseEncoder, layout: str, size: tuple[int, int], multiple: int) -> None:
    """Check that data, encoder and generator fit together.

    Raises:
        ConfigError: naming what does not fit.
    """
    if encoder.layout != layout:
        raise ConfigError(
            f"the data's keypoints are {layout!r} and the encoder reads {encoder.layout!r}; "
            "choose another with `--set encoder.name=…` or `--set encoder.layout=…`."
        )
    if size[0] % multiple or size[1] % multiple:
        raise ConfigError(
            f"data.image_size={list(size)}: the generator needs height and width divisible by "
            f"{multiple}."
        )


def build_generator(section: ComponentOptions, task: TaskInfo) -> Generator:
    """Build a generator with freshly drawn weights."""
    options = options_of(section, Kind.GENERATOR, "generator")
    generator: Generator = build(registry(), Kind.GENERATOR, section.name, options, task)
    return generator
