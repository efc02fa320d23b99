"""What methods promise."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from posegen.core import Batch, Field, GeneratorOutput, Kind, Method, Noise, Parts, StepContext
from posegen.plugins.testing.component import Case
from posegen.plugins.testing.functions import sliced
from posegen.plugins.testing.inputs import TASK, batch, differs, randomness, small_parts
from posegen.plugins.testing.promises import Broken, NotApplicable, promise, require, reseed


class _Watched(nn.Module):
    """A network as the engine wraps it for distributed training; counts its calls."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.calls = network, 0
        self.inputs = getattr(network, "inputs", ())

    def forward(self, *args: Any, **inputs: Any) -> Any:
        self.calls += 1
        return self.network(*args, **inputs)


@dataclass(kw_only=True)
class MethodCase(Case):
    """A method, and how to run it.

    Attributes:
        parts: makes what it trains, for pairs of 32×16 of `openpose18`; by default `small_parts`.
        inputs: what the method makes for its generator, by name: the default one reads it; None
            where nobody can know.
    """

    parts: Callable[[], Parts] | None = None
    inputs: Mapping[str, Field] | None = field(default_factory=dict)

    def build(self, *, training: bool = True) -> Method:
        torch.manual_seed(0)
        parts = self.parts() if self.parts else small_parts(self.inputs)
        if not training:
            parts = replace(parts, discriminators={}, losses={})
        method: Method = self.target(self.config, parts)
        return method

    def step(
        self, method: Method
    ) -> Iterator[tuple[str, Tensor, dict[str, Tensor], dict[str, _Watched]]]:
        """Run every phase once, as the engine does; yield each one's loss and its networks."""
        data = batch(TASK, 2)
        context = StepContext({}, randomness(0), Noise(0, data.names))
        for module in method.frozen.values():
            module.eval().requires_grad_(False)
        for phase, names in method.phases.items():
            for name, network in method.networks.items():
                network.train().requires_grad_(name in names)
            watched = {name: _Watched(method.networks[name]) for name in names}
            context.networks = {**method.networks, **watched}
            loss, terms = method.loss(phase, data, context)
            yield phase, loss, terms, watched

    def sampled(
        self, start: int = 0, stop: int = 3, *, seed: int = 0, foreign: int = 0, spoilt: bool = True
    ) -> tuple[Any, Noise]:
        """Sample as a folder of weights is used: no losses, averages in the networks' place.

        Args:
            start, stop: samples of a batch of three.
            seed: of the noise; `foreign` is that of the global generators.
            spoilt: whether the method's own networks are of no use.
        """
        trained, method = self.build(), self.build(training=False)
        networks: Any = {name: copy.deepcopy(trained.networks[name]) for name in trained.shared}
        for module in (*networks.values(), *method.frozen.values()):
            module.eval()
        for network in method.networks.values():  # what is not given must not be used
            for parameter in network.parameters():
                parameter.data.mul_(0 if spoilt else 1)
        whole = batch(TASK, 3)
        given = sliced({n: x for n, x in whole.tensors.items() if n != "target"}, start, stop)
        noise = Noise(seed, whole.names[start:stop])
        reseed(foreign)
        with torch.no_grad():
            return method.sample(networks, Batch(given), noise, self.sampling_class()), noise


@promise(Kind.METHOD)
def declares(case: MethodCase) -> None:
    """`networks` are modules by name, `"generator"` among them. `phases` says for each phase which
    of them it trains, each in one. `frozen` are modules by name that share no weights with them.
    `shared` names networks, `"generator"` among them."""
    method = case.build()
    networks, phases, shared = method.networks, method.phases, method.shared
    for what, modules in (("networks", networks), ("frozen", method.frozen)):
        good = isinstance(modules, Mapping)
        good = good and all(isinstance(module, nn.Module) for module in modules.values())
        require(good, f"`{what}` is no dict of modules")
    require("generator" in networks, f"`networks` has {', '.join(networks) or 'nothing'}")
    if not isinstance(phases, Mapping) or not all(phases.values()):
        raise Broken(f"`phases` is {phases!r}")
    named = [name for names in phases.values() for name in names]
    good = sorted(named) == sorted(networks)
    require(good, f"`phases` is {phases!r}, and networks are {', '.join(networks)}")
    trained = {id(p) for network in networks.values() for p in network.parameters()}
    for name, module in method.frozen.items():
        good = name not in networks and not trained & set(map(id, module.parameters()))
        require(good, f"the frozen {name!r} is trained, too")
    good = "generator" in shared and set(shared) <= networks.keys()
    require(good, f"`shared` is {shared!r}, networks are {', '.join(networks)}")


