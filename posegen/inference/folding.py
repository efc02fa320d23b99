"""Batch norm folded into the convolution before it, for generation.

With running statistics, batch norm multiplies and adds per channel, which a convolution does by
itself: w' = w·γ/√(σ² + ε) and b' = (b - μ)·γ/√(σ² + ε) + β. One pass over memory less per layer.
"""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from posegen.core.batches import GeneratorOutput, TaskInfo
from posegen.core.contracts import Generator
from posegen.core.fields import other_inputs, source_inputs

#: Names of a convolution and of the batch norm that alone reads its result.
Link = tuple[str, str]


def folded(generator: Generator, task: TaskInfo) -> tuple[Generator, int]:
    """Return a generator that computes the same without the batch norms that can be folded.

    What can be folded is seen by following the tensors through the network, which is done without
    memory for them or computing (torch's device "meta"). A generator that decides by the values of
    tensors cannot be followed, and nothing is folded.

    Args:
        generator: in evaluation mode; it is left as it is.
        task: the sizes that it was built for.

    Returns:
        The copy, which shares all other tensors with the original, and how many pairs of layers
        were folded.
    """
    network = sharing_copy(generator)
    pairs = links(generator, task)
    for convolution, norm in sorted(pairs):
        conv, batch_norm = network.get_submodule(convolution), network.get_submodule(norm)
        assert isinstance(conv, _ConvNd)
        assert isinstance(batch_norm, _BatchNorm)
        fused = fuse_conv_bn_eval(conv, batch_norm, isinstance(conv, _ConvTransposeNd))
        network.set_submodule(convolution, fused.requires_grad_(False))
        network.set_submodule(norm, nn.Identity())
    return network, len(pairs)


def sharing_copy(network: Generator) -> Generator:
    """Copy a network's modules, but not its tensors."""
    tensors = itertools.chain(network.parameters(), network.buffers())
    return copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})


def links(generator: Generator, task: TaskInfo) -> set[Link]:
    """Return the convolutions whose result goes into a batch norm, and nowhere else.

    That must hold for both ways through a generator, `forward` and the one by way of
    `encode_source`.
    """
    shadow = _shadow(generator)
    if any(name not in task.fields for name in generator.inputs):
        return set()  # what a method makes, of a form that is not known here
    inputs = {name: torch.empty(2, *task.shape(name), device="meta") for name in generator.inputs}
    source = {name: inputs[name] for name in source_inputs(generator.inputs)}
    rest = {name: inputs[name] for name in other_inputs(generator.inputs)}
    try:
        with torch.no_grad(), _Watch() as whole:
            whole.end(shadow(**inputs))
        with torch.no_grad(), _Watch() as split:
            split.end(shadow.generate_from(shadow.encode_source(**source), **rest))
    except (RuntimeError, NotImplementedError):  # values were asked for, and there are none
        return set()
    found: set[Link] = whole.links(shadow) & split.links(shadow)
    return found


def _shadow(network: Generator) -> Generator:
    """Copy a network with tensors that have shapes and no values."""
    tensors: dict[int, Any] = {
        id(buffer): torch.empty_like(buffer, device="meta") for buffer in network.buffers()
    }
    for parameter in network.parameters():
        empty = torch.empty_like(parameter, device="meta")
        tensors[id(parameter)] = nn.Parameter(empty, requires_grad=False)
    return copy.deepcopy(network, tensors)


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation, and notes where the tensors of convolutions and norms go."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._alive: list[Any] = []  # else a new tensor could have the id of one that is gone
        self._uses: Counter[int] = Counter()
        self._weight_of: dict[int, int] = {}  # result of a convolution -> its weight
        self._norms: list[tuple[int, int]] = []  # a batch norm's input, and its running mean

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = operator(*args, **(kwargs or {}))
        self._note((args, kwargs))
        self._alive.append((args, kwargs, result))
        if operator is torch.ops.aten.convolution.default:
            self._weight_of[id(result)] = id(args[1])
        elif operator is torch.ops.aten.native_batch_norm.default and not args[5]:
            self._norms.append((id(args[0]), id(args[3])))
        return result

    def end(self, output: GeneratorOutput) -> None:
        """Take the network's results, whose reader uses them as well."""
        self._note((output.image, output.aux))

    def _note(self, values: Any) -> None:
        self._uses.update(id(leaf) for leaf in tree_leaves(values) if isinstance(leaf, Tensor))

    def links(self, network: nn.Module) -> set[Link]:
        """Return what can be folded. A layer that is used twice cannot."""
        convolutions, norms = {}, {}
        for name, module in network.named_modules():
            if isinstance(module, _ConvNd) and _plain(module):
                convolutions[id(module.weight)] = name
            elif isinstance(module, _BatchNorm) and module.running_mean is not None:
                norms[id(module.running_mean)] = name
        found = set()
        for made, mean in self._norms:
            weight = self._weight_of.get(made)
            once = all(self._uses[tensor] == 1 for tensor in (made, mean, weight or 0))
            if once and weight in convolutions and mean in norms:
                found.add((convolutions[weight], norms[mean]))
        return found


def _plain(convolution: _ConvNd) -> bool:
    # The weights of a transposed convolution in groups are laid out otherwise.
    return convolution.groups == 1 or not isinstance(convolution, _ConvTransposeNd)
