"""Optimisers by name, one for each network, and the learning rate as a function of the step."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from posegen.config import OptimizerConfig, ScheduleConfig, TrainingConfig
from posegen.core.errors import ConfigError, suggest

#: Those of torch.optim that need more than gradients after one backward pass.
_OTHERS = ("lbfgs", "sparseadam", "optimizer")

OPTIMIZERS: dict[str, type[Optimizer]] = {
    name.lower(): value
    for name, value in vars(torch.optim).items()
    if isinstance(value, type) and issubclass(value, Optimizer) and name.lower() not in _OTHERS
}


def build_optimizer(
    name: str, network: nn.Module, config: OptimizerConfig, device: torch.device
) -> Optimizer | None:
    """Build the optimiser of a network for the parameters that take gradients.

    Args:
        name: the network's.
        network: on its device.
        config: the experiment's `optimizer` section; `networks.<name>` in it replaces options.
        device: where the network is.

    Returns:
        The optimiser, or None where no parameter is to be trained.

    Raises:
        ConfigError: for an optimiser or an option that torch.optim does not have.
    """
    options = config.of(name)
    cls = OPTIMIZERS.get(options.name.lower())
    if cls is None:
        near = suggest(options.name, OPTIMIZERS)
        raise ConfigError(f"optimizer.name={options.name}: torch.optim has no such; {near}")
    known = list(inspect.signature(cls).parameters)[1:]
    for key in options.options:
        if key not in known:
            raise ConfigError(
                f"optimizer.options.{key}: {options.name} has no such option; {suggest(key, known)}"
            )
    groups = _groups(network, options)
    if not groups:
        return None
    given: dict[str, Any] = {
        "lr": options.lr,
        "betas": (options.beta1, options.beta2),
        "weight_decay": options.weight_decay,
        "fused": options.fused and device.type in ("cpu", "cuda"),
    }
    arguments = {key: value for key, value in given.items() if key in known} | options.options
    try:
        return cls(groups, **arguments)  # type: ignore[call-arg]
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"optimizer: {options.name} refuses its options ({error}).") from None


def _groups(network: nn.Module, options: OptimizerConfig) -> list[dict[str, Any]]:
    """Return the parameters to train, those without weight decay in a group of their own."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if options.decay_norms or not options.weight_decay:
        return [{"params": trained}] if trained else []
    # Norms' factors and all biases have one dimension, and nothing else in a network does.
    wide = [parameter for parameter in trained if parameter.dim() > 1]
    narrow = [parameter for parameter in trained if parameter.dim() <= 1]
    groups: list[dict[str, Any]] = [{"params": wide}, {"params": narrow, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def check_networks(config: OptimizerConfig, networks: Iterable[str]) -> None:
    """Check that sections for single networks name networks.

    Raises:
        ConfigError: for a name that is none.
    """
    networks = list(networks)
    for section, names in (("scale", config.scale), ("networks", config.networks)):
        for name in names:
            if name not in networks:
                raise ConfigError(
                    f"optimizer.{section}.{name}: no such network; {suggest(name, networks)}"
                )


def learning_rate_factor(training: TrainingConfig, schedule: ScheduleConfig, step: int) -> float:
    """Return the factor of the learning rate in step `step` (from 0).

    - `linear`, as published: 1 for `training.constant_epochs`, then falling by 1/(decay_epochs + 1)
      an epoch. In epoch e (from 0) it is 1 - max(0, e + 2 - constant) / (decay + 1), never below 0.
    - `cosine`: floor + (1 - floor)·(1 + cos(π·t)) / 2, t from 0 after the warm-up to 1 at the end
      (Loshchilov and Hutter, arXiv:1608.03983, equation 5, without restarts).
    - `constant`: 1.

    In the n-th of w warm-up steps (n from 1) it is n/w of that.
    """
    warm = min(1.0, (step + 1) / schedule.warmup) if schedule.warmup else 1.0
    if schedule.name == "constant":
        return warm
    if schedule.name == "cosine":
        rest = max(1, training.total_steps - schedule.warmup)
        progress = min(1.0, max(0, step - schedule.warmup) / rest)
        return warm * (
            schedule.floor + (1 - schedule.floor) * (1 + math.cos(math.pi * progress)) / 2
        )
    if training.decay_epochs == 0:
        return warm
    epoch = step // training.steps_per_epoch
    late = max(0, epoch + 2 - training.constant_epochs)
    return warm * max(0.0, 1.0 - late / (training.decay_epochs + 1))
