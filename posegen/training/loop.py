"""The training loop: written once, the same for every model and method."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader

from posegen.compute.process import Process
from posegen.config import ExperimentConfig
from posegen.config.parts import build_dataset, build_encoder, check_fit
from posegen.core.batches import Batch, TaskInfo
from posegen.core.contracts import PairDataset, PoseEncoder
from posegen.core.errors import ConfigError, TrainingError
from posegen.data.augment import Augmentation, draw
from posegen.data.loading import collate, to_batch
from posegen.inference.grids import sample_grid
from posegen.poses.layouts import layout
from posegen.training import checkpoint
from posegen.training.display import Display, Status, memory_gib
from posegen.training.parts import build_method
from posegen.training.randomness import PairSampler, derive
from posegen.training.run import Log, Run
from posegen.training.stepper import NonFiniteLoss, Stepper, check, learning_rate_factor
from posegen.weights.folder import WeightsConfig, save_weights


@dataclass(frozen=True)
class Outcome:
    """How a run ended: at which step, and whether it was stopped before its end."""

    step: int
    interrupted: bool


class Trainer:
    """Trains the model of a run's configuration, from the run's last checkpoint if it has one."""

    def __init__(self, run: Run, config: ExperimentConfig, process: Process) -> None:
        self.run, self.config, self.process = run, config, process
        training = config.training
        if training.batch_size % process.world:
            raise ConfigError(
                f"training.batch_size={training.batch_size}: not divisible among {process.world} "
                "processes."
            )
        torch.use_deterministic_algorithms(training.deterministic)
        self.data: PairDataset = build_dataset(config.data, "train")
        self.encoder: PoseEncoder = build_encoder(config.encoder)
        self.task = TaskInfo(self.data.image_size, self.encoder.channels)
        torch.manual_seed(derive(config.seed, "weights"))
        method = build_method(config, self.task)
        multiple = method.networks["generator"].size_multiple
        check_fit(self.encoder, self.data.layout, self.data.image_size, int(multiple))  # type: ignore[arg-type]
        self.stepper = Stepper(method, config, process=process)
        found = checkpoint.complete(run.checkpoints)
        if found:
            checkpoint.load(found[-1], self.stepper)
        self._samples: Batch | None = None
        self._warm = False

    def train(self, display: Display) -> Outcome:
        """Train to the last step, or until Ctrl-C or SIGTERM; save in either case.

        Raises:
            TrainingError: for a loss that is not finite; what was saved before stays.
        """
        training, total = self.config.training, self.config.training.total_steps
        log = Log(self.run, self.stepper.index) if self.process.is_main else None
        meter = Meter(self.stepper.index, training.batch_size)
        terms: dict[str, torch.Tensor] = {}
        with stop_signals() as stop:
            try:
                for batch in self._batches(total):
                    terms = self._step(batch, display)
                    step = self.stepper.index
                    if step % training.log_every == 0 or step == total:
                        self._report(log, display, meter, terms)
                    if step % training.sample_every == 0 or step == total:
                        self._sample(log)
                    if step % training.checkpoint_every == 0 and step != total:
                        self._save(terms)
                    if self._stopping(stop):
                        break
                self._save(terms)
            except NonFiniteLoss as error:
                raise self._failure(error) from error
            finally:
                if log:
                    log.close()
        return Outcome(self.stepper.index, interrupted=self.stepper.index < total)

    def _step(self, batch: Batch, display: Display) -> dict[str, torch.Tensor]:
        """Do a step; where networks are compiled, say so at the first one."""
        training = self.config.training
        if self._warm or not (training.compile or training.cuda_graphs):
            return self.stepper.step(batch)
        display.note("Compiling the networks: the first step takes minutes.")
        start = time.perf_counter()
        terms = self.stepper.step(batch)
        display.note(f"Compiled after {time.perf_counter() - start:.0f} seconds.")
        self._warm = True
        return terms

    def _batches(self, total: int) -> Iterator[Batch]:
        training, process = self.config.training, self.process
        sampler = PairSampler(
            len(self.data),
            training.batch_size,
            self.config.seed,
            self.stepper.index,
            total,
            process.rank,
            process.world,
        )
        loader: DataLoader[Any] = DataLoader(
            self.data,
            batch_sampler=sampler,
            collate_fn=collate,
            num_workers=training.workers,
            pin_memory=process.device.type == "cuda",
            persistent_workers=training.workers > 0,
        )
        for step, raw in enumerate(loader, start=self.stepper.index):
            yield to_batch(raw, self.encoder, process.device, self._augmentation(step))

    def _augmentation(self, step: int) -> Augmentation | None:
        """Draw this process's part of what is drawn for the whole batch of a step."""
        size, process = self.config.training.batch_size, self.process
        random = torch.Generator().manual_seed(derive(self.config.seed, "augment", step))
        drawn = draw(self.config.augment, layout(self.data.layout), size, random)
        share = size // process.world
        return drawn and drawn.part(process.rank * share, (process.rank + 1) * share)

    def _report(
        self, log: Log | None, display: Display, meter: Meter, terms: dict[str, torch.Tensor]
    ) -> None:
        """Read the losses (the only wait for the device) and show them."""
        stacked = self.process.mean(torch.stack([value.float() for value in terms.values()]))
        step, total = self.stepper.index, self.config.training.total_steps
        values = check(dict(zip(terms, stacked.cpu(), strict=True)), step - 1)
        rate, left = meter.read(step, total)
        if log:
            rates = {
                "images_per_second": rate,
                "epoch": step / self.config.training.steps_per_epoch,
            }
            factor = learning_rate_factor(self.config, step - 1)
            log.scalars(step, {**values, "lr": self.config.optimizer.lr * factor, **rates})
        display.update(Status(step, total, values, rate, left, memory_gib(self.process.device)))

    def _sample(self, log: Log | None) -> None:
        """Draw a grid of fixed pairs of the test split with the network that would be shared."""
        if log is None:
            return
        if self._samples is None:
            test = build_dataset(self.config.data, "test")
            count = min(self.config.training.sample_pairs, len(test))
            # Spread over the split, so that they are of different people.
            pairs = test.__getitems__([len(test) * i // count for i in range(count)])
            self._samples = to_batch(collate(pairs), self.encoder, self.process.device)
        network = self._shared()
        network.eval()
        with torch.no_grad():
            output = self.stepper.method.generate(network, self._samples)
        network.train()
        picture = sample_grid(self._samples, output, layout(self.data.layout))
        picture.save(self.run.samples / f"step-{self.stepper.index:08d}.png")
        log.picture(self.stepper.index, picture)

    def _save(self, terms: dict[str, torch.Tensor]) -> None:
        check(terms, self.stepper.index - 1)  # never a checkpoint after a loss that is not finite
        checkpoint.save(self.run.checkpoints, self.stepper, self.config.training.keep_checkpoints)
        if self.process.is_main:
            step = self.stepper.index
            images = step * self.config.training.batch_size
            facts = {"step": step, "images": images, "average": self.stepper.average is not None}
            described = WeightsConfig.of_run(
                self.config, self.data.layout, self.data.image_size, facts
            )
            save_weights(self.run.weights, described, self._shared().state_dict())
        self.process.wait()

    def _shared(self) -> torch.nn.Module:
        average = self.stepper.average
        if average is None:
            return self.stepper.method.networks["generator"]
        module: torch.nn.Module = average.module
        return module

    def _stopping(self, stop: dict[str, bool]) -> bool:
        """Whether to stop; several processes agree on it, at logged steps."""
        if not self.process.distributed:
            return stop["asked"]
        if self.stepper.index % self.config.training.log_every:
            return False
        asked = torch.tensor(float(stop["asked"]), device=self.process.device)
        return bool(self.process.mean(asked) > 0)

    def _failure(self, error: NonFiniteLoss) -> TrainingError:
        saved = checkpoint.complete(self.run.checkpoints)
        where = f"the last good state is {saved[-1]}" if saved else "nothing was saved before"
        return TrainingError(
            f"{error}; {where}. Try `--set training.clip_norm=1`, a smaller `optimizer.lr`, "
            "or `--precision 32`."
        )


class Meter:
    """Images per second, and the time left."""

    def __init__(self, step: int, batch_size: int) -> None:
        self._batch_size = batch_size
        self._step, self._time = step, time.perf_counter()

    def read(self, step: int, total: int) -> tuple[float, float]:
        """Return images per second since the last reading, and the seconds left at that pace."""
        now = time.perf_counter()
        pace = (now - self._time) / max(1, step - self._step)
        self._step, self._time = step, now
        return self._batch_size / pace, pace * (total - step)


@contextmanager
def stop_signals() -> Iterator[dict[str, bool]]:
    """Turn the first Ctrl-C or SIGTERM into a request to stop; a second one acts at once."""
    state = {"asked": False}

    def ask(number: int, frame: object) -> None:
        if state["asked"]:
            raise KeyboardInterrupt
        state["asked"] = True

    try:
        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not in the main thread, where signals cannot be caught
        before = {}
    try:
        yield state
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
