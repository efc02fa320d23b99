"""Experiments as data: the schema, its sources, and how they become one configuration."""

from posegen.config.resolve import experiment, options_of, preset, sampling_of, title_of
from posegen.config.schema import (
    AugmentConfig,
    ComponentOptions,
    ExperimentConfig,
    OptimizerConfig,
    Precision,
    ScheduleConfig,
    TrainingConfig,
    ValidationConfig,
)
from posegen.config.sources import merge, merge_all, parse_override, read_toml

__all__ = [
    "AugmentConfig",
    "ComponentOptions",
    "ExperimentConfig",
    "OptimizerConfig",
    "Precision",
    "ScheduleConfig",
    "TrainingConfig",
    "ValidationConfig",
    "experiment",
    "merge",
    "merge_all",
    "options_of",
    "parse_override",
    "preset",
    "read_toml",
    "sampling_of",
    "title_of",
]
