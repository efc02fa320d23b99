"""Times training with several processes, a core for each, against one process with one core.

    python benchmarks/scaling.py --processes 2 --ngf 32 --batch 8

Both sides are `posegen train`, started by torchrun, on the embedded people at 128×64 with the
networks of the preset `market1501`, and with the same batch over all processes. They run in turn.
Prints JSON: seconds a step of each side, as the runs themselves have logged them, and their ratio,
several / one.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import parser, report

from posegen.compute.environment import cores


def main() -> None:
    """Run the benchmark."""
    made = parser(__doc__, rounds=3)
    made.add_argument("--processes", type=int, default=cores())
    made.add_argument("--ngf", type=int, default=32)
    made.add_argument("--batch", type=int, default=8, help="pairs over all processes")
    made.add_argument("--steps", type=int, default=6, help="of each run; the first is left out")
    options = made.parse_args()
    seconds: dict[int, list[float]] = {options.processes: [], 1: []}
    for _ in range(options.rounds):
        for count, taken in seconds.items():
            taken += step_seconds(count, options)
    ours, plain = (statistics.median(taken) for taken in seconds.values())
    case = {
        "name": f"{options.processes} processes and 1, ngf {options.ngf}, batch {options.batch}",
        "ours_s": round(ours, 3),
        "plain_s": round(plain, 3),
        "ratio": round(ours / plain, 3),
        "throughput": round(plain / ours, 2),
    }
    report("scaling", [case], options.json)


def step_seconds(processes: int, options: Any) -> list[float]:
    """Train in so many processes; return the seconds of each step."""
    networks = ("generator", "discriminators.appearance", "discriminators.shape")
    settings = [
        *(f"{network}.ngf={options.ngf}" for network in networks),
        "data.image_size=[128,64]",
        'losses.perceptual={name="random-vgg",weight=10.0,layers=["relu1_2"]}',
        "training.log_every=1",
        "training.sample_every=1000000",
        "training.checkpoint_every=1000000",
    ]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *(f"--nproc-per-node={processes}", "-m", "posegen", "train", "--model", "patn"),
            *("--preset", "market1501", "--data", "people", "--device", "cpu"),
            *("--steps", str(options.steps), "--batch-size", str(options.batch)),
            *("--out", str(out), *(word for text in settings for word in ("--set", text))),
        ]
        if processes == 1 and hasattr(os, "sched_setaffinity"):
            first = min(os.sched_getaffinity(0))
            command = ["taskset", "-c", str(first), *command]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        lines = (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    speeds = [json.loads(line)["images_per_second"] for line in lines]
    return [options.batch / speed for speed in speeds[1:]]


if __name__ == "__main__":
    main()
