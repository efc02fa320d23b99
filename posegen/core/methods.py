"""The `Method` contract: how networks are trained, and how a picture is sampled from them.

A method says which networks there are, in which order they are updated in a step (its phases), what
the loss of each phase is, and how pictures are made. The loop (`posegen.training`) owns all else,
and never asks which method it runs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from posegen.core.batches import Batch, GeneratorOutput, TaskInfo
from posegen.core.config import Config
from posegen.core.contracts import Discriminator, Generator, Loss
from posegen.core.noise import Noise


@dataclass(frozen=True)
class WeightedLoss:
    """A loss term and its weight in the sum."""

    weight: float
    loss: Loss


@dataclass(frozen=True)
class Parts:
    """The components that a model's recipe names, built.

    Where a model is only used, not trained, there are no discriminators and no losses.

    Attributes:
        generator: the backbone.
        task: what it was built for; for networks that the method builds itself.
        discriminators, losses: by the names of their sections in the configuration.
    """

    generator: Generator
    task: TaskInfo
    discriminators: Mapping[str, Discriminator] = field(default_factory=dict)
    losses: Mapping[str, WeightedLoss] = field(default_factory=dict)


class Network(Protocol):
    """A network as a method may use it: trained, wrapped, averaged or made ready to run.

    `inputs`, `encode_source` and `generate_from` are there for generators. In sampling, what
    `encode_source` returns for one person is kept: calling it again costs nothing.
    """

    inputs: tuple[str, ...]

    def __call__(self, *args: Tensor, **inputs: Tensor) -> Any:
        """Run it."""
        ...

    def encode_source(self, **inputs: Tensor) -> tuple[Tensor, ...]:
        """See `Generator.encode_source`."""
        ...

    def generate_from(self, code: tuple[Tensor, ...], **inputs: Tensor) -> GeneratorOutput:
        """See `Generator.generate_from`."""
        ...


@dataclass
class StepContext:
    """What a phase may use beside the batch.

    Attributes:
        networks: name -> callable network; use these in losses. Those being trained are wrapped
            for distributed training where that is on, the others are bare.
        random: a CPU generator that is a function of (seed, step, rank): the only source of
            randomness for decisions that are one for the batch.
        noise: random tensors on the device for each sample, a function of (seed, step, the
            sample's place in the step's whole batch): the same on one process and on several,
            and whatever parts a batch is computed in.
        step: the number of the step, from 0.
        memory: carried from one phase to the next for the same batch (e.g. the generated image).
    """

    networks: Mapping[str, Any]
    random: torch.Generator
    noise: Noise
    step: int = 0
    memory: dict[str, Any] = field(default_factory=dict)


class Method(ABC):
    """Trains and samples the parts of a model. Built as `Method(config, parts)`.

    Attributes:
        networks: every network to train and to save in checkpoints, by name.
        frozen: modules with weights that are not trained (losses' feature networks, pretrained
            encoders), by name: on the device, in evaluation mode, never optimised, averaged or
            saved. Where sampling needs one, the constructor must build it without losses, too.
        phases: phase -> the networks that its optimiser moves, in the order in which a step runs
            them. A network belongs to one phase.
        shared: names of the networks that sampling needs: they are averaged (EMA) and are what a
            folder of weights holds. `"generator"` is always among them.
    """

    networks: dict[str, nn.Module]
    frozen: dict[str, nn.Module]
    phases: dict[str, tuple[str, ...]]
    shared: tuple[str, ...] = ("generator",)

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: B027 - part of the contract
        """Keep the parts; subclasses set the attributes."""

    @abstractmethod
    def loss(
        self, phase: str, batch: Batch, context: StepContext
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the scalar to minimise in this phase, and named scalars to show (detached)."""

    @abstractmethod
    def sample(
        self, networks: Mapping[str, Network], batch: Batch, noise: Noise, options: Config
    ) -> GeneratorOutput:
        """Make pictures; the only way to a picture, everywhere.

        Args:
            networks: those of `shared`, in evaluation mode; perhaps averages.
            batch: what the networks read; a `target` need not be there.
            noise: random tensors for each sample.
            options: the method's sampling options (`MethodSpec.sampling`), e.g. a number of steps.
        """
