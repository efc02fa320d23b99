"""Runs all that only a GPU can show, and writes it down: docs/benchmarks/<device>.json and .md.

    python scripts/gpu_check.py
    python scripts/gpu_check.py --part parity --part throughput
    python scripts/gpu_check.py --device cpu --quick --out /tmp/check    # tries the check itself

Parts:
- parity: the recorded numbers of the published code, on the device, in float32 with each option
- sanity: training on one batch in bfloat16 gets where it gets in float32
- throughput: pairs per second, memory and part of the peak, in every mode, both presets
- batches: pairs per second from small to large batches
- generation: pictures per second against the published network, one picture after another
- profile: which operations the time goes to

A part that fails is written down, the others go on, and the exit code is 1. On a machine without a
network, `make wheels` on another one fetches what PyTorch's own installation does not bring.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
import traceback
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "plugins/posegen-patn/src")]

import generate  # noqa: E402
import torch  # noqa: E402
from measure import machine  # noqa: E402
from on_device import MODES, PUBLISHED_BATCH, compare, hottest, overfit, sweep  # noqa: E402

Rows = list[dict[str, Any]]
PARITY = ROOT / "plugins/posegen-patn/tests/test_published_parity.py"
BEST = "bf16, compiled"


def main() -> None:
    """Run the parts, write the result."""
    options = arguments()
    device = torch.device(options.device)
    result: dict[str, Any] = {"device": title(device), **machine(), "quick": options.quick}
    result["parts"] = {}
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / f"{slug(result['device'])}.json"
    for name in options.part or PARTS:
        print(f"{name} …", flush=True)
        start = time.perf_counter()
        try:
            part = {"rows": PARTS[name](device, options.quick)}
        except Exception as error:
            traceback.print_exc()
            part = {"failed": f"{type(error).__name__}: {error}".splitlines()[0]}
        part["seconds"] = round(time.perf_counter() - start)
        result["parts"][name] = part
        # After every part: a machine that is lent may be taken back.
        file.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        file.with_suffix(".md").write_text(page(result), encoding="utf-8")
        if device.type == "cuda":
            torch.cuda.empty_cache()
    print(page(result))
    sys.exit(any("failed" in part for part in result["parts"].values()))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    made.add_argument("--device", default="cuda")
    made.add_argument("--part", action="append", choices=PARTS, help="repeatable; all")
    made.add_argument("--quick", action="store_true", help="narrow networks, few steps")
    made.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    return made.parse_args()


def parity(device: torch.device, quick: bool) -> Rows:
    """Run the tests of the recorded cases on the device."""
    wanted = "on_a_gpu" if device.type == "cuda" else "losses_are_the_recorded"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(PARITY)]
    paths = os.pathsep.join([*sys.path[:3], os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*command, "-k", wanted],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )
    last = done.stdout.strip().splitlines()[-1]
    if done.returncode:
        raise AssertionError(f"{last}\n{done.stdout}")
    return [{"name": f"recorded cases, -k {wanted}", "result": re.sub(r" in .*", "", last)}]


def sanity(device: torch.device, quick: bool) -> Rows:
    """Compare losses in bfloat16 with those in float32 on one batch."""
    steps = 6 if quick else 200
    rows: Rows = []
    for precision in ("32", "bf16"):
        losses = overfit(precision, steps, device)
        rows.append({"name": precision, "first": round(losses[0], 4), "last": round(losses[-1], 4)})
    full, half = rows
    assert half["last"] < half["first"], "in bfloat16 the loss does not fall"
    assert abs(half["last"] - full["last"]) < 0.1 * full["first"], "bfloat16 ends elsewhere"
    return rows


def throughput(device: torch.device, quick: bool) -> Rows:
    """Measure every mode at both presets."""
    modes = [mode for mode in MODES if device.type == "cuda" or mode in ("float32", "bf16")]
    ngf = 8 if quick else 64
    return [
        compare(preset, ngf, 2 if quick else batch, mode, device)
        for preset, batch in PUBLISHED_BATCH.items()
        for mode in modes
    ]


def batches(device: torch.device, quick: bool) -> Rows:
    """Measure larger and larger batches."""
    mode = BEST if device.type == "cuda" else "bf16"
    sizes = [1, 2] if quick else [8, 16, 32, 64, 128, 256]
    return sweep("market1501", 8 if quick else 64, sizes, mode, device)


def generation(device: torch.device, quick: bool) -> Rows:
    """Measure generation against the published network."""
    rows: Rows = []
    for precision, compiled in (("32", False), ("bf16", False), ("bf16", True)):
        if compiled and device.type != "cuda":
            continue
        options = Namespace(
            device=str(device),
            precision=precision,
            compile=compiled,
            no_fold=False,
            rounds=1 if quick else 5,
            poses=2 if quick else 256,
            batch=2 if quick else 64,
        )
        for preset in PUBLISHED_BATCH:
            rows += generate.compare(preset, 8 if quick else 64, options)
    return rows


def profiled(device: torch.device, quick: bool) -> Rows:
    """Find the operations that take longest."""
    batch = 2 if quick else PUBLISHED_BATCH["market1501"]
    return hottest("market1501", 8 if quick else 64, batch, "bf16", device)


PARTS: dict[str, Callable[[torch.device, bool], Rows]] = {
    "parity": parity,
    "sanity": sanity,
    "throughput": throughput,
    "batches": batches,
    "generation": generation,
    "profile": profiled,
}


def page(result: dict[str, Any]) -> str:
    """Return the result as a page of tables."""
    facts = ", ".join(f"{key} {value}" for key, value in result.items() if key != "parts")
    lines = [f"# {result['device']}", "", f"Made by `scripts/gpu_check.py`: {facts}.", ""]
    for name, part in result["parts"].items():
        lines += [f"## {name}", ""]
        if "failed" in part:
            lines += [f"Failed: {part['failed']}", ""]
            continue
        columns = list(dict.fromkeys(key for row in part["rows"] for key in row))
        lines += ["| " + " | ".join(columns) + " |", "| --- " * len(columns) + "|"]
        lines += [
            "| " + " | ".join(str(row.get(column, "")) for column in columns) + " |"
            for row in part["rows"]
        ]
        lines.append("")
    return "\n".join(lines)


def title(device: torch.device) -> str:
    """Return what the device is called."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def slug(text: str) -> str:
    """Return it as the name of a file."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


if __name__ == "__main__":
    main()
