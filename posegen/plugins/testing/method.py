"""`check_method`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from posegen.core import (
    Batch,
    Config,
    Discriminator,
    Generator,
    GeneratorOutput,
    Kind,
    Loss,
    Method,
    MethodSpec,
    Parts,
    StepContext,
    TaskInfo,
    WeightedLoss,
)
from posegen.plugins.testing.inputs import JOINTS, batch, randomness
from posegen.plugins.testing.report import Check, Report, check
from posegen.plugins.testing.subject import Subject, examine

SIZE = (32, 16)


def check_method(
    component: str | MethodSpec,
    *,
    options: Mapping[str, Any] | None = None,
    parts: Callable[[], Parts] | None = None,
    skip: Mapping[str, str] | None = None,
) -> Report:
    """Test a training method against its contract.

    Args:
        component: its name among the installed plugins, or its spec.
        options: its options; by default the example that its configuration class gives, else the
            defaults.
        parts: makes what it trains, for pairs of 32×16 with 18 joints; by default a convolution
            as the generator, two discriminators and an L1 term.
        skip: name of a check -> why it is left out.
    """
    subject = Subject(Kind.METHOD, component, options)
    case = MethodCase(subject, parts or small_parts)
    return examine(subject, case.build, case, METHOD, skip)


class _Backbone(Generator):
    """One convolution."""

    def __init__(self, config: Config, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.layer = nn.Conv2d(3 + 2 * task.pose_channels, 3, 3, padding=1)

    def forward(self, source: Tensor, source_pose: Tensor, target_pose: Tensor) -> GeneratorOutput:
        """See the contract."""
        joined = torch.cat([source, source_pose, target_pose], dim=1)
        return GeneratorOutput(self.layer(joined).tanh())


class _Judge(Discriminator):
    """One convolution."""

    def __init__(self, config: Config, task: TaskInfo, condition: str) -> None:
        super().__init__(config, task)
        self.conditions = (condition,)
        self.layer = nn.Conv2d(3 + task.channels(self.conditions), 1, 4, stride=2)

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """See the contract."""
        scores: Tensor = self.layer(torch.cat([image, condition], dim=1))
        return scores


class _Distance(Loss):
    """Mean absolute difference."""

    def forward(self, output: GeneratorOutput, batch: Batch) -> Tensor:
        """See the contract."""
        return (output.image - batch.target).abs().mean()


def small_parts() -> Parts:
    """Return a generator, two discriminators and a loss that take no time."""
    task, none = TaskInfo(SIZE, JOINTS), Config()
    return Parts(
        _Backbone(none, task),
        {
            "appearance": _Judge(none, task, "source"),
            "shape": _Judge(none, task, "target_pose"),
        },
        {"l1": WeightedLoss(1.0, _Distance(none, task))},
    )


class _Watched(nn.Module):
    """A network as the engine wraps it for distributed training; counts its calls."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.calls = network, 0

    def forward(self, *inputs: Any) -> Any:
        """Call the network."""
        self.calls += 1
        return self.network(*inputs)


@dataclass(frozen=True)
class MethodCase:
    """A method, and how to run it."""

    subject: Subject
    parts: Callable[[], Parts]

    def build(self) -> Method:
        """Build it with parts whose weights are always the same."""
        torch.manual_seed(0)
        method: Method = self.subject.build(self.parts())
        return method

    def step(
        self, method: Method, after: Callable[[str, Tensor, dict[str, Tensor], _Watched], None]
    ) -> None:
        """Run every phase once, as the engine does; `after` sees each phase's loss."""
        for network in method.networks.values():
            network.train()
        context = StepContext({}, randomness(0))
        for phase in method.phases:
            for name, network in method.networks.items():
                network.requires_grad_(name == phase)
            watched = _Watched(method.networks[phase])
            context.networks = {**method.networks, phase: watched}
            loss, terms = method.loss(phase, batch(2, SIZE), context)
            after(phase, loss, terms, watched)


