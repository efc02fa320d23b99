"""Parts of networks that are not trained: `training.freeze`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from torch import nn

from posegen.core.errors import ConfigError, suggest


class Freezing:
    """Keeps what the patterns name as it is: no gradients, and no running statistics that move.

    Args:
        networks: name -> network.
        patterns: of `network.tensor`, with `*` for any text, e.g. `generator.encoder.*`.

    Raises:
        ConfigError: for a pattern that names nothing.
    """

    def __init__(self, networks: Mapping[str, nn.Module], patterns: Sequence[str]) -> None:
        self._networks = networks
        self._still: list[nn.Module] = []
        names = [
            f"{name}.{key}" for name, network in networks.items() for key in network.state_dict()
        ]
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                near = suggest(pattern.rstrip("*."), names)
                raise ConfigError(f"training.freeze: {pattern!r} names no tensor; {near}")
        for name, network in networks.items():
            for path, module in network.named_modules():
                self._freeze(module, f"{name}.{path}." if path else f"{name}.", patterns)

    def _freeze(self, module: nn.Module, prefix: str, patterns: Sequence[str]) -> None:
        def chosen(key: str) -> bool:
            return any(fnmatchcase(prefix + key, pattern) for pattern in patterns)

        parameters = dict(module.named_parameters(recurse=False))
        buffers = dict(module.named_buffers(recurse=False))
        for key, parameter in parameters.items():
            if chosen(key):
                parameter.requires_grad_(False)
        if buffers and all(chosen(key) for key in (*parameters, *buffers)):
            self._still.append(module)

    def train(self) -> None:
        """Put the networks into training mode, and what is frozen into evaluation mode."""
        for network in self._networks.values():
            network.train()
        for module in self._still:
            module.eval()
