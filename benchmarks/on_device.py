"""Measures the training step on a device, in each of the ways that it can be computed there.

`scripts/gpu_check.py` calls this. Unlike in `step.py`, batches are those of the published training
(or a sweep of them), and memory is what PyTorch has allocated on the device.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from measure import Case
from plain.networks import VGG, Discriminator, Generator
from plain.step import PlainStep
from step import OPTIONS, both, random_batch, size_of
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from posegen.compute.precision import allow_tf32
from posegen.core import Batch
from posegen.training import Stepper

#: How the step is computed -> the options that say so.
MODES: dict[str, tuple[str, ...]] = {
    "float32": ("training.tf32=false",),
    "tf32": (),
    "bf16": ("training.precision=bf16",),
    "bf16, compiled": ("training.precision=bf16", "training.compile=true"),
    "bf16, CUDA graphs": ("training.precision=bf16", "training.cuda_graphs=true"),
}
#: Dense bfloat16 peak in FLOP/s by a part of the device's name, from the vendor's data sheets.
PEAKS = {"H100 PCIe": 756e12, "H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12}
PUBLISHED_BATCH = {"market1501": 32, "deepfashion": 7}
ROUNDS = 9


def compare(preset: str, ngf: int, batch: int, mode: str, device: torch.device) -> Case:
    """Time our step in a mode against the plain one in float32, in turn."""
    base = allocated(device)
    plain, stepper = both(preset, ngf, batch, device, MODES[mode])
    weights = plain_bytes(plain)
    own = {"plain": 3 * weights, "ours": allocated(device) - base - weights}  # ours has its moments
    given = random_batch(preset, batch).to(device)
    runs = {"plain": plain_run(plain, given), "ours": our_run(stepper, given, mode)}
    first = {side: timed(run, device) for side, run in runs.items()}
    mib = {side: (own[side] + extra(run, device)) / 2**20 for side, run in runs.items()}
    seconds: dict[str, list[float]] = {side: [] for side in runs}
    for _ in range(ROUNDS):
        for side, run in runs.items():
            seconds[side].append(timed(run, device))
    ours, theirs = (statistics.median(seconds[side]) for side in ("ours", "plain"))
    speed = step_flops(preset, ngf) * batch / ours
    top, on_gpu = peak(device), device.type == "cuda"
    return {
        "name": f"{preset}, ngf {ngf}, batch {batch}, {mode}",
        "ours_s": float(f"{ours:.4g}"),
        "plain_s": float(f"{theirs:.4g}"),
        "ratio": round(ours / theirs, 3),
        "pairs_per_second": round(batch / ours, 1),
        "first_step_s": round(first["ours"], 1),
        **({f"{side}_mib": round(value) for side, value in mib.items()} if on_gpu else {}),
        "tflop_per_s": round(speed / 1e12, 1),
        "of_bf16_peak": None if top is None else round(speed / top, 3),
    }


def sweep(preset: str, ngf: int, batches: list[int], mode: str, device: torch.device) -> list[Case]:
    """Time our step alone with larger and larger batches, up to what fits."""
    cases: list[Case] = []
    for batch in batches:
        try:
            stepper = both(preset, ngf, batch, device, MODES[mode])[1]
            given = random_batch(preset, batch).to(device)
            run = our_run(stepper, given, mode)
            timed(run, device)
            seconds = statistics.median(timed(run, device) for _ in range(ROUNDS))
        except torch.OutOfMemoryError:
            cases.append({"name": f"batch {batch}", "pairs_per_second": None})
            break
        speed = round(batch / seconds, 1)
        cases.append({"name": f"batch {batch}", "pairs_per_second": speed})
    return cases


def hottest(preset: str, ngf: int, batch: int, mode: str, device: torch.device) -> list[Case]:
    """Return the operations that take longest in three steps, with their share of the time."""
    _, stepper = both(preset, ngf, batch, device, MODES[mode])
    run = our_run(stepper, random_batch(preset, batch).to(device), mode)
    for _ in range(3):
        timed(run, device)
    on_gpu = device.type == "cuda"
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=kinds) as found:
        for _ in range(3):
            timed(run, device)
    key = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    events = sorted(found.key_averages(), key=lambda event: -getattr(event, key))
    total = sum(getattr(event, key) for event in events)
    return [
        {
            "name": event.key[:90],
            "calls": event.count // 3,
            "ms": round(getattr(event, key) / 3e3, 3),
            "share": round(getattr(event, key) / total, 3),
        }
        for event in events[:20]
    ]


def overfit(precision: str, steps: int, device: torch.device) -> list[float]:
    """Train on one batch; return the L1 term of every step."""
    mode = "bf16" if precision == "bf16" else "float32"
    torch.manual_seed(0)
    _, stepper = both("market1501", 16, 4, device, (*MODES[mode], "generator.dropout=0.0"))
    given = random_batch("market1501", 4).to(device)
    run = our_run(stepper, given, mode)
    terms = [run() for _ in range(steps)]
    return [float(found["generator/l1"]) for found in terms]


def step_flops(preset: str, ngf: int) -> float:
    """Return the floating-point operations of our step for one pair; see `parts_of_step`."""
    return parts_of_step(preset, ngf)[3]


@cache
def parts_of_step(preset: str, ngf: int) -> tuple[float, float, float, float, float]:
    """Count floating-point operations for one pair.

    In our step the generator goes forward once and back (twice as much); each discriminator once
    forward and back to the image, and twice forward and back to its weights; VGG twice forward and
    once back. In the plain one, discriminators and VGG always go back to their weights as well.

    Returns:
        Of one pass forward of the generator, both discriminators and VGG; of our step; of the plain
        one.
    """
    options = OPTIONS[preset]
    shared = (ngf, options.norm, 0.0)
    with torch.device("meta"):
        generator, vgg = Generator(*shared), VGG()
        judges = [Discriminator(inputs, *shared, sigmoid=False) for inputs in (6, 21)]
        image, pose = (torch.empty(1, channels, *size_of(preset)) for channels in (3, 18))
        made = flops(lambda: generator(image, pose, pose))
        judged = flops(lambda: judges[0](torch.cat([image, image], dim=1)))
        judged += flops(lambda: judges[1](torch.cat([image, pose], dim=1)))
        seen = flops(lambda: vgg(image))
    return (
        *(made, judged, seen),
        3 * made + (2 + 6) * judged + 3 * seen,
        3 * made + (3 + 6) * judged + 4 * seen,
    )


def flops(run: Callable[[], object]) -> int:
    """Count the floating-point operations of a call."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        run()
    return counter.get_total_flops()


