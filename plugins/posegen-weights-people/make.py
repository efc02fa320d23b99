#!/usr/bin/env python3
"""Train the weights of this package again: make.py NAME [RUNS]

Each folder of recipes/ is the name of weights, and each file in it a stage that starts from the one
before. Stages that are done are left out, and one that was stopped goes on: run it again after any
interruption. The last stage is scored and becomes RUNS/NAME/shared, whose model.safetensors belongs
into src/posegen_weights_people/NAME; its entry for registry.toml is printed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
METRICS = "ssim,psnr,l1,mask-l1,st-lpips,sharpness,pckh"


def posegen(*words: str | Path) -> None:
    """Run a command, and end where it fails."""
    command = [sys.executable, "-m", "posegen", *map(str, words)]
    print("+ posegen", *words, flush=True)
    if code := subprocess.run(command, check=False).returncode:
        sys.exit(code)


def main() -> None:
    """Train, score and write one set of weights."""
    names = sorted(folder.name for folder in (HERE / "recipes").iterdir())
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in names:
        sys.exit(f"usage: make.py {'|'.join(names)} [RUNS]")
    name, runs = sys.argv[1], Path(sys.argv[2] if len(sys.argv) == 3 else "runs") / sys.argv[1]
    before: Path | None = None
    size = "[]"
    for recipe in sorted((HERE / "recipes" / name).glob("*.toml")):
        stage = runs / recipe.stem
        tree = tomllib.loads(recipe.read_text())
        size = json.dumps(tree["data"]["image_size"])
        if (stage / "config.toml").exists():
            posegen("train", "--resume", "--out", stage)
        else:
            start = ["--init", before] if before else []
            posegen("train", "--model", tree["model"], "--config", recipe, *start, "--out", stage)
        before = stage
    assert before is not None
    stored, shared = runs / "stored", runs / "shared"
    # Scored as they are shared: in half precision.
    kind = ("--dtype", "bfloat16", "--licence", "Apache-2.0", "--name", name)
    posegen("weights", "push", before, stored, *kind)
    plain = ("--data", "people", "--set", f"data.image_size={size}", "--limit", "400")
    posegen("eval", stored, *plain, "--metrics", METRICS, "--out", stored)
    posegen("weights", "push", stored, shared, "--name", name)


if __name__ == "__main__":
    main()