@promise(Kind.METHOD, where="Method.loss")
def loss(case: MethodCase) -> None:
    """Each phase's loss is a finite scalar; the terms to show are scalars, detached."""
    for phase, value, terms, _ in case.step(case.build()):
        good = isinstance(value, Tensor) and value.dim() == 0 and bool(value.isfinite())
        require(good, f"the loss of phase {phase!r} is no finite scalar")
        for name, term in terms.items():
            good = isinstance(term, Tensor) and term.dim() == 0 and not term.requires_grad
            require(good, f"the term {name!r} of phase {phase!r} is no detached scalar")


@promise(Kind.METHOD, where="StepContext")
def gradients(case: MethodCase) -> None:
    """A phase calls its networks as `context.networks` has them, wrapped for distributed training,
    and every parameter of them gets a gradient; distributed training stops where one does not."""
    for phase, value, _, watched in case.step(case.build()):
        require(value.requires_grad, f"the loss of phase {phase!r} does not depend on its networks")
        torch.autograd.backward(value)
        for title, network in watched.items():
            require(network.calls, f"phase {phase!r} does not call context.networks[{title!r}]")
            for name, parameter in network.network.named_parameters():
                good = parameter.grad is not None
                require(good, f"in phase {phase!r}, {name!r} of {title!r} gets no gradient")


@promise(Kind.METHOD, where="StepContext")
def random(case: MethodCase) -> None:
    """A step takes randomness from `context.random` and `context.noise` only."""
    results: list[list[float]] = []
    for seed in (1, 2):
        method = case.build()
        torch.manual_seed(seed)
        results.append([value.item() for _, value, _, _ in case.step(method)])
    require(results[0] == results[1], "with the same `context` losses differ")


@promise(Kind.METHOD, where="Method.sample")
def sample(case: MethodCase) -> None:
    """`sample` makes images (B, 3, H, W) in [-1, 1] with the shared networks that it is given, in
    a method built without losses, of a batch without targets."""
    output, _ = case.sampled()
    if not isinstance(output, GeneratorOutput):
        raise Broken(f"it returns {type(output).__name__}")
    good = tuple(output.image.shape) == (3, 3, *TASK.image_size)
    require(good, f"for three sources of 32×16 images are {tuple(output.image.shape)}")
    require(output.image.abs().max() <= 1, "values are not finite, or not in [-1, 1]")
    own, _ = case.sampled(spoilt=False)
    require(torch.equal(output.image, own.image), "it uses other networks than it is given")


@promise(Kind.METHOD, where="Noise")
def noise(case: MethodCase) -> None:
    """`sample` takes randomness from `noise` only, and follows its seed. A method that declares
    `export`, and there is nothing else to declare, draws none."""
    declared = tuple(case.spec.capabilities)
    require(declared in ((), ("export",)), f"it declares {', '.join(declared)}")
    output, drawn = case.sampled()
    good = not declared or not drawn.draws
    require(good, "its pictures need noise, which an exported model has not")
    again, _ = case.sampled(foreign=1)
    good = torch.equal(output.image, again.image)
    require(good, "with the same seed, a picture is another the second time")
    other, _ = case.sampled(seed=1)
    good = not drawn.draws or not torch.equal(output.image, other.image)
    if not good and case.inputs is None:
        raise NotApplicable("its generator may read what only its own tests can give it")
    require(good, "it draws noise, and with another seed the picture is the same")


@promise(Kind.METHOD, where="Noise")
def independent(case: MethodCase) -> None:
    """A sample's picture is the same alone and in a batch."""
    whole, _ = case.sampled()
    for i in range(3):
        alone, _ = case.sampled(i, i + 1)
        same = not differs(whole.image[i : i + 1], alone.image)
        require(same, "alone, a sample gives another picture")
