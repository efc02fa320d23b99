"""Trains several runs, one after another, as one of several processes; torchrun starts this.

    python -m torch.distributed.run … processes.py TASKS.json

A task is the folder of a run, its configuration as TOML, and whether it is resumed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch.distributed as dist

from posegen.config import experiment, read_toml
from posegen.training import train

if __name__ == "__main__":
    dist.init_process_group("gloo")
    for task in json.loads(Path(sys.argv[1]).read_text()):
        config = experiment(read_toml(Path(task["config"])))
        train(config, task["out"], resume=task["resume"], device="cpu")
    dist.destroy_process_group()
