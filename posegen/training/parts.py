"""Builds a method and its networks from a configuration."""

from __future__ import annotations

from posegen.config import ComponentOptions, ExperimentConfig, options_of
from posegen.config.parts import build_generator
from posegen.core.batches import TaskInfo
from posegen.core.methods import Method, Parts, WeightedLoss
from posegen.core.specs import Kind
from posegen.plugins import build, registry


def build_method(config: ExperimentConfig, task: TaskInfo) -> Method:
    """Build generator, discriminators, losses and method, with freshly drawn weights.

    The weights come from torch's global generator: seed it first.

    Raises:
        PluginError, WeightsError: where a component or its weights cannot be had.
    """

    def component(kind: Kind, section: ComponentOptions, where: str) -> object:
        return build(registry(), kind, section.name, options_of(section, kind, where), task)

    parts = Parts(
        generator=build_generator(config.generator, task),
        discriminators={
            key: component(Kind.DISCRIMINATOR, section, f"discriminators.{key}")  # type: ignore[misc]
            for key, section in config.discriminators.items()
        },
        losses={
            key: WeightedLoss(section.weight, component(Kind.LOSS, section, f"losses.{key}"))  # type: ignore[arg-type]
            for key, section in config.losses.items()
            if section.weight > 0
        },
    )
    options = options_of(config.method, Kind.METHOD, "method")
    method: Method = build(registry(), Kind.METHOD, config.method.name, options, parts)
    return method
