"""A generator made ready to run: folded, in the memory format and the precision of its device."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from posegen.compute.kernels import use_cpu_kernels
from posegen.config import Precision
from posegen.core.batches import GeneratorOutput, TaskInfo
from posegen.core.contracts import Generator
from posegen.core.errors import ConfigError
from posegen.core.fields import other_inputs, source_inputs
from posegen.inference.folding import folded, sharing_copy

_TYPES = {"32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

#: Where convolutions of channels-last images are faster: on a CPU they take about half the time,
#: and on an NVIDIA GPU the fast kernels of half precision want them so.
_CHANNELS_LAST = ("cpu", "cuda")


#: Pixels of a batch from which on the kernels of `posegen.compute.kernels` gain: four pictures of
#: 128×64. With fewer, transforming the weights costs more.
LARGE = 2**15


@dataclass(frozen=True)
class Speed:
    """How a generator is run. Only `precision` changes the images, beyond rounding.

    Attributes:
        precision: the numbers' format: 32, or bf16 or fp16, in which weights and images are then.
        compile: torch.compile the network; the first batch waits for that, minutes on a CPU.
        fold: fold batch norm into the convolutions before it.
        cpu_kernels: on a CPU, compute large batches with fewer multiplications; see
            `posegen.compute.kernels`.

    Raises:
        ConfigError: for another precision.
    """

    precision: Precision = "32"
    compile: bool = False
    fold: bool = True
    cpu_kernels: bool = True

    def __post_init__(self) -> None:
        if self.precision not in _TYPES:
            raise ConfigError(f"precision {self.precision}: there are {', '.join(_TYPES)}.")


class _Steps(NamedTuple):
    """The ways through a network, compiled or not."""

    whole: Callable[..., GeneratorOutput]
    encode: Callable[..., tuple[Tensor, ...]]
    go_on: Callable[..., GeneratorOutput]

    @classmethod
    def of(cls, network: Generator, compiled: bool) -> _Steps:
        steps: list[Callable[..., Any]] = [network, network.encode_source, network.generate_from]
        return cls(*([torch.compile(step) for step in steps] if compiled else steps))


class Runner:
    """Runs a generator for a method that samples; it never takes gradients.

    It is called as the generator itself (`posegen.core.Network`). A batch that shows one person in
    many poses has its source tensors expanded from one; what they give is computed once, and kept
    as long as the same person comes.

    Args:
        generator: in evaluation mode; it is left as it is.
        task: the sizes that it was built for.
        device: where it is.
        speed: how it is run.

    Attributes:
        inputs: the generator's.
        folded: how many batch norms were folded.
    """

    def __init__(
        self, generator: Generator, task: TaskInfo, device: torch.device, speed: Speed
    ) -> None:
        self.inputs = generator.inputs
        self._dtype = _TYPES[speed.precision]
        last = device.type in _CHANNELS_LAST
        self._memory_format = torch.channels_last if last else torch.contiguous_format
        network, self.folded = sharing_copy(generator), 0
        if speed.fold:
            network, self.folded = folded(generator, task)
        if self._dtype != torch.float32:
            network = copy.deepcopy(network)  # the original keeps its own numbers
        convert(network, self._dtype, self._memory_format)
        self._compiled = speed.compile
        self._small = self._large = _Steps.of(network, speed.compile)
        if device.type == "cpu" and speed == Speed(fold=speed.fold):  # in full, not compiled
            other = sharing_copy(network)
            use_cpu_kernels(other)
            self._large = _Steps.of(other, compiled=False)
        self._widest = 0  # pictures of the largest batch so far
        self._person: tuple[dict[str, Tensor], tuple[Tensor, ...]] | None = None

    @torch.inference_mode()
    def __call__(self, **inputs: Tensor) -> GeneratorOutput:
        """Generate; as `Generator.forward`, and the result is float32."""
        source = {name: inputs[name] for name in source_inputs(self.inputs)}
        if _is_one_person(source):
            rest = {name: inputs[name] for name in other_inputs(self.inputs)}
            return self.generate_from(self.encode_source(**source), **rest)
        count = _count(inputs)
        made = self._for(inputs).whole(**self._ready(self._filled(inputs)))
        return _finished(made, count)

    @torch.inference_mode()
    def encode_source(self, **inputs: Tensor) -> tuple[Tensor, ...]:
        """As `Generator.encode_source`; of one person, what was computed last is kept."""
        if not _is_one_person(inputs):
            return self._for(inputs).encode(**self._ready(inputs))
        if self._person is None or not _are_same(self._person[0], inputs):
            one = {name: tensor[:1] for name, tensor in inputs.items()}
            self._person = inputs, self._for(one).encode(**self._ready(one))
        count = _count(inputs)
        return tuple(part.expand(count, *part.shape[1:]) for part in self._person[1])

    @torch.inference_mode()
    def generate_from(self, code: tuple[Tensor, ...], **inputs: Tensor) -> GeneratorOutput:
        """As `Generator.generate_from`, and the result is float32."""
        count = _count(inputs)
        filled = self._filled(inputs)
        missing = _count(filled) - count
        if missing:
            code = tuple(torch.cat([p, p[-1:].expand(missing, *p.shape[1:])]) for p in code)
        return _finished(self._for(filled).go_on(code, **self._ready(filled)), count)

    def _for(self, inputs: Mapping[str, Tensor]) -> _Steps:
        pixels = max(x.numel() // x.shape[1] if x.dim() == 4 else 0 for x in inputs.values())
        return self._large if pixels >= LARGE else self._small

    def _ready(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Bring images, masks and maps to the network's format; points and vectors stay exact."""
        return {
            name: tensor.to(dtype=self._dtype, memory_format=self._memory_format)
            if tensor.dim() == 4
            else tensor
            for name, tensor in inputs.items()
        }

    def _filled(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Fill a last, smaller batch up: a compiled network would be compiled again for it."""
        count = _count(inputs)
        self._widest = max(self._widest, count)
        missing = self._widest - count if self._compiled else 0
        if not missing:
            return dict(inputs)
        return {
            name: torch.cat([x, x[-1:].expand(missing, *x.shape[1:])]) for name, x in inputs.items()
        }


def convert(network: Generator, dtype: torch.dtype, memory_format: torch.memory_format) -> None:
    """Bring a network to a type and a memory format, but for what it keeps in float32."""
    kept = {
        name: tensor.clone()
        for name, tensor in (*network.named_parameters(), *network.named_buffers())
        if any(fnmatchcase(name, pattern) for pattern in network.float32)
    }
    network.to(dtype=dtype, memory_format=memory_format)  # type: ignore[call-overload]
    for name, tensor in kept.items():
        owner, _, key = name.rpartition(".")
        module = network.get_submodule(owner)
        if key in module._buffers:
            module._buffers[key] = tensor
        else:
            module._parameters[key] = nn.Parameter(tensor, requires_grad=False)


def _count(inputs: Mapping[str, Tensor]) -> int:
    return next(iter(inputs.values())).shape[0]


def _is_one_person(source: Mapping[str, Tensor]) -> bool:
    """Whether all tensors are one sample, expanded (which takes no memory)."""
    return bool(source) and all(x.shape[0] == 1 or x.stride(0) == 0 for x in source.values())


def _are_same(before: Mapping[str, Tensor], now: Mapping[str, Tensor]) -> bool:
    """Whether tensors are the very same memory; those before are kept, so none can be reused."""
    return all(
        before[name].data_ptr() == x.data_ptr() and before[name].shape[1:] == x.shape[1:]
        for name, x in now.items()
    )


def _finished(made: GeneratorOutput, count: int) -> GeneratorOutput:
    aux = {name: value[:count].float() for name, value in made.aux.items()}
    return GeneratorOutput(made.image[:count].float(), aux)