def peak(device: torch.device) -> float | None:
    """Return the device's bfloat16 peak in FLOP/s, where it is known."""
    if device.type != "cuda":
        return None
    title = torch.cuda.get_device_name(device)
    return next((value for name, value in PEAKS.items() if name in title), None)


def plain_run(plain: PlainStep, given: Batch) -> Callable[[], Any]:
    """Return a step of the plain side, in full float32."""

    def run() -> Any:
        allow_tf32(False)
        return plain(given.source, given.target, given.source_pose, given.target_pose)

    return run


def our_run(stepper: Stepper, given: Batch, mode: str) -> Callable[[], Any]:
    """Return a step of ours in a mode."""

    def run() -> Any:
        allow_tf32(mode != "float32")
        return stepper.step(given)

    return run


def timed(run: Callable[[], object], device: torch.device) -> float:
    """Return the seconds until the device has done it."""
    synchronise(device)
    start = time.perf_counter()
    run()
    synchronise(device)
    return time.perf_counter() - start


def extra(run: Callable[[], object], device: torch.device) -> float:
    """Return how many bytes a step takes beyond what is there already."""
    if device.type != "cuda":
        return 0.0
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    run()
    return float(torch.cuda.max_memory_allocated(device) - before)


def plain_bytes(plain: PlainStep) -> float:
    """Return the size of the plain side's weights."""
    tensors = [p for network in plain.networks.values() for p in network.parameters()]
    return float(sum(tensor.nbytes for tensor in tensors))


def allocated(device: torch.device) -> float:
    """Return the bytes that are in use on a GPU; 0 elsewhere."""
    return float(torch.cuda.memory_allocated(device)) if device.type == "cuda" else 0.0


def synchronise(device: torch.device) -> None:
    """Wait for a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
