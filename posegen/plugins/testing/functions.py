"""Kinds that turn tensors into tensors: what generators, discriminators, losses, metrics, encoders
and detectors promise alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from posegen.core import Field, Kind
from posegen.plugins.testing.component import Case
from posegen.plugins.testing.inputs import SIZES, Inputs, Size, differs, equal
from posegen.plugins.testing.promises import Broken, NotApplicable, promise, require, reseed


@dataclass(kw_only=True)
class FunctionCase(Case):
    """A component that is called with tensors.

    Attributes:
        sizes: (H, W) of the pictures to try.
        fields: what a data set adds to the batch, by name.
    """

    sizes: Sequence[Size] = SIZES
    fields: Mapping[str, Field] = field(default_factory=dict)

    def example(
        self, component: Any, size: Size | None = None, count: int = 2, seed: int = 0
    ) -> Inputs:
        """Return inputs by name; of the first size by default."""
        raise NotImplementedError

    def run(self, component: Any, inputs: Inputs) -> Any:
        """Return what the component makes of them: a tensor, or a list of tensors."""
        raise NotImplementedError

    def judging(self) -> tuple[Any, Inputs, Any]:
        """Return the component as it is used, inputs, and its result."""
        component = self.build()
        inputs = self.example(component)
        return component, inputs, self.run(component, inputs)

    def repeats(
        self, result: Any, component: Any, inputs: Inputs, problem: str, tolerance: float = 0.0
    ) -> None:
        """Require that a component makes the same result of these inputs."""
        with torch.no_grad():
            again = self.run(component, inputs)
        require(not differs(result, again, tolerance), problem)

    def variants(self) -> Iterator[tuple[Any, Size, Inputs, str]]:
        """Yield components, sizes and inputs of every size and several numbers of samples."""
        for size in self.sizes:
            component = self.build()
            for count in (1, 3):
                what = f"for {count} of {size}"
                yield component, size, self.example(component, size, count), what


def sliced(inputs: Inputs, start: int, stop: int) -> Inputs:
    """Return some of the samples."""
    return {name: value[start:stop] for name, value in inputs.items()}


NETWORKS = (Kind.GENERATOR, Kind.DISCRIMINATOR)
FUNCTIONS = (*NETWORKS, Kind.LOSS, Kind.METRIC, Kind.ENCODER, Kind.DETECTOR)


@promise(*FUNCTIONS, where="Batch")
def inputs(case: FunctionCase) -> None:
    """Inputs stay as they are: others read the same tensors."""
    component = case.build()
    given = case.example(component)
    before = {name: value.clone() for name, value in given.items()}
    case.run(component, given)
    require(equal(before, given), "it writes into its inputs")


@promise(*FUNCTIONS)
def deterministic(case: FunctionCase) -> None:
    """The same input gives the same result; of a network, in evaluation mode."""
    component, given, result = case.judging()
    reseed(1)
    case.repeats(result, component, given, "two calls give two results")


@promise(*NETWORKS, Kind.ENCODER, Kind.DETECTOR)
def independent(case: FunctionCase) -> None:
    """The result for one sample does not depend on the others in the batch, nor on earlier calls;
    of a network, in evaluation mode."""
    component, given, whole = case.judging()
    for i in reversed(range(len(whole))):
        alone = sliced(given, i, i + 1)
        problem = "alone, a sample gives another result"
        case.repeats(whole[i : i + 1], component, alone, problem, tolerance=1e-3)


@promise(*NETWORKS, Kind.ENCODER)
def device(case: FunctionCase) -> None:
    """A component and its inputs can be moved to any device; what it makes is made on the device of
    the inputs."""
    component, given, result = case.judging()
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    place = accelerator or torch.device("meta")  # a device without values, which is everywhere
    if isinstance(component, nn.Module):
        component.to(place)
    try:
        with torch.no_grad():
            made = case.run(component, {name: value.to(place) for name, value in given.items()})
    except (RuntimeError, NotImplementedError) as error:
        if "not on the expected device" in str(error) or accelerator:
            raise Broken(f"it mixes devices: {str(error).splitlines()[0]}") from None
        raise NotApplicable(
            "it reads values of tensors, so only a machine with an accelerator can tell"
        ) from None
    require(made.device.type == place.type, f"what it makes is on {made.device}")
    require(made.shape == result.shape, "the shape depends on values")
    if accelerator:  # convolutions on an NVIDIA GPU round to 10 bits by default
        require(not differs(result, made.cpu(), 0.05), "the accelerator gives another result")
