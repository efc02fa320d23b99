"""The training loop: written once, the same for every model and method."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from posegen.compute.process import Process
from posegen.config import ExperimentConfig, sampling_of
from posegen.config.parts import (
    build_dataset,
    build_encoder,
    build_method,
    build_trackers,
    check_fit,
    task_of,
)
from posegen.core.batches import Batch, GeneratorOutput
from posegen.core.contracts import PairDataset, PoseEncoder
from posegen.core.errors import ConfigError, TrainingError
from posegen.core.noise import Noise, derive
from posegen.core.skeletons import skeleton
from posegen.core.writing import save_picture
from posegen.data.augment import Augmentation, draw
from posegen.data.loading import check_directions, collate, to_batch
from posegen.evaluation.validation import Validation
from posegen.inference.grids import as_tensor, sample_grid
from posegen.training import checkpoint
from posegen.training.display import Display, Status, memory_gib
from posegen.training.initial import start_from
from posegen.training.memory import step_in_memory
from posegen.training.optimizers import learning_rate_factor
from posegen.training.progress import Meter, OnStep, stop_signals
from posegen.training.randomness import PairSampler
from posegen.training.run import Run
from posegen.training.stepper import NonFiniteLoss, Stepper, check
from posegen.training.trackers import Trackers
from posegen.training.validation import Contest
from posegen.weights.cache import find
from posegen.weights.description import WeightsConfig
from posegen.weights.folder import join, save_weights


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        step: the steps done.
        interrupted: whether somebody stopped it before its end.
        finished_early: whether validation found nothing better for so long that it ended itself.
    """

    step: int
    interrupted: bool
    finished_early: bool = False


