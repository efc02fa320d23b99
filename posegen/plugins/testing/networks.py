"""How generators and discriminators are built and fed, and what both promise."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any, cast

import safetensors.torch
import torch
from torch import Tensor, nn

from posegen.core import CAPABILITIES, Field, FieldKind, Kind, TaskInfo
from posegen.plugins.testing.functions import NETWORKS, FunctionCase
from posegen.plugins.testing.inputs import JOINTS, Inputs, Recipe, Size, differs, tensor
from posegen.plugins.testing.promises import Broken, NotApplicable, promise, require, reseed

GENERATOR, DISCRIMINATOR = Kind.GENERATOR, Kind.DISCRIMINATOR


@dataclass(kw_only=True)
class NetworkCase(FunctionCase):
    """A generator or discriminator, and how to feed it; sizes are brought up to `size_multiple`.

    Attributes:
        inputs: what a method makes, by name; None where nobody can know.
    """

    inputs: Mapping[str, Recipe] | None = field(default_factory=dict)

    def recipes(self, channels: int = JOINTS) -> dict[str, Recipe]:
        """Return how all tensors that a network can ask for are made."""
        return {**TaskInfo((1, 1), channels, extra=self.fields).fields, **(self.inputs or {})}

    def build(self, size: Size | None = None, channels: int = JOINTS, seed: int = 0) -> Any:
        network = self.bare(size or self.sizes[0], channels, seed)
        fitting = self.fitting(network, size)
        if size is None and fitting != self.sizes[0]:  # the multiple may depend on the options
            network = self.bare(fitting, channels, seed)
        return network

    def bare(self, size: Size, channels: int = JOINTS, seed: int = 0) -> Any:
        """Build it for a size as it is."""
        torch.manual_seed(seed)
        return self.target(self.config, TaskInfo(size, channels, extra=self.fields))

    def fitting(self, network: Any, size: Size | None = None) -> Size:
        """Return the next size that the network takes: at least twice its multiple."""
        if self.spec.kind is DISCRIMINATOR:
            return size or self.sizes[0]
        multiple = max(int(network.size_multiple), 1)
        height, width = (max(-(-n // multiple), 2) * multiple for n in size or self.sizes[0])
        return height, width

    def example(
        self,
        component: Any,
        size: Size | None = None,
        count: int = 2,
        seed: int = 0,
        channels: int = JOINTS,
    ) -> Inputs:
        recipes, names = self.recipes(channels), [*component.inputs]
        if self.spec.kind is DISCRIMINATOR:
            recipes["image"], names = Field(FieldKind.IMAGE, 3), ["image", *names]
        size = self.fitting(component, size)
        return {name: tensor(name, recipes[name], count, size, seed) for name in names}

    def run(self, component: Any, inputs: Inputs) -> Tensor:
        rest = dict(inputs)
        image = [rest.pop("image")] if self.spec.kind is DISCRIMINATOR else []
        made = component(*image, **rest)
        result: Tensor = made.image if self.spec.kind is GENERATOR else made
        return result

    def judging(self) -> tuple[Any, Inputs, Tensor]:
        network = self.build().train()
        inputs = self.example(network)
        with torch.no_grad():
            for seed in (5, 6):
                self.run(network, self.example(network, seed=seed))
            return network, inputs, self.run(network.eval(), inputs)

    def variants(self) -> Iterator[tuple[Any, Size, Inputs, str]]:
        for wanted in self.sizes:
            size = self.fitting(self.build(wanted), wanted)
            for channels in (JOINTS, 5):
                network = self.build(size, channels)
                for count in (1, 3):
                    inputs = self.example(network, size, count, channels=channels)
                    what = f"for {count} of {size} and {channels} pose channels"
                    yield network.train(count > 1), size, inputs, what

    def require_use(self, problem: str) -> None:
        """Require that the result depends on each of `inputs`, in its value or its gradient."""
        network, inputs, result = self.judging()
        for name, other in self.example(network, seed=9).items():
            with torch.no_grad():
                changed = self.run(network, {**inputs, name: other})
            if torch.equal(result, changed):
                require(other.is_floating_point(), f"{problem} `{name}`")
                total = self.run(network, {**inputs, name: other.requires_grad_()}).float().sum()
                (gradient,) = torch.autograd.grad(total, other, allow_unused=True)
                require(gradient is not None, f"{problem} `{name}`")

    def loaded(self, network: Any) -> Any:
        """Return a new network with the state of another, by way of a file's bytes."""
        plain = {key: value.contiguous() for key, value in network.state_dict().items()}
        other = self.build(seed=1)
        other.load_state_dict(safetensors.torch.load(safetensors.torch.save(plain)))
        return other


def kept_in_float32(network: Any) -> dict[str, Tensor]:
    """Return the parameters and buffers that a generator's `float32` names."""
    every = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    patterns = getattr(network, "float32", ())
    for pattern in patterns:
        there = any(fnmatch(name, pattern) for name in every)
        require(there, f"`float32` has {pattern!r}, and no parameter or buffer is called so")
    return {n: value for n, value in every.items() if any(fnmatch(n, p) for p in patterns)}


