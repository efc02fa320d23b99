#!/usr/bin/env python3
"""Train every model on the embedded people at the same budget, and score it; see `zoo.py --help`.

Prints the rows of the tables in docs/zoo.md. Runs that are done are left out, so it can be stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import tomllib
from pathlib import Path

from posegen.core.specs import BASELINE

STEPS = 300
BATCH = 8
PAIRS = 200
METRICS = ("ssim", "mask-l1", "st-lpips", "sharpness", "st-kid")
DATA = ["data.name=people", "data.image_size=[64,32]", "data.identities=1000", "data.pictures=8"]
#: What all have in common, so that networks are compared and not recipes.
COMMON = [
    *("encoder.name=gaussian", "encoder.sigma=3.0", "schedule.name=cosine", "schedule.warmup=30"),
    *("optimizer.name=adamw", "optimizer.beta1=0.9", "optimizer.beta2=0.99"),
    *("method.name=adversarial", "method.weight=0.0", "augment.flip=0.5"),
    *("training.ema=0.99", f"training.batch_size={BATCH}", "training.sample_every=100000"),
]
LOSSES = ["losses.l1.weight=1.0", "losses.gradient.name=gradient", "losses.gradient.weight=1.0"]
PATN = ["losses.perceptual.weight=0.0", "generator.dropout=0.0", "optimizer.lr=1e-3"]
MASKED = [
    "losses.l1.name=l1",
    "losses.perceptual.weight=0.0",
    "losses.style.weight=0.0",
    "optimizer.lr=1e-3",
]
UNET = ["losses.perceptual.weight=0.0", "optimizer.lr=1e-3"]

#: title -> what is trained: arguments of `posegen train`, and its overrides.
MODELS = {
    "patn (preset demo)": (["--model", "patn", "--preset", "demo"], PATN),
    "patn-masked (preset people)": (["--model", "patn-masked", "--preset", "people"], MASKED),
    "unet": (["--model", "patn", "--preset", "demo", "--generator", "unet"], UNET),
    "limbs (preset people-64x32)": (["--model", "limbs", "--preset", "people-64x32"], []),
    "flow (preset people)": (["--model", "flow", "--preset", "people"], []),
}


#: For `--seconds`: models with their own recipes, and the samplings that each is scored with.
RECIPES: dict[str, tuple[list[str], list[str]]] = {
    "patn (preset demo)": (["--model", "patn", "--preset", "demo"], [""]),
    "limbs (preset people-64x32)": (["--model", "limbs", "--preset", "people-64x32"], [""]),
    "flow-matching (preset people)": (
        ["--model", "flow-matching"],
        ["steps=1", "steps=4", "steps=8", "steps=16"],
    ),
}
#: Steps of the short training that tells how many fit into the seconds.
TRIAL = 40


def posegen(*words: str) -> str:
    """Run a command on one thread and return what it printed."""
    command = [sys.executable, "-m", "posegen", *words]
    one = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=one).stdout


def train(run: Path, words: list[str], changes: list[str], steps: int) -> float:
    """Train, where that is not done, and return the seconds of CPU that it took."""
    log = run / "seconds"
    if not log.exists():
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        settings = [part for change in changes for part in ("--set", change)]
        posegen("train", *words, *settings, "--steps", str(steps), "--out", str(run))
        log.write_text(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before))
    return float(log.read_text())


def milliseconds(run: Path, sampling: str) -> tuple[float, int]:
    """Return the CPU time per picture of a batch of 16, the best of five, and the parameters."""
    import torch

    import posegen as engine

    torch.set_num_threads(1)
    model = engine.load_model(run)
    if sampling:
        name, _, value = sampling.partition("=")
        model = model.with_sampling(**{name: int(value)})
    pair = engine.dataset("people", image_size=[64, 32])[0]
    poses = [pair.target_keypoints] * 16
    times = []
    for _ in range(6):
        start = time.process_time()
        list(model.frames(pair.source, pair.source_keypoints, poses))
        times.append((time.process_time() - start) / 16)
    count = sum(p.numel() for p in model.generator.parameters())
    return min(times[1:]) * 1000, count


def row(title: str, run: Path, seconds: float, sampling: str = "") -> str:
    """Score a run and return its row."""
    how = ["--sampling", sampling] if sampling else []
    said = posegen(
        *("eval", str(run), "--limit", str(PAIRS), "--metrics", ",".join(METRICS), "--json"), *how
    )
    tree = json.loads(said)
    rows = tree["evaluations"][0]["rows"]
    scores = next(values for name, values in rows.items() if name != BASELINE)
    cells = [f"{scores[metric]['value']:.3f}" for metric in METRICS]
    speed, count = milliseconds(run, sampling)
    pictures = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["step"]
    batch = tomllib.loads((run / "config.toml").read_text())["training"]["batch_size"]
    cells += [f"{count / 1e6:.2f} M", f"{speed:.1f}", f"{pictures * batch:,}", f"{seconds:.0f}"]
    return f"| {title}{', ' + sampling if sampling else ''} | {' | '.join(cells)} |"


def same_pictures(out: Path) -> None:
    """Print rows of all models after the same pictures, with the same losses and optimiser."""
    for title, (words, own) in MODELS.items():
        run = out / title.partition(" ")[0]
        seconds = train(run, words, [*DATA, *COMMON, *LOSSES, *own], STEPS)
        print(row(title, run, seconds), flush=True)


def same_seconds(out: Path, budget: float) -> None:
    """Print rows of models with their own recipes after the same seconds on one thread.

    The steps are those that fit, so that each recipe's schedule ends with the seconds. What a start
    costs, and rendering the people, is part of them.
    """
    for title, (words, samplings) in RECIPES.items():
        run = out / title.partition(" ")[0]
        once = train(run.with_name(f"{run.name}-{TRIAL}"), words, DATA, TRIAL)
        twice = train(run.with_name(f"{run.name}-{2 * TRIAL}"), words, DATA, 2 * TRIAL)
        step = (twice - once) / TRIAL
        steps = int((budget - once) / step) + TRIAL
        seconds = train(run, words, DATA, steps)
        for sampling in samplings:
            print(row(title, run, seconds, sampling), flush=True)


def main() -> None:
    """Print the table's rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of the runs")
    parser.add_argument(
        "--seconds", type=float, help="CPU seconds of training; without it: the same pictures"
    )
    given = parser.parse_args()
    if given.seconds is None:
        same_pictures(given.out)
    else:
        same_seconds(given.out, given.seconds)


if __name__ == "__main__":
    main()
