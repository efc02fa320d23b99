"""How generators and discriminators are built, fed and pushed to their limits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from posegen.plugins.testing.inputs import JOINTS, SIZES, Size
from posegen.plugins.testing.subject import Subject

Inputs = tuple[Tensor, ...]


class NetworkCase(ABC):
    """A generator or discriminator, and how to feed it.

    Args:
        subject: the component.
        sizes: (H, W) to try.
    """

    #: Attribute of `posegen.core` that has the contract.
    contract: str

    def __init__(self, subject: Subject, sizes: Sequence[Size] = SIZES) -> None:
        self.subject, self.sizes = subject, sizes

    @abstractmethod
    def build(self, size: Size | None = None, channels: int = JOINTS, seed: int = 0) -> nn.Module:
        """Build the network for a size (the first by default) with weights drawn from a seed."""

    @abstractmethod
    def inputs(
        self, network: nn.Module, size: Size | None = None, count: int = 2, seed: int = 0
    ) -> Inputs:
        """Return what `forward` takes; for the first size by default."""

    @abstractmethod
    def call(self, network: nn.Module, inputs: Inputs) -> Tensor:
        """Return the image, or the scores."""

    def trained(self) -> tuple[nn.Module, Inputs]:
        """Return a network that is not as it was built (running statistics), and inputs."""
        network = self.build().train()
        with torch.no_grad():
            for seed in (5, 6):
                self.call(network, self.inputs(network, seed=seed))
        return network, self.inputs(network)

    @property
    def declared(self) -> tuple[str, ...]:
        """The capabilities that the spec declares."""
        return tuple(getattr(self.subject.spec, "capabilities", ()))


class Output(nn.Module):
    """A network as a function of tensors to one tensor, which is what can be exported."""

    def __init__(self, case: NetworkCase, network: nn.Module) -> None:
        super().__init__()
        self._case, self.network = case, network

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the image, or the scores."""
        return self._case.call(self.network, inputs)


def reached(case: NetworkCase, count: int) -> list[bool]:
    """Return for each of the first `count` inputs whether the result depends on it."""
    network = case.build().train()
    inputs = tuple(x.requires_grad_() for x in case.inputs(network))
    result = case.call(network, inputs).float().sum()
    return [g is not None for g in torch.autograd.grad(result, inputs[:count], allow_unused=True)]


def pushed(case: NetworkCase, sign: float) -> Tensor:
    """Train the last layer for a moment to make the result large (or small); return the result.

    What is not bounded leaves every range soon: a last bias alone moves by three.
    """
    network = case.build().eval()
    inputs = case.inputs(network, count=1)
    parameters = _last_parameters(case, network, inputs)
    network.requires_grad_(False)
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimizer = torch.optim.Adam(parameters, lr=0.2)
    for _ in range(15):
        optimizer.zero_grad()
        loss = -sign * case.call(network, inputs).float().mean()
        torch.autograd.backward(loss)
        optimizer.step()
    with torch.no_grad():
        return case.call(network, inputs).float()


def _last_parameters(case: NetworkCase, network: nn.Module, inputs: Inputs) -> list[nn.Parameter]:
    """Return the parameters of the last module called, of those that the result depends on."""
    called: list[list[nn.Parameter]] = []

    def note(module: nn.Module, *_: object) -> None:
        called.append(list(module.parameters(recurse=False)))

    hooks = [module.register_forward_hook(note) for module in network.modules()]
    torch.autograd.backward(case.call(network, inputs).float().mean())
    for hook in hooks:
        hook.remove()
    useful = [own for own in called if own and all(p.grad is not None for p in own)]
    return useful[-1] if useful else list(network.parameters())
