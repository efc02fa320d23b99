"""The `Model` contract: a named recipe with presets."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar


class Model(ABC):
    """A recipe that puts a generator, discriminators, losses, a method and a schedule together.

    A model holds no code that runs in training: it says which components to take and with which
    options, as a tree of the same shape as a configuration file (see docs/configuration.md). So
    any part can be replaced from the command line, and a new preset is a new entry here.

    Attributes:
        presets: name -> configuration tree. Keep the module free of torch.
        default_preset: the one taken where the user names none.
        sweeps: name -> what `posegen sweep MODEL-NAME` runs, a tree of the same shape as a sweep's
            file (see docs/experiments.md), such as the ablations of the model's paper.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]]
    default_preset: ClassVar[str]
    sweeps: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({})
