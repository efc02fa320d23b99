"""One optimisation step of any method: devices, precision, accumulation, clipping, averages."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from posegen.compute.kernels import use_cpu_kernels
from posegen.compute.precision import allow_tf32, autocast, compile_network
from posegen.compute.process import Process
from posegen.config import ExperimentConfig, OptimizerConfig, ScheduleConfig, TrainingConfig
from posegen.core.batches import Batch
from posegen.core.errors import ConfigError, TrainingError
from posegen.core.methods import Method, StepContext
from posegen.core.noise import Noise, derive
from posegen.training.average import Average
from posegen.training.freezing import Freezing
from posegen.training.optimizers import build_optimizer, check_networks, learning_rate_factor


class NonFiniteLoss(TrainingError):
    """A loss that is not a finite number."""


class Stepper:
    """Owns a method's networks on a device, with their optimisers.

    Args:
        method: its networks are moved to the device in place.
        training, optimizer, schedule, seed: those sections of an experiment.
        process: this one among several; its device computes.

    Attributes:
        method, training, schedule, seed, process: as given.
        index: steps done so far.
        optimizers: network -> optimiser; a network that is frozen as a whole has none.
        averages: shared network -> its average; empty where `training.ema` is 0.
    """

    def __init__(
        self,
        method: Method,
        training: TrainingConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        schedule: ScheduleConfig | None = None,
        *,
        seed: int = 0,
        process: Process | None = None,
    ) -> None:
        self.process = process or Process(torch.device("cpu"))
        self.method, self.seed, self.index = method, seed, 0
        self.training, self.schedule = training or TrainingConfig(), schedule or ScheduleConfig()
        optimizer = optimizer or OptimizerConfig()
        training, device = self.training, self.process.device
        check_networks(optimizer, method.networks)
        self._memory_format = _memory_format(training, self.process.world)
        if device.type == "cuda":
            allow_tf32(training.tf32)
        self._place()
        self._freezing = Freezing(method.networks, training.freeze)
        self._freezing.train()
        self._trained = {
            name: [parameter for parameter in network.parameters() if parameter.requires_grad]
            for name, network in method.networks.items()
        }
        self.averages = {
            name: Average(method.networks[name], training.ema)
            for name in (method.shared if training.ema > 0 else ())
        }
        if training.compile or training.cuda_graphs:
            for network in method.networks.values():
                compile_network(network, training.cuda_graphs)
        built = {
            name: build_optimizer(name, network, optimizer, device)
            for name, network in method.networks.items()
        }
        self.optimizers = {name: each for name, each in built.items() if each is not None}
        self._rates = {name: optimizer.of(name).lr for name in self.optimizers}
        self.scalers = {
            phase: torch.amp.GradScaler(device.type, enabled=training.precision == "fp16")
            for phase in method.phases
        }
        self._wrapped = {name: self._wrap(name) for name in method.networks}

    @classmethod
    def of(
        cls, method: Method, config: ExperimentConfig, process: Process | None = None
    ) -> Stepper:
        """Return the stepper of an experiment."""
        return cls(
            method,
            config.training,
            config.optimizer,
            config.schedule,
            seed=config.seed,
            process=process,
        )

    def _place(self) -> None:
        """Put all modules on the device, ready to be trained or, the frozen ones, used."""
        training, device = self.training, self.process.device
        networks, frozen = self.method.networks, self.method.frozen
        own = training.cpu_kernels and not (training.compile or training.cuda_graphs)
        for module in [*networks.values(), *frozen.values()]:
            module.to(device=device, memory_format=self._memory_format)  # type: ignore[call-overload]
            if own and device.type == "cpu":
                use_cpu_kernels(module)
        if training.sync_batch_norm and self.process.distributed:
            if device.type != "cuda":
                raise ConfigError(
                    "training.sync_batch_norm: PyTorch synchronises batch norm on NVIDIA GPUs only."
                )
            for name, network in networks.items():
                networks[name] = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        for module in frozen.values():
            module.eval().requires_grad_(False)

    @contextlib.contextmanager
    def evaluation(self) -> Iterator[dict[str, nn.Module]]:
        """Give the networks that would be shared, in evaluation mode."""
        networks = {
            name: self.averages[name].module
            if name in self.averages
            else self.method.networks[name]  # type: ignore[misc]
            for name in self.method.shared
        }
        for network in networks.values():
            network.eval()
        try:
            yield networks
        finally:
            self._freezing.train()

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Run every phase once on `batch`; its `first` is its place in the step's whole batch.

        Returns:
            `"phase/term"` -> detached scalar on the device; `"phase/total"` is what was minimised.

        Raises:
            NonFiniteLoss: on the CPU, before the weights of that phase are touched. On other
                devices nothing waits for the loss; `check` it when the values are read.
        """
        if self.training.cuda_graphs:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        torch.manual_seed(derive(self.seed, "dropout", self.index, self.process.rank))
        self._set_rates(learning_rate_factor(self.training, self.schedule, self.index))
        whole = batch.in_memory_format(self._memory_format)
        parts = whole.split(self.training.accumulate)
        contexts = self._contexts(parts)
        terms: dict[str, Tensor] = {}
        for phase in self.method.phases:
            terms.update(self._phase(phase, parts, contexts))
        for name, average in self.averages.items():
            average.update(self.method.networks[name])
        self.index += 1
        return terms

    def _contexts(self, parts: list[Batch]) -> list[StepContext]:
        """Make what the phases have beside each part of the batch."""
        seed = self.seed
        random = torch.Generator().manual_seed(
            derive(seed, "method", self.index, self.process.rank)
        )
        return [
            StepContext(
                networks=self.method.networks,
                random=random,
                noise=Noise(
                    derive(seed, "step", self.index),
                    [str(part.first + place) for place in range(len(part))],
                    self.process.device,
                ),
                step=self.index,
            )
            for part in parts
        ]

    def _phase(
        self, phase: str, parts: list[Batch], contexts: list[StepContext]
    ) -> dict[str, Tensor]:
        names, scaler = self.method.phases[phase], self.scalers[phase]
        sums: dict[str, Tensor] = {}
        whole = sum(len(part) for part in parts)
        networks = {**self.method.networks, **{name: self._wrapped[name] for name in names}}
        with self._training_only(names):
            for number, (part, context) in enumerate(zip(parts, contexts, strict=True)):
                context.networks = networks
                share = len(part) / whole
                with self._sync(names, last=number == len(parts) - 1):
                    with autocast(self.process.device, self.training.precision):
                        loss, terms = self.method.loss(phase, part, context)
                    if loss.device.type == "cpu":
                        check({f"{phase}/total": loss.detach()}, self.index)
                    if loss.requires_grad:  # not where the whole phase is frozen
                        torch.autograd.backward(scaler.scale(loss * share))
                for name, value in {**terms, "total": loss.detach()}.items():
                    key = f"{phase}/{name}"
                    sums[key] = sums[key] + value * share if key in sums else value * share
        self._update(names, scaler)
        return sums

    def _update(self, names: tuple[str, ...], scaler: torch.amp.GradScaler) -> None:
        """Let the optimisers of a phase do their step."""
        stepped = [name for name in names if name in self.optimizers]
        for name in stepped:
            optimizer = self.optimizers[name]
            if self.training.clip_norm is not None:
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(self._trained[name], self.training.clip_norm)
            scaler.step(optimizer)
        if stepped:
            scaler.update()
        for name in stepped:
            self.optimizers[name].zero_grad(set_to_none=True)  # the next phases need the memory

    @contextlib.contextmanager
    def _training_only(self, names: tuple[str, ...]) -> Iterator[None]:
        """Take gradients for these networks only; the others just pass them on."""
        others = [
            parameter
            for name, parameters in self._trained.items()
            if name not in names
            for parameter in parameters
        ]
        for parameter in others:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in others:
                parameter.requires_grad_(True)

    @contextlib.contextmanager
    def _sync(self, names: tuple[str, ...], *, last: bool) -> Iterator[None]:
        """Average gradients over the processes once, with the last part of the batch."""
        with contextlib.ExitStack() as stack:
            for name in names:
                network = self._wrapped[name]
                if isinstance(network, DistributedDataParallel) and not last:
                    stack.enter_context(network.no_sync())
            yield

    def _wrap(self, name: str) -> nn.Module:
        network = self.method.networks[name]
        if not self.process.distributed or not self._trained[name]:
            return network
        device = self.process.device
        with warnings.catch_warnings():
            # Its successor in PyTorch 2.15 is another thing: it synchronises once at the start.
            warnings.filterwarnings("ignore", ".*broadcast_buffers", FutureWarning)
            return DistributedDataParallel(
                network,
                device_ids=[device] if device.type == "cuda" else None,
                # Buffers stay each process's own: broadcasting them between a discriminator's two
                # passes would change what the first one needs for its gradient.
                broadcast_buffers=False,
                gradient_as_bucket_view=True,
            )

    def _set_rates(self, factor: float) -> None:
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = self._rates[name] * factor


def _memory_format(training: TrainingConfig, processes: int) -> torch.memory_format:
    """Return the memory format of networks and images.

    Never channels_last for single images, whatever the configuration says: for a batch of one in
    that format, the gradient of PyTorch's instance norm is wrong (seen in 2.15 on the CPU).
    """
    smallest = training.batch_size // processes // training.accumulate
    fits = training.channels_last and smallest > 1
    return torch.channels_last if fits else torch.contiguous_format


def check(terms: dict[str, Tensor], step: int) -> dict[str, float]:
    """Read losses as numbers.

    Raises:
        NonFiniteLoss: naming the first that is not finite.
    """
    values = {name: float(value) for name, value in terms.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            raise NonFiniteLoss(f"the loss {name} is {value} in step {step}")
    return values
