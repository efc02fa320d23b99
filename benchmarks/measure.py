"""What the benchmarks share: two sides in turn, peak memory, results as JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

Case = dict[str, Any]


def in_turn(ours: Callable[[], object], plain: Callable[[], object], rounds: int) -> Case:
    """Run both sides once to warm up, then in turn.

    Returns:
        The median seconds of each side, and ours / plain as `ratio`; `spread`, the least and the
        greatest such ratio of a round; and `cpu_ratio`, of the least processor's time of all rounds
        on each side, which other programs on the machine disturb least.
    """
    wall: dict[str, list[float]] = {"ours": [], "plain": []}
    cpu: dict[str, list[float]] = {"ours": [], "plain": []}
    for number in range(rounds + 1):
        what = f"round {number} of {rounds}" if number else "warming up"
        print(what, file=sys.stderr, flush=True)
        for side, run in (("ours", ours), ("plain", plain)):
            start, start_cpu = time.perf_counter(), time.process_time()
            run()
            if number:
                wall[side].append(time.perf_counter() - start)
                cpu[side].append(time.process_time() - start_cpu)
    ours_s, plain_s = (statistics.median(wall[side]) for side in ("ours", "plain"))
    ratios = [a / b for a, b in zip(wall["ours"], wall["plain"], strict=True)]
    return {
        "ours_s": _rounded(ours_s),
        "plain_s": _rounded(plain_s),
        "ratio": round(ours_s / plain_s, 3),
        "spread": f"{min(ratios):.3f}-{max(ratios):.3f}",
        "cpu_ratio": round(min(cpu["ours"]) / min(cpu["plain"]), 3),
    }


def resident_mib(peak: bool = False) -> float:
    """Return the memory that this process has now, or the most that it ever had (Linux)."""
    # Not getrusage: its peak includes that of the parent process before the program started.
    wanted = "VmHWM:" if peak else "VmRSS:"
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(wanted))


def afresh(*arguments: str) -> Any:
    """Run this script in a process of its own; return the JSON that it prints."""
    command = [sys.executable, sys.argv[0], *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def parser(doc: str, rounds: int) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark has."""
    made = argparse.ArgumentParser(description=doc.splitlines()[0])
    made.add_argument("--rounds", type=int, default=rounds, help="runs of each side that count")
    made.add_argument("--json", type=Path, help="also write the result to this file")
    return made


def report(
    name: str, cases: list[Case], path: Path | None, facts: dict[str, Any] | None = None
) -> None:
    """Print the result as JSON, and write it; `facts` are about all cases."""
    result = {"benchmark": name, **machine(), **(facts or {}), "cases": cases}
    text = json.dumps(result, indent=2)
    print(text)
    if path:
        path.write_text(text + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    """Return what a measurement depends on."""
    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _rounded(seconds: float) -> float:
    return float(f"{seconds:.4g}")
