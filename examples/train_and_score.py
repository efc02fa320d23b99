"""A published model, trained and scored: python examples/train_and_score.py runs/mine."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

import posegen


def main() -> None:
    """Train PATN on the embedded people, collect its losses, and score it beside a baseline."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("out", type=Path, help="folder of the new run")
    words.add_argument("--steps", type=int, default=300)
    words.add_argument(
        "--set", action="append", default=[], help="any key=value of `posegen train`"
    )
    given = words.parse_args()
    config = posegen.experiment(
        posegen.preset("patn", "demo"),
        overrides=[f"training.steps={given.steps}", *given.set],
    )
    losses: list[Tensor] = []

    def remember(step: int, terms: Mapping[str, Tensor]) -> None:
        losses.append(terms["generator/l1"])  # a tensor: nothing waits for the device here

    run, outcome = posegen.train(config, given.out, on_step=remember)
    print(f"{run}: {outcome.step} steps, l1 from {losses[0]:.3f} to {losses[-1]:.3f}")
    print(posegen.evaluate(run.path, ["ssim", "l1"], limit=64))


if __name__ == "__main__":
    main()
