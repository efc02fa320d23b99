"""Kills commands at any moment: nothing may be lost, and the next command clears what is left.

    python scripts/kills.py [KILLS [SEED]]

Training, `data pack`, `export`, `data prepare`, `eval --save` and `weights pull` are each killed
(SIGKILL) after a time drawn between nothing and what they take, and then run again to the end. What
is there then must be what an undisturbed command leaves: the same files, and the same content where
that does not hold a time. Each command runs in a process of its own, forked when all is imported.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from posegen.core.writing import PART

#: Files that hold times, or the order of events.
CHANGING = (
    "environment.json",
    "metrics.jsonl",
    "scores.json",
    "tfevents",
    ".lock",
    ".onnx",
    ".pt2",
)
TINY = [
    "data.image_size=[32, 16]", "data.identities=2", "data.pictures=2", "data.test_identities=2",
    "generator.ngf=4", "generator.blocks=2", "discriminators.appearance.ngf=4",
    "discriminators.appearance.blocks=1", "discriminators.shape.ngf=4",
    "discriminators.shape.blocks=1", "losses.perceptual=none", "method.weight=1.0",
    "training.batch_size=4", "training.steps=6", "training.log_every=1", "training.sample_every=4",
    "training.sample_pairs=2", "training.checkpoint_every=2",
]  # fmt: skip


@dataclass(frozen=True)
class Job:
    """A command that is killed.

    Attributes:
        words: the command, which writes into the current folder.
        again: what goes on with it, from whether it had begun.
    """

    words: list[str]
    again: Callable[[], list[str]]


def started(words: list[str], quiet: bool = True) -> int:
    """Run a command in a process of its own; return its number."""
    child = os.fork()
    os.setpgid(child, child)  # both say so: what it starts is killed with it, and never this one
    if child:
        return child
    from posegen.cli.main import run

    if quiet:
        nowhere = os.open("output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
    code: object = 0
    try:
        run(words)
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    os._exit(code if isinstance(code, int) else 0)


def done(words: list[str]) -> None:
    """Run a command to its end."""
    _, status = os.waitpid(started(words), 0)
    if status:
        sys.exit(f"posegen {' '.join(words)}: ended with {status}: {Path('output').read_text()}")


def killed(words: list[str], after: float) -> bool:
    """Run a command, and kill it; return whether it was still at work."""
    child = started(words)
    end = time.monotonic() + after
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.001)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def content(folder: Path) -> dict[str, str]:
    """Return every file, with its digest where that says something."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and name not in ("output", ".lock"):
            same = any(name.endswith(end) or end in name for end in CHANGING)
            found["events" if "tfevents" in name else name] = (
                "" if same else hashlib.sha256(path.read_bytes()).hexdigest()
            )
    return {name: digest for name, digest in found.items() if not name.endswith(".lock")}


def left_over(folder: Path) -> list[str]:
    """Return what is hidden and no lock, or told to be at work."""
    hidden = [path for path in folder.rglob("*") if path.name.startswith(".") or PART in path.name]
    return [str(path) for path in hidden if path.name != ".lock"]


def jobs(inputs: Path) -> dict[str, Job]:
    """Return what is killed."""
    sets = [word for text in TINY for word in ("--set", text)]
    train = ["train", "--model", "patn", *sets, "--out", "run"]

    def resumed() -> list[str]:
        return ["train", "--resume", "--out", "run"] if Path("run/config.toml").exists() else train

    def same(*words: str) -> Job:
        return Job(list(words), lambda: list(words))

    run = str(inputs / "run")
    prepare = ["data", "prepare", "market1501", str(inputs / "raw"), "out"]
    kept = ["--metrics", "l1", "--save", "kept", "--out", "scores"]
    return {
        "train": Job(train, resumed),
        "pack": same("data", "pack", str(inputs / "data"), "--cache", "packed"),
        "export": same("export", run, "--format", "torch-export", "--out", "made/model.pt2"),
        "prepare": same(*prepare, "--annotations", str(inputs / "found")),
        "eval --save": same("eval", run, "--limit", "12", *kept),
        "pull": same("weights", "pull", f"{run}/weights", "--name", "a"),
    }  # fmt: skip


def make_inputs(inputs: Path) -> None:
    """Make a data set, a raw download with its keypoints, and a run."""
    os.chdir(inputs)
    data = ["--set", "data.identities=12", "--set", "data.pictures=4"]
    done(["data", "export", "people", "data", "--layout", "market1501", "--limit", "150", *data])
    raw, found = inputs / "raw" / "Market-1501-v15.09.15", inputs / "found"
    found.mkdir()
    for split in ("train", "test"):
        names = {}
        pictures = sorted((inputs / "data" / "market_data" / split).iterdir())
        (raw / f"bounding_box_{split}").mkdir(parents=True)
        for number, picture in enumerate(pictures):
            person = 1 + number // 4 + (700 if split == "test" else 0)
            names[picture.name] = f"{person:04d}_c1s1_{number:06d}_01.jpg"
            shutil.copy(picture, raw / f"bounding_box_{split}" / names[picture.name])
        table = f"market-annotation-{split}.csv"
        head, *rows = (inputs / "data" / table).read_text().splitlines()
        moved = [f"{names[row.partition(':')[0]]}:{row.partition(':')[2]}" for row in rows]
        (found / table).write_text("\n".join([head, *moved]) + "\n")
    sets = [word for text in TINY for word in ("--set", text)]
    done(["train", "--model", "patn", *sets, "--out", "run"])


def main() -> None:
    """Kill as often as is asked, and say what was lost or left; exit code 1 where anything was."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    import torch
    import torch.utils.tensorboard.summary

    import posegen.data.prepare.run
    import posegen.evaluation.api
    import posegen.inference.export
    import posegen.training.api
    import posegen.weights.pull  # noqa: F401

    torch.set_num_threads(1)
    draw, faults = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 0), 0
    landed: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as name:
        inputs, place = Path(name, "inputs"), Path(name, "work")
        inputs.mkdir()
        make_inputs(inputs)
        wanted: dict[str, dict[str, str]] = {}
        seconds: dict[str, float] = {}
        all_jobs = jobs(inputs)
        for number in range(-len(all_jobs), count):
            title = list(all_jobs)[number % len(all_jobs)]
            job = all_jobs[title]
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            os.chdir(place)
            os.environ["POSEGEN_CACHE"] = str(place / "cache")
            if number < 0:  # undisturbed
                start = time.monotonic()
                done(job.words)
                seconds[title], wanted[title] = time.monotonic() - start, content(place)
                continue
            while not killed(job.words, draw.uniform(0, seconds[title])):
                shutil.rmtree(place)
                place.mkdir()
                os.chdir(place)
            landed[title] = landed.get(title, 0) + bool(left_over(place))
            done(job.again())
            found, left = content(place), left_over(place)
            changed = {k for k in {*found, *wanted[title]} if found.get(k) != wanted[title].get(k)}
            print(f"{number + 1} {title}", end=" ", flush=True)
            if changed or left:
                faults += 1
                print(f"{title}: changed {sorted(changed)}, left {left}", flush=True)
    print(json.dumps({"kills": count, "of them within a write": landed, "faults": faults}))
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
