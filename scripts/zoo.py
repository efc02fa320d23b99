#!/usr/bin/env python3
"""Train every model on the same number of pictures of the embedded people, and score it: zoo.py OUT

Prints the rows of the table in docs/zoo.md. Runs that are done are left out, so it can be stopped.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

STEPS = 300
BATCH = 8
PAIRS = 200
METRICS = ("ssim", "mask-l1", "st-lpips", "sharpness")
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


def posegen(*words: str) -> str:
    """Run a command and return what it printed."""
    command = [sys.executable, "-m", "posegen", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def milliseconds(run: Path) -> tuple[float, int]:
    """Return the time per picture of a batch of 16, the best of five, and the parameters."""
    import posegen as engine

    model = engine.load_model(run)
    pair = engine.dataset("people", image_size=[64, 32])[0]
    poses = [pair.target_keypoints] * 16
    times = []
    for _ in range(6):
        start = time.perf_counter()
        list(model.frames(pair.source, pair.source_keypoints, poses))
        times.append((time.perf_counter() - start) / 16)
    count = sum(p.numel() for p in model.generator.parameters())
    return min(times[1:]) * 1000, count


def row(title: str, run: Path) -> str:
    """Train, where that is not done, score, and return the row."""
    train, own = MODELS[title]
    log = run / "seconds"
    if not log.exists():
        start = time.perf_counter()
        changes = [*DATA, *COMMON, *LOSSES, *own]
        words = [part for change in changes for part in ("--set", change)]
        posegen("train", *train, *words, "--steps", str(STEPS), "--out", str(run))
        log.write_text(f"{time.perf_counter() - start:.0f}")
    said = posegen(
        "eval", str(run), "--limit", str(PAIRS), "--metrics", ",".join(METRICS), "--json"
    )
    tree = json.loads(said)
    rows = tree["evaluations"][0]["rows"]
    scores = next(values for name, values in rows.items() if name != "copy the source")
    cells = [f"{scores[metric]['value']:.3f}" for metric in METRICS]
    speed, count = milliseconds(run)
    cells += [f"{count / 1e6:.2f} M", f"{speed:.1f}", log.read_text()]
    return f"| {title} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table's rows."""
    if len(sys.argv) != 2:
        sys.exit("usage: zoo.py OUT")
    for title in MODELS:
        print(row(title, Path(sys.argv[1]) / title.partition(" ")[0]), flush=True)


if __name__ == "__main__":
    main()
