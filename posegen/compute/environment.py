"""The devices of this machine: their memory, and what they compute fast."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

#: How well a device computes in a number format.
FAST, SLOW, ABSENT = "fast", "slow", "no"

#: NVIDIA GPUs have fast bfloat16 and TF32 from this compute capability on.
_AMPERE = (8, 0)


@dataclass(frozen=True)
class Device:
    """A device that can compute: its name for `--device`, memory in bytes, and number formats.

    `precisions` are number format -> `fast`, `slow` or `no`.
    """

    name: str
    title: str
    memory: int
    free: int
    precisions: dict[str, str]
    facts: str = ""


def devices() -> list[Device]:
    """Return all devices, the one that `--device auto` takes first."""
    found = []
    if torch.cuda.is_available():
        found += [_gpu(number) for number in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        limit = torch.mps.recommended_max_memory()
        precisions = {"32": FAST, "tf32": ABSENT, "bf16": FAST, "fp16": FAST}
        used = torch.mps.driver_allocated_memory()
        found.append(Device("mps", "Apple's GPU", limit, limit - used, precisions))
    return [*found, _cpu()]


def _gpu(number: int) -> Device:
    about = torch.cuda.get_device_properties(number)
    free, total = torch.cuda.mem_get_info(number)
    modern = (about.major, about.minor) >= _AMPERE
    precisions = {
        "32": FAST,
        "tf32": FAST if modern else ABSENT,
        "bf16": FAST if modern else SLOW,
        "fp16": FAST if about.major >= 7 else SLOW,
    }
    facts = f"compute capability {about.major}.{about.minor}"
    return Device(f"cuda:{number}", about.name, total, free, precisions, facts)


def _cpu() -> Device:
    has = torch.cpu.get_capabilities()
    precisions = {
        "32": FAST,
        "tf32": ABSENT,
        "bf16": FAST if has.get("amx_bf16") or has.get("avx512_bf16") else SLOW,
        "fp16": FAST if has.get("amx_fp16") or has.get("avx512_fp16") else SLOW,
    }
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        total, free = page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, AttributeError, OSError):  # systems that do not tell
        total, free = 0, 0
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    facts = (
        f"{cores()} cores, {torch.get_num_threads()} threads, OMP_NUM_THREADS {threads}, "
        f"kernels for {torch.backends.cpu.get_cpu_capability()}"
    )
    title = str(has.get("cpu_name") or platform.processor() or platform.machine())
    return Device("cpu", title, total, free, precisions, facts)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_nvidia_gpu() -> bool:
    """Whether there is an NVIDIA driver, whatever PyTorch makes of it."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
