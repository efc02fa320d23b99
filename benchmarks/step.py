"""Times a training step of ours against the same mathematics written plainly, side by side.

    python benchmarks/step.py --preset market1501 --ngf 64 --batch 2

Both sides use the networks of the preset with the same weights, in one process, in turn. The plain
side is the published order of operations: contiguous memory, gradients kept for everything that
`backward` reaches, losses on label tensors. The VGG of the perceptual loss has random weights on
both sides, which cost the same. Prints JSON: median seconds of each side, and ours / plain.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from posegen.config import ExperimentConfig, experiment, preset
from posegen.core import Batch, GeneratorOutput, Method, TaskInfo
from posegen.training import Stepper, build_method


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="market1501")
    parser.add_argument("--ngf", type=int, default=64)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    config = configuration(options.preset, options.ngf, options.batch)
    height, width = config.data.options["image_size"]
    torch.manual_seed(0)
    method = build_method(config, TaskInfo((height, width), 18))
    plain_method = copy.deepcopy(method)
    batch = random_batch(options.batch, (height, width))
    stepper = Stepper(method, config)
    plain = PlainStep(plain_method, config)
    ours_s, plain_s = in_turn(
        lambda: stepper.step(batch), lambda: plain(batch), rounds=options.rounds
    )
    result = {
        "preset": options.preset,
        "ngf": options.ngf,
        "batch": options.batch,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "ours_s": round(ours_s, 4),
        "plain_s": round(plain_s, 4),
        "ratio": round(ours_s / plain_s, 3),
    }
    print(json.dumps(result))


def configuration(name: str, ngf: int, batch: int) -> ExperimentConfig:
    """Return a preset at some width, with what needs files replaced by what costs the same."""
    widths = [f"{part}.ngf={ngf}" for part in ("generator", "discriminators.appearance")]
    return experiment(
        preset("patn", name),
        {"data": {"name": "people"}, "losses": {"perceptual": {"name": "random-vgg"}}},
        overrides=[
            *widths,
            f"discriminators.shape.ngf={ngf}",
            'losses.perceptual.layers=["relu1_2"]',
            f"training.batch_size={batch}",
        ],
    )


def random_batch(count: int, size: tuple[int, int]) -> Batch:
    """Return a batch of noise."""
    random = torch.Generator().manual_seed(0)

    def draw(channels: int) -> Tensor:
        return torch.rand(count, channels, *size, generator=random)

    points = torch.zeros(count, 18, 3)
    return Batch(draw(3) * 2 - 1, draw(3) * 2 - 1, points, points, draw(18), draw(18))


class PlainStep:
    """The published step (`models/PATN.py`) without any care for speed."""

    def __init__(self, method: Method, config: ExperimentConfig) -> None:
        self.method = method
        self.bce = config.method.options["objective"] == "bce"
        self.weight = config.method.options["weight"]
        self.factors = {name: loss.weight for name, loss in config.losses.items()}
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), 2e-4, betas=(0.5, 0.999))
            for name, network in method.networks.items()
        }

    def judge(self, scores: Tensor, label: float) -> Tensor:
        """Return the objective on a tensor of labels."""
        labels = torch.full_like(scores, label)
        if self.bce:
            return functional.binary_cross_entropy(scores.sigmoid(), labels)
        return functional.mse_loss(scores, labels)

    def __call__(self, batch: Batch) -> dict[str, float]:
        """Run one step."""
        networks, conditions = self.method.networks, {"appearance": batch.source}
        conditions["shape"] = batch.target_pose
        fake = self.method.generate(networks["generator"], batch).image
        self.optimizers["generator"].zero_grad()
        scores = [self.judge(networks[n](fake, c), 1) for n, c in conditions.items()]
        perceptual = self.method.frozen[1](GeneratorOutput(fake), batch)
        total = (
            self.factors["l1"] * functional.l1_loss(fake, batch.target)
            + self.factors["perceptual"] * perceptual
            + self.weight * torch.stack(scores).mean()
        )
        total.backward()
        self.optimizers["generator"].step()
        losses = {"generator": total.item()}
        for name, condition in conditions.items():
            self.optimizers[name].zero_grad()
            real = self.judge(networks[name](batch.target, condition), 1)
            loss = (
                self.weight * (real + self.judge(networks[name](fake.detach(), condition), 0)) / 2
            )
            loss.backward()
            self.optimizers[name].step()
            losses[name] = loss.item()
        return losses


def in_turn(
    ours: Callable[[], object], plain: Callable[[], object], rounds: int
) -> tuple[float, float]:
    """Run both once to warm up, then in turn; return the median seconds of each."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for side, run in enumerate((ours, plain)):
            start = time.perf_counter()
            run()
            if number:
                seconds[side].append(time.perf_counter() - start)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


if __name__ == "__main__":
    main()
