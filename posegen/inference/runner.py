"""A generator made ready to run: folded, in the memory format and the precision of its device."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from posegen.compute.kernels import use_cpu_kernels
from posegen.config import Precision
from posegen.core.batches import GeneratorOutput, TaskInfo
from posegen.core.contracts import Generator
from posegen.core.errors import ConfigError
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
    """Runs a generator for images; it never takes gradients.

    Args:
        generator: in evaluation mode; it is left as it is.
        task: the sizes that it was built for.
        device: where it is.
        speed: how it is run.

    Attributes:
        folded: how many batch norms were folded.
    """

    def __init__(
        self, generator: Generator, task: TaskInfo, device: torch.device, speed: Speed
    ) -> None:
        self._dtype = _TYPES[speed.precision]
        last = device.type in _CHANNELS_LAST
        self._layout = torch.channels_last if last else torch.contiguous_format
        network, self.folded = sharing_copy(generator), 0
        if speed.fold:
            network, self.folded = folded(generator, task)
        if self._dtype != torch.float32:
            network = copy.deepcopy(network)  # the original keeps its own numbers
        network.to(dtype=self._dtype, memory_format=self._layout)  # type: ignore[call-overload]
        self._compiled = speed.compile
        self._small = self._large = _Steps.of(network, speed.compile)
        if device.type == "cpu" and speed == Speed(fold=speed.fold):  # in full, not compiled
            other = sharing_copy(network)
            use_cpu_kernels(other)
            self._large = _Steps.of(other, compiled=False)
        self._widest = 0  # pictures of the largest batch so far

    @torch.inference_mode()
    def run(self, source: Tensor, source_pose: Tensor, target_pose: Tensor) -> GeneratorOutput:
        """Generate for pairs; as `Generator.forward`, and the result is float32."""
        filled = map(self._filled, (source, source_pose, target_pose))
        return self._finished(self._for(source).whole(*self._ready(*filled)), len(source))

    @torch.inference_mode()
    def encode(self, source: Tensor, source_pose: Tensor) -> tuple[Tensor, ...]:
        """Do once what many poses of one person share; both of batch size 1."""
        code: tuple[Tensor, ...] = self._for(source).encode(*self._ready(source, source_pose))
        return code

    @torch.inference_mode()
    def go_on(self, code: Sequence[Tensor], target_pose: Tensor) -> GeneratorOutput:
        """Generate for poses (B, C, H, W) of the person that `encode` has seen."""
        (poses,) = self._ready(self._filled(target_pose))
        expanded = tuple(part.expand(len(poses), *part.shape[1:]) for part in code)
        return self._finished(self._for(poses).go_on(expanded, poses), len(target_pose))

    def _for(self, images: Tensor) -> _Steps:
        pixels = len(images) * images.shape[-2] * images.shape[-1]
        return self._large if pixels >= LARGE else self._small

    def _ready(self, *images: Tensor) -> list[Tensor]:
        return [image.to(dtype=self._dtype, memory_format=self._layout) for image in images]

    def _filled(self, images: Tensor) -> Tensor:
        """Fill a last, smaller batch up: a compiled network would be compiled again for it."""
        self._widest = max(self._widest, len(images))
        missing = self._widest - len(images) if self._compiled else 0
        return torch.cat([images, images[-1:].expand(missing, -1, -1, -1)]) if missing else images

    @staticmethod
    def _finished(made: GeneratorOutput, count: int) -> GeneratorOutput:
        aux = {name: value[:count].float() for name, value in made.aux.items()}
        return GeneratorOutput(made.image[:count].float(), aux)
