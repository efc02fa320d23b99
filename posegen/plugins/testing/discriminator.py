"""`check_discriminator`."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from posegen.core import CONDITIONS, Discriminator, DiscriminatorSpec, Kind, TaskInfo
from posegen.plugins.testing.inputs import JOINTS, SIZES, Size, batch, randomness
from posegen.plugins.testing.network_case import Inputs, NetworkCase, pushed, reached
from posegen.plugins.testing.networks import NETWORK
from posegen.plugins.testing.report import Check, Report, check
from posegen.plugins.testing.subject import Subject, examine


def check_discriminator(
    component: str | DiscriminatorSpec,
    *,
    options: Mapping[str, Any] | None = None,
    sizes: Sequence[Size] = SIZES,
    skip: Mapping[str, str] | None = None,
) -> Report:
    """Test a discriminator against its contract.

    Args:
        component: its name among the installed plugins, or its spec.
        options: its options; by default the example that its configuration class gives, else the
            defaults.
        sizes: (H, W) of the images.
        skip: name of a check -> why it is left out.
    """
    subject = Subject(Kind.DISCRIMINATOR, component, options)
    case = DiscriminatorCase(subject, sizes)
    return examine(subject, case.build, case, DISCRIMINATOR, skip)


class DiscriminatorCase(NetworkCase):
    """A discriminator; its inputs are (image, condition)."""

    def build(
        self, size: Size | None = None, channels: int = JOINTS, seed: int = 0
    ) -> Discriminator:
        """See `NetworkCase`."""
        torch.manual_seed(seed)
        network: Discriminator = self.subject.build(TaskInfo(size or self.sizes[0], channels))
        return network

    def inputs(
        self,
        network: nn.Module,
        size: Size | None = None,
        count: int = 2,
        seed: int = 0,
        channels: int = JOINTS,
    ) -> Inputs:
        """See `NetworkCase`."""
        assert isinstance(network, Discriminator)
        shown = batch(count, size or self.sizes[0], seed, channels=channels)
        return shown.target, shown.condition(network.conditions).clone()

    def call(self, network: nn.Module, inputs: Inputs) -> Tensor:
        """Return the scores."""
        found: Tensor = network(*inputs)
        return found


@check(
    "conditions",
    asks=f"`conditions` names at least one of {', '.join(CONDITIONS)}, each once",
    where="posegen.core.Discriminator",
)
def conditions(case: DiscriminatorCase) -> str | None:
    """It says what it sees beside the image."""
    found = getattr(case.build(), "conditions", None)
    names = list(found) if isinstance(found, tuple | list) else []
    good = names and set(names) <= set(CONDITIONS) and len(set(names)) == len(names)
    return None if good else f"`conditions` is {found!r}"


@check(
    "scores",
    asks="finite scores of any shape whose first dimension is B, for every size and batch size",
    where="posegen.core.Discriminator.forward",
)
def scores(case: DiscriminatorCase) -> str | None:
    """There is a score for every sample."""
    for size in case.sizes:
        for channels in (JOINTS, 5):
            network = case.build(size, channels)
            for count in (1, 3):
                network.train(count > 1)
                found = case.call(network, case.inputs(network, size, count, channels=channels))
                what = f"for {count} images of {size} and {channels} pose channels"
                if not isinstance(found, Tensor):
                    return f"it returns {type(found).__name__}"
                if found.dim() == 0 or len(found) != count:
                    return f"{what} the scores are {tuple(found.shape)}"
                if not found.isfinite().all():
                    return f"{what} scores are not finite"
    return None


@check(
    "raw",
    asks="scores are raw, without a sigmoid: the training method takes it",
    where="posegen.core.Discriminator.forward",
)
def raw(case: DiscriminatorCase) -> str | None:
    """Scores are not bounded."""
    high, low = pushed(case, 1), pushed(case, -1)
    if high.max() <= 1 or low.min() >= 0:
        return "a few steps of training do not bring scores out of [0, 1]"
    return None


@check(
    "sees",
    asks="it scores the image beside the condition",
    where="posegen.core.Discriminator.forward",
)
def sees(case: DiscriminatorCase) -> str | None:
    """Scores depend on the image, which is how the generator learns, and on the condition."""
    image, condition = reached(case, 2)
    if not image:
        return "no gradient reaches the image"
    return None if condition else "scores do not depend on the condition"


@check(
    "replay",
    asks="`replay` returns as many images and conditions as it gets, of their shapes, and takes "
    "randomness from the generator that it is given only",
    where="posegen.core.Discriminator.replay",
)
def replay(case: DiscriminatorCase) -> str | None:
    """The memory of generated images keeps to its rules."""
    results = []
    for foreign in (1, 2):
        network = case.build().train()
        torch.manual_seed(foreign)
        results.append(_replayed(case, network, randomness(0), range(8)))
    for found in results[0]:
        if [tuple(x.shape) for x in found] != [tuple(x.shape) for x in case.inputs(case.build())]:
            return "it returns other shapes"
    same = all(
        torch.equal(a, b)
        for one, other in zip(*results, strict=True)
        for a, b in zip(one, other, strict=True)
    )
    return None if same else "with the same generator it chooses otherwise"


@check(
    "resumes",
    asks="what `replay` remembers is in buffers, so that a resumed run continues exactly",
    where="posegen.core.Discriminator.replay",
)
def resumes(case: DiscriminatorCase) -> str | None:
    """A network loaded from a state dict remembers the same images."""
    network = case.build().train()
    _replayed(case, network, randomness(0), range(4))
    plain = {key: value.contiguous() for key, value in network.state_dict().items()}
    other = case.build(seed=1).train()
    other.load_state_dict(safetensors.torch.load(safetensors.torch.save(plain)))
    wanted = _replayed(case, copy.deepcopy(network), randomness(1), range(4, 8))
    found = _replayed(case, other, randomness(1), range(4, 8))
    same = all(torch.equal(a[0], b[0]) for a, b in zip(wanted, found, strict=True))
    return None if same else "after loading its state dict it remembers other images"


def _replayed(
    case: DiscriminatorCase, network: nn.Module, random: torch.Generator, seeds: range
) -> list[tuple[Tensor, Tensor]]:
    assert isinstance(network, Discriminator)
    shown = (case.inputs(network, seed=seed) for seed in seeds)
    return [network.replay(image, condition, random) for image, condition in shown]


DISCRIMINATOR: tuple[Check[DiscriminatorCase], ...] = (
    conditions,
    scores,
    raw,
    sees,
    replay,
    resumes,
    *NETWORK,
)