@promise(*NETWORKS, gate=True)
def reads(case: NetworkCase) -> None:
    """`inputs` names tensors that the data or the method has, each once, and `forward` takes them
    as keywords."""
    network = case.bare(case.sizes[0])
    names: Any = getattr(network, "inputs", None)
    listed = isinstance(names, tuple | list) and all(isinstance(name, str) for name in names)
    if not listed or len(set(names)) < len(names) or (case.spec.kind is GENERATOR and not names):
        raise Broken(f"`inputs` is {names!r}")
    if unknown := [name for name in names if name not in case.recipes()]:
        if case.inputs is None:
            raise NotApplicable(f"it reads {unknown[0]!r}, which only its own tests can give it")
        raise Broken(
            f"it reads {unknown[0]!r}, which the data does not have; what a method makes is given "
            f"to the test with inputs={{{unknown[0]!r}: …}}, what a data set adds with fields="
        )
    if case.spec.kind is GENERATOR and "target" in names:
        raise Broken("it reads 'target', which is not there where a picture is wanted")
    image = [None] if case.spec.kind is DISCRIMINATOR else []
    try:
        inspect.signature(network.forward).bind(*image, **dict.fromkeys(names))
    except TypeError as error:
        raise Broken(f"`forward` does not take `inputs` as keywords: {error}") from None


@promise(*NETWORKS, where="Method")
def gradients(case: NetworkCase) -> None:
    """Every parameter gets a finite gradient in every step, with `--precision bf16` (autocast) too;
    distributed training stops where one does not."""
    bf16 = torch.autocast("cpu", torch.bfloat16)
    for precision, where in ((nullcontext(), ""), (bf16, " under autocast to bfloat16")):
        network = case.build().train()
        with precision:
            result = case.run(network, case.example(network)).float()
        require(result.isfinite().all(), f"the result is not finite{where}")
        torch.autograd.backward(result.square().mean())
        for name, parameter in network.named_parameters():
            require(parameter.grad is not None, f"the parameter {name!r} gets no gradient{where}")
            finite = parameter.grad.isfinite().all()
            require(finite, f"the gradient of {name!r} is not finite{where}")


@promise(*NETWORKS)
def seeded(case: NetworkCase) -> None:
    """Randomness comes from torch's global generators only, which are seeded in every step."""
    results = []
    for foreign in (1, 2):
        reseed(foreign)  # Python's and numpy's, too; then torch's again
        network = case.build(seed=0).train()
        torch.manual_seed(3)
        results.append(case.run(network, case.example(network)).detach())
    require(torch.equal(*results), "with torch's seed the same, the results differ")


@promise(*NETWORKS)
def state(case: NetworkCase) -> None:
    """The state dict, saved as safetensors, is all that a network is: loaded into a new one, it
    gives the same result bit for bit. The average of the weights is a `copy.deepcopy`."""
    network, inputs, result = case.judging()
    loaded, copied = case.loaded(network).eval(), copy.deepcopy(network)
    case.repeats(result, loaded, inputs, "loaded into a new network, it gives another result")
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    case.repeats(result, copied, inputs, "a copy changes with its original")


@promise(*NETWORKS)
def dtype(case: NetworkCase) -> None:
    """A network works in any float type, its inputs converted with it; what `float32` names stays
    in float32 where the rest is in half precision."""
    network, inputs, result = case.judging()
    kept = {name: value.clone() for name, value in kept_in_float32(network).items()}
    for kind in (torch.float64, torch.bfloat16):
        network.to(kind)
        if kind is torch.bfloat16:
            for name, value in kept_in_float32(network).items():
                value.data = kept[name]
        moved = {n: x.to(kind) if x.is_floating_point() else x for n, x in inputs.items()}
        with torch.no_grad():
            made = case.run(network, moved)
        require(made.dtype == kind, f"a {kind} network gives {made.dtype}")
        same = kind is torch.bfloat16 or not differs(result, made)
        require(same, f"a {kind} network gives another result")


@promise(*NETWORKS, where="Batch")
def channels_last(case: NetworkCase) -> None:
    """Networks and images come in channels-last memory format where training chooses it, which is
    the default."""
    network, inputs, result = case.judging()
    layout = torch.channels_last
    network.to(memory_format=layout)
    inputs = {
        name: x.contiguous(memory_format=layout) if x.dim() == 4 else x
        for name, x in inputs.items()
    }
    problem = "in channels-last memory format the result is another"
    case.repeats(result, network, inputs, problem, tolerance=1e-3)
    torch.autograd.backward(case.run(network.train(), inputs).float().mean())


class _Output(nn.Module):
    """A network as a function of tensors to one tensor, which is what can be exported."""

    def __init__(self, case: NetworkCase, network: nn.Module) -> None:
        super().__init__()
        self._case, self.network = case, network

    def forward(self, inputs: Inputs) -> Tensor:
        return self._case.run(self.network, inputs)


@promise(*NETWORKS, where="GeneratorSpec")
def capabilities(case: NetworkCase) -> None:
    """A network that declares `compile` is compiled as one graph, without breaks; one that declares
    `export` is taken by torch.export in evaluation mode; and there is nothing else to declare."""
    declared = case.spec.capabilities
    require(set(declared) <= set(CAPABILITIES), f"it declares {', '.join(declared)}")
    network, inputs, result = case.judging()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing, about torch's own insides
        if "export" in declared:
            with torch.no_grad():
                exported = torch.export.export(_Output(case, network), (inputs,)).module()
                made = exported(inputs)
            require(not differs(result, made), "exported, it gives another result")
        if "compile" in declared:  # traced only, forwards and backwards: no compiler is needed
            torch.compiler.reset()
            fast = torch.compile(network, fullgraph=True, backend="aot_eager")
            made = case.run(cast(nn.Module, fast), inputs)
            torch.autograd.backward(made.float().mean())
            require(not differs(result, made.detach()), "compiled, it gives another result")
