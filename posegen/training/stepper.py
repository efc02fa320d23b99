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
from posegen.compute.norm import synchronise_batch_norm
from posegen.compute.precision import allow_tf32, autocast, compile_network
from posegen.compute.process import Process
from posegen.config import ExperimentConfig, TrainingConfig
from posegen.core.batches import Batch
from posegen.core.errors import ConfigError, TrainingError, suggest
from posegen.core.methods import Method, StepContext
from posegen.training.average import Average
from posegen.training.randomness import derive


class NonFiniteLoss(TrainingError):
    """A loss that is not a finite number."""


class Stepper:
    """Owns a method's networks on a device, with their optimisers.

    Attributes:
        method: the method; its networks are moved to the device in place.
        index: steps done so far.
        optimizers: phase -> Adam.
        average: the averaged generator, or None where `training.ema` is 0.
    """

    def __init__(
        self,
        method: Method,
        config: ExperimentConfig,
        device: torch.device | None = None,
        process: Process | None = None,
    ) -> None:
        self.process = process or Process(device or torch.device("cpu"))
        self.method, self.config, self.index = method, config, 0
        training, device = config.training, self.process.device
        self._layout = _memory_format(training, self.process.world)
        unknown = set(config.optimizer.scale) - set(method.phases)
        if unknown:
            near = suggest(min(unknown), method.phases)
            raise ConfigError(f"optimizer.scale.{min(unknown)}: no such network; {near}")
        if device.type == "cuda":
            allow_tf32(training.tf32)
        self._prepare_networks()
        generator = method.networks["generator"]
        self.average = Average(generator, training.ema) if training.ema > 0 else None
        if training.compile or training.cuda_graphs:
            for network in method.networks.values():
                compile_network(network, training.cuda_graphs)
        self.optimizers = {phase: self._optimizer(phase) for phase in method.phases}
        self.scalers = {
            phase: torch.amp.GradScaler(device.type, enabled=training.precision == "fp16")
            for phase in method.phases
        }
        self._wrapped = {phase: self._wrap(method.networks[phase]) for phase in method.phases}

    def _prepare_networks(self) -> None:
        training, device = self.config.training, self.process.device
        networks, frozen = self.method.networks, self.method.frozen
        own = training.cpu_kernels and not (training.compile or training.cuda_graphs)
        for module in [*networks.values(), *frozen]:
            module.to(device=device, memory_format=self._layout)  # type: ignore[call-overload]
            if own and device.type == "cpu":
                use_cpu_kernels(module)
        for name, network in networks.items():
            if training.sync_batch_norm and self.process.distributed:
                networks[name] = synchronise_batch_norm(network, device)
            network.train()
        for module in frozen:
            module.eval()

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Run every phase once on `batch`.

        Returns:
            `"phase/term"` -> detached scalar on the device; `"phase/total"` is what was minimised.

        Raises:
            NonFiniteLoss: on the CPU, before the weights of that phase are touched. On other
                devices nothing waits for the loss; `check` it when the values are read.
        """
        if self.config.training.cuda_graphs:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        seed, rank = self.config.seed, self.process.rank
        torch.manual_seed(derive(seed, "dropout", self.index, rank))
        random = torch.Generator().manual_seed(derive(seed, "method", self.index, rank))
        factor = learning_rate_factor(self.config, self.index)
        whole = batch.in_memory_format(self._layout)
        parts = whole.split(self.config.training.accumulate)
        contexts = [StepContext(networks={}, random=random) for _ in parts]
        terms: dict[str, Tensor] = {}
        for phase in self.method.phases:
            self._set_rate(phase, factor)
            terms.update(self._phase(phase, parts, contexts))
        if self.average is not None:
            self.average.update(self.method.networks["generator"])
        self.index += 1
        return terms

    def _phase(
        self, phase: str, parts: list[Batch], contexts: list[StepContext]
    ) -> dict[str, Tensor]:
        optimizer, scaler = self.optimizers[phase], self.scalers[phase]
        network = self.method.networks[phase]
        sums: dict[str, Tensor] = {}
        whole = sum(len(part) for part in parts)
        with self._training_only(phase):
            for number, (part, context) in enumerate(zip(parts, contexts, strict=True)):
                context.networks = {**self.method.networks, phase: self._wrapped[phase]}
                share = len(part) / whole
                with self._sync(phase, last=number == len(parts) - 1):
                    with autocast(self.process.device, self.config.training.precision):
                        loss, terms = self.method.loss(phase, part, context)
                    if loss.device.type == "cpu":
                        check({f"{phase}/total": loss.detach()}, self.index)
                    # Nothing else that wants a gradient (a shared pass's image) costs time here.
                    only = None if self.process.distributed else list(network.parameters())
                    torch.autograd.backward(scaler.scale(loss * share), inputs=only)
                for name, value in {**terms, "total": loss.detach()}.items():
                    key = f"{phase}/{name}"
                    sums[key] = sums[key] + value * share if key in sums else value * share
        if self.config.training.clip_norm is not None:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(network.parameters(), self.config.training.clip_norm)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)  # at once: the next phases need the memory
        return sums

    @contextlib.contextmanager
    def _training_only(self, phase: str) -> Iterator[None]:
        """Take gradients for one network only; the others just pass them on."""
        others = [net for name, net in self.method.networks.items() if name != phase]
        for network in others:
            network.requires_grad_(False)
        try:
            yield
        finally:
            for network in others:
                network.requires_grad_(True)

    def _sync(self, phase: str, *, last: bool) -> contextlib.AbstractContextManager[object]:
        """Average gradients over the processes once, with the last part of the batch."""
        network = self._wrapped[phase]
        if isinstance(network, DistributedDataParallel) and not last:
            return network.no_sync()
        return contextlib.nullcontext()

    def _wrap(self, network: nn.Module) -> nn.Module:
        if not self.process.distributed:
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

    def _optimizer(self, phase: str) -> torch.optim.Adam:
        options, device = self.config.optimizer, self.process.device
        optimizer = torch.optim.Adam(
            self.method.networks[phase].parameters(),
            lr=self._rate(phase),
            betas=(options.beta1, options.beta2),
            weight_decay=options.weight_decay,
            fused=options.fused and device.type in ("cpu", "cuda"),
        )
        _start_moments(optimizer, device)
        return optimizer

    def _rate(self, phase: str) -> float:
        return self.config.optimizer.lr * self.config.optimizer.scale.get(phase, 1.0)

    def _set_rate(self, phase: str, factor: float) -> None:
        for group in self.optimizers[phase].param_groups:
            group["lr"] = self._rate(phase) * factor


def _start_moments(optimizer: torch.optim.Adam, device: torch.device) -> None:
    """Make Adam's state, which it would make in its first step.

    Then it would lie between what a step leaves free, which later steps could not use.
    """
    counter = device if optimizer.defaults["fused"] else torch.device("cpu")
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            optimizer.state[parameter] = {
                "step": torch.zeros((), device=counter),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }


def _memory_format(training: TrainingConfig, processes: int) -> torch.memory_format:
    """Return the memory format of networks and images.

    Never channels_last for single images, whatever the configuration says: for a batch of one in
    that format, the gradient of PyTorch's instance norm is wrong (seen in 2.15 on the CPU).
    """
    smallest = training.batch_size // processes // training.accumulate
    fits = training.channels_last and smallest > 1
    return torch.channels_last if fits else torch.contiguous_format


def learning_rate_factor(config: ExperimentConfig, step: int) -> float:
    """Return the factor of the learning rate in step `step` (from 0).

    As published: 1 for `constant_epochs`, then falling by 1/(decay_epochs + 1) an epoch. In epoch e
    (from 0) it is 1 - max(0, e + 2 - constant) / (decay + 1), never below 0.
    """
    training = config.training
    if training.decay_epochs == 0:
        return 1.0
    epoch = step // training.steps_per_epoch
    late = max(0, epoch + 2 - training.constant_epochs)
    return max(0.0, 1.0 - late / (training.decay_epochs + 1))


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
