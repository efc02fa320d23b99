"""The `Method` contract: how networks are trained, apart from the loop around them.

The loop (`posegen.training`) owns devices, precision, optimisers, gradient accumulation and
clipping, averages of the weights, checkpoints, distribution and logging, and never asks which
method it runs. A method says which networks there are, in which order they are updated in a step
(its phases), and what the loss of each phase is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from posegen.core.batches import Batch, GeneratorOutput
from posegen.core.config import Config
from posegen.core.contracts import Discriminator, Generator, Loss


@dataclass(frozen=True)
class WeightedLoss:
    """A loss term and its weight in the sum."""

    weight: float
    loss: Loss


@dataclass(frozen=True)
class Parts:
    """The components that a model's recipe names, built."""

    generator: Generator
    discriminators: Mapping[str, Discriminator] = field(default_factory=dict)
    losses: Mapping[str, WeightedLoss] = field(default_factory=dict)


@dataclass
class StepContext:
    """What a phase may use beside the batch.

    Attributes:
        networks: name -> callable network; use these in losses. The one being trained is wrapped
            for distributed training where that is on, the others are bare.
        random: a CPU generator that is a function of (seed, step, rank): the only source of
            randomness for decisions of the method.
        memory: carried from one phase to the next for the same batch (e.g. the generated image).
    """

    networks: Mapping[str, nn.Module]
    random: torch.Generator
    memory: dict[str, Any] = field(default_factory=dict)


class Method(ABC):
    """Trains the parts of a model. Built as `Method(config, parts)`.

    Attributes:
        networks: every network to train and to save, by name. `"generator"` is the one that is
            evaluated, averaged (EMA) and shared.
        frozen: modules with weights that are not trained (losses' feature networks), to be moved
            to the device.
        phases: names of networks, in the order in which a step updates them.
    """

    networks: dict[str, nn.Module]
    frozen: list[nn.Module]
    phases: tuple[str, ...]

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: B027 - part of the contract
        """Keep the parts; subclasses set the attributes."""

    @abstractmethod
    def loss(
        self, phase: str, batch: Batch, context: StepContext
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the scalar to minimise in this phase, and named scalars to show (detached)."""

    @abstractmethod
    def generate(self, network: nn.Module, batch: Batch) -> GeneratorOutput:
        """Make images with a trained generator (possibly an average of it) in evaluation mode."""
