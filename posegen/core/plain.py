"""Any module as a generator, for networks that are tried out in a notebook."""

from __future__ import annotations

import inspect

from torch import Tensor, nn

from posegen.core.batches import GeneratorOutput, TaskInfo
from posegen.core.config import Config
from posegen.core.contracts import Generator
from posegen.core.errors import ConfigError, suggest


class PlainGenerator(Generator):
    """A module as a generator: it reads what the parameters of its `forward` are called.

    Args:
        network: its `forward` returns the image (B, 3, H, W) in [-1, 1], or a `GeneratorOutput`.
        task: what data and encoder give.

    Raises:
        ConfigError: for a parameter that no tensor of a batch is called by.
    """

    def __init__(self, network: nn.Module, task: TaskInfo) -> None:
        super().__init__(Config(), task)
        self.network = network
        self.inputs = tuple(inspect.signature(network.forward).parameters)
        for name in self.inputs:
            if name not in task.fields:
                raise ConfigError(
                    f"forward({name}): the data has no such tensor; {suggest(name, task.fields)}"
                )

    def forward(self, **inputs: Tensor) -> GeneratorOutput:
        """Run the module."""
        made = self.network(**inputs)
        return made if isinstance(made, GeneratorOutput) else GeneratorOutput(made)