class Trainer:
    """Trains the model of a run's configuration, from the run's last checkpoint if it has one.

    Attributes:
        stepper: does the steps.
        taken: what training starts from, where that is `training.init`.
        notes: what the user should know of how it starts.
    """

    def __init__(self, run: Run, config: ExperimentConfig, process: Process) -> None:
        self.run, self.config, self.process = run, config, process
        training = config.training
        if training.batch_size % process.world:
            raise ConfigError(
                f"training.batch_size={training.batch_size}: not divisible among {process.world} "
                "processes."
            )
        if training.both_directions and training.batch_size // process.world % 2:
            raise ConfigError(
                f"training.batch_size={training.batch_size}: with training.both_directions it must "
                f"be a multiple of {2 * process.world}."
            )
        torch.use_deterministic_algorithms(training.deterministic)
        self.data: PairDataset = build_dataset(config.data, "train")
        self.test: PairDataset = build_dataset(config.data, "test")
        if training.both_directions:
            check_directions(self.data.fields)
        self.encoder: PoseEncoder = build_encoder(config.encoder)
        self.task = task_of(self.data, self.encoder)
        torch.manual_seed(derive(config.seed, "weights"))
        method = build_method(config, self.task)
        multiple = method.networks["generator"].size_multiple
        check_fit(self.encoder, self.data.skeleton, self.data.image_size, int(multiple))  # type: ignore[arg-type]
        self.sampling = sampling_of(config.method.name, config.sampling, "sampling")
        saved, self.notes = checkpoint.newest(run.checkpoints, process)
        origin = None if saved else training.init
        self.taken = start_from(find(origin), method.networks) if origin else None
        self.stepper = Stepper.of(method, config, process)
        if saved:
            checkpoint.load(saved, self.stepper)
        if self.taken is not None:
            self.notes += [f"Started from {origin}:", *(f"  {t}" for t in self.taken.table())]
        trackers = build_trackers(config.trackers, run.path) if process.is_main else []
        self._trackers = Trackers(trackers)
        self._validation = self._build_validation()
        self._samples: Batch | None = None
        self._warm = False

    def train(self, display: Display, on_step: OnStep | None = None) -> Outcome:
        """Train to the last step, or until Ctrl-C or SIGTERM; save in either case.

        Raises:
            TrainingError: for a loss that is not finite, or for want of memory.
        """
        training, total = self.config.training, self.config.training.total_steps
        self._trackers.start(self.stepper.index, self.config.tree(), display.note)
        meter = Meter(self.stepper.index, training.batch_size)
        terms: dict[str, torch.Tensor] = {}
        over = False
        with stop_signals() as stop:
            try:
                for batch in self._batches(total):
                    terms = self._step(batch, display)
                    step = self.stepper.index
                    if on_step is not None:
                        on_step(step, terms)
                    if step % training.log_every == 0 or step == total:
                        self._report(display, meter, terms)
                    if step % training.sample_every == 0 or step == total:
                        self._sample()
                    over = self._validate(terms, display)
                    if step % training.checkpoint_every == 0 and step != total:
                        self._save(terms)
                    if over or self._stopping(stop):
                        break
                self._save(terms)
            except NonFiniteLoss as error:
                raise self._failure(error) from error
            finally:
                self._trackers.close()
        step = self.stepper.index
        return Outcome(step, interrupted=step < total and not over, finished_early=over)

    def _step(self, batch: Batch, display: Display) -> dict[str, torch.Tensor]:
        """Do a step; where networks are compiled, say so at the first one."""
        training = self.config.training
        if self._warm or not (training.compile or training.cuda_graphs):
            return step_in_memory(self.stepper, batch)
        display.note("Compiling the networks: the first step takes minutes.")
        start = time.perf_counter()
        terms = step_in_memory(self.stepper, batch)
        display.note(f"Compiled after {time.perf_counter() - start:.0f} seconds.")
        self._warm = True
        return terms

    def _batches(self, total: int) -> Iterator[Batch]:
        training, process = self.config.training, self.process
        sampler = PairSampler(
            len(self.data),
            training.batch_size // (2 if training.both_directions else 1),
            self.config.seed,
            self.stepper.index,
            total,
            process.rank,
            process.world,
        )
        loader: DataLoader[Any] = DataLoader(
            self.data,
            batch_sampler=sampler,
            collate_fn=partial(
                collate, fields=self.data.fields, both_directions=training.both_directions
            ),
            num_workers=training.workers,
            pin_memory=process.device.type == "cuda",
            persistent_workers=training.workers > 0,
        )
        for step, raw in enumerate(loader, start=self.stepper.index):
            batch = to_batch(raw, self.encoder, process.device, self._augmentation(step))
            batch.first = process.rank * len(batch)
            yield batch

    def _augmentation(self, step: int) -> Augmentation | None:
        """Draw this process's part of what is drawn for the whole batch of a step."""
        size, process = self.config.training.batch_size, self.process
        random = torch.Generator().manual_seed(derive(self.config.seed, "augment", step))
        bones = skeleton(self.data.skeleton)
        drawn = draw(self.config.augment, bones, size, random, self.data.fields)
        share = size // process.world
        return drawn and drawn.part(process.rank * share, (process.rank + 1) * share)

    def _report(self, display: Display, meter: Meter, terms: dict[str, torch.Tensor]) -> None:
        """Read the losses (the only wait for the device) and show them."""
        stacked = self.process.mean(torch.stack([value.float() for value in terms.values()]))
        step, total = self.stepper.index, self.config.training.total_steps
        values = check(dict(zip(terms, stacked.cpu(), strict=True)), step - 1)
        rate, left = meter.read(step, total)
        rates = {
            "lr": self.config.optimizer.lr
            * learning_rate_factor(self.config.training, self.config.schedule, step - 1),
            "images_per_second": rate,
            "epoch": step / self.config.training.steps_per_epoch,
        }
        self._trackers.scalars(step, {**values, **rates})
        display.update(Status(step, total, values, rate, left, memory_gib(self.process.device)))

    def _sample(self) -> None:
        """Draw a grid of fixed pairs of the test split with the networks that would be shared."""
        if not self.process.is_main:
            return
        if self._samples is None:
            count = min(self.config.training.sample_pairs, len(self.test))
            # Spread over the split, so that they are of different people.
            places = [len(self.test) * i // count for i in range(count)]
            raw = collate(self.test.__getitems__(places), fields=self.test.fields)
            self._samples = to_batch(raw, self.encoder, self.process.device)
        output = self.generate(self._samples)
        picture = sample_grid(self._samples, output, skeleton(self.data.skeleton))
        save_picture(self.run.samples / f"step-{self.stepper.index:08d}.png", picture)
        self._trackers.picture(self.stepper.index, "samples", as_tensor(picture))

    def _build_validation(self) -> Validation | None:
        options = self.config.validation
        if not options.every:
            return None
        return Validation(
            self.test,
            self.encoder,
            options.metrics,
            pairs=options.pairs,
            process=self.process,
            batch_size=self.config.training.batch_size,
        )

    def _validate(self, terms: dict[str, torch.Tensor], display: Display) -> bool:
        """Score the networks that would be shared, where it is time to.

        Returns:
            Whether training is to end.
        """
        options, step = self.config.validation, self.stepper.index
        if self._validation is None or step % options.every:
            return False
        check(terms, step - 1)  # never weights after a loss that is not finite
        scores = self._validation(lambda batch: self.generate(batch).image)
        self._trackers.scalars(step, {f"validation/{name}": s for name, s in scores.items()})
        shown = "  ".join(f"{name} {value:.4f}" for name, value in scores.items())
        higher = self._validation.directions[options.best] == "higher"
        contest = Contest(self.run.best, options, higher, step)
        better = contest.is_better(scores[options.best])
        display.note(f"validation at step {step}: {shown}{'  (best so far)' if better else ''}")
        self.process.wait()  # all have read the file that the first one writes now
        if better:
            if self.process.is_main:
                self._share(self.run.best)
                contest.win(step, scores[options.best])
            return False
        return contest.is_over(step)

    def _save(self, terms: dict[str, torch.Tensor]) -> None:
        check(terms, self.stepper.index - 1)  # never a checkpoint after a loss that is not finite
        checkpoint.save(self.run.checkpoints, self.stepper, self.config.training.keep_checkpoints)
        if self.process.is_main:
            self._share(self.run.weights)
        self.process.wait()

    def _share(self, folder: Path) -> None:
        """Write the networks as they are shared."""
        step = self.stepper.index
        images = step * self.config.training.batch_size
        facts = {"step": step, "images": images, "average": bool(self.stepper.averages)}
        with self.stepper.evaluation() as networks:
            described = WeightsConfig.of_run(self.config, self.task, networks, facts)
            save_weights(folder, described, join(networks))

    @torch.no_grad()
    def generate(self, batch: Batch) -> GeneratorOutput:
        """Sample for a batch with the networks that would be shared; noise is of the run's seed."""
        noise = Noise(self.config.seed, batch.names, self.process.device)
        with self.stepper.evaluation() as networks:
            return self.stepper.method.sample(networks, batch, noise, self.sampling)  # type: ignore[arg-type]

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