@check(
    "networks",
    asks='`networks` has a "generator", `phases` are names of networks, `frozen` are modules',
    where="posegen.core.Method",
)
def networks(case: MethodCase) -> str | None:
    """The method says what it trains, and in which order."""
    method = case.build()
    found = method.networks
    if not all(isinstance(network, nn.Module) for network in found.values()):
        return "`networks` has something that is no module"
    if "generator" not in found:
        return f"`networks` has {', '.join(found) or 'nothing'}"
    phases = list(method.phases)
    if not phases or len(set(phases)) < len(phases) or not set(phases) <= set(found):
        return f"`phases` is {method.phases!r} and the networks are {', '.join(found)}"
    modules = all(isinstance(module, nn.Module) for module in method.frozen)
    return None if modules else "`frozen` has something that is no module"


@check(
    "loss",
    asks="each phase's loss is a finite scalar; the terms to show are scalars, detached",
    where="posegen.core.Method.loss",
)
def losses(case: MethodCase) -> str | None:
    """Every phase has a number to minimise."""
    problems: list[str] = []

    def look(phase: str, loss: Tensor, terms: dict[str, Tensor], _: _Watched) -> None:
        if not isinstance(loss, Tensor) or loss.dim() != 0 or not loss.isfinite():
            problems.append(f"the loss of phase {phase!r} is no finite scalar")
        for name, term in terms.items():
            if not isinstance(term, Tensor) or term.dim() != 0 or term.requires_grad:
                problems.append(f"the term {name!r} of phase {phase!r} is no detached scalar")

    case.step(case.build(), look)
    return problems[0] if problems else None


@check(
    "gradients",
    asks="in a phase, every parameter of its network gets a gradient; distributed training stops "
    "where one does not",
    where="posegen.core.Method",
)
def gradients(case: MethodCase) -> str | None:
    """A phase trains its network."""
    method = case.build()
    problems: list[str] = []

    def look(phase: str, loss: Tensor, _: dict[str, Tensor], __: _Watched) -> None:
        if not loss.requires_grad:
            problems.append(f"the loss of phase {phase!r} does not depend on its network")
            return
        torch.autograd.backward(loss)
        for name, parameter in method.networks[phase].named_parameters():
            if parameter.grad is None:
                problems.append(f"in phase {phase!r} the parameter {name!r} gets no gradient")

    case.step(method, look)
    return problems[0] if problems else None


@check(
    "context",
    asks="losses use `context.networks`, where the network being trained is wrapped for "
    "distributed training",
    where="posegen.core.StepContext",
)
def context(case: MethodCase) -> str | None:
    """The wrapped network is called."""
    problems: list[str] = []

    def look(phase: str, _: Tensor, __: dict[str, Tensor], watched: _Watched) -> None:
        if not watched.calls:
            problems.append(f"phase {phase!r} does not call context.networks[{phase!r}]")

    case.step(case.build(), look)
    return problems[0] if problems else None


@check(
    "random",
    asks="decisions of the method take randomness from `context.random` only",
    where="posegen.core.StepContext",
)
def random(case: MethodCase) -> str | None:
    """A step is a function of the context's generator."""
    results: list[list[float]] = []
    for seed in (1, 2):
        method = case.build()
        values: list[float] = []
        torch.manual_seed(seed)
        case.step(method, lambda _, loss, *__, into=values: into.append(loss.item()))  # type: ignore[misc]
        results.append(values)
    return None if results[0] == results[1] else "with the same `context.random` losses differ"


@check(
    "generate",
    asks="`generate` makes images with the network that it is given, in evaluation mode",
    where="posegen.core.Method.generate",
)
def generate(case: MethodCase) -> str | None:
    """A copy of the generator, as an average is one, makes images."""
    method = case.build()
    network = copy.deepcopy(method.networks["generator"]).eval()
    shown = batch(2, SIZE)
    with torch.no_grad():
        wanted = method.generate(network, shown)
        for parameter in method.networks["generator"].parameters():
            parameter.zero_()
        found = method.generate(network, shown)
    if not isinstance(found, GeneratorOutput):
        return f"it returns {type(found).__name__}"
    if found.image.shape != shown.source.shape:
        return f"images are {tuple(found.image.shape)} for sources of {tuple(shown.source.shape)}"
    same = torch.equal(wanted.image, found.image)
    return None if same else "it uses another network than it is given"


METHOD: tuple[Check[MethodCase], ...] = (
    networks,
    losses,
    gradients,
    context,
    random,
    generate,
)
