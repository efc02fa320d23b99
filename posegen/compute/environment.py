"""What this machine has: versions, devices and what they are good at, memory, threads."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

#: How well a device computes in a number format.
FAST, SLOW, ABSENT = "fast", "slow", "no"

#: NVIDIA GPUs have fast bfloat16 and TF32 from this compute capability on.
_AMPERE = (8, 0)


@dataclass(frozen=True)
class Device:
    """A device that can compute.

    Attributes:
        name: as `--device` takes it.
        title: what it is.
        memory: its memory in bytes, and `free` what of it nobody has taken.
        precisions: number format -> `fast`, `slow` or `no`.
        facts: what else is worth knowing, by name.
    """

    name: str
    title: str
    memory: int
    free: int
    precisions: dict[str, str]
    facts: dict[str, str] = field(default_factory=dict)


def versions() -> dict[str, str]:
    """Return what the numbers of a run depend on, by name."""
    cuda, cudnn = torch.version.cuda, torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    return {
        "posegen": installed("posegen") or "?",
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "torch": torch.__version__,
        "torchvision": installed("torchvision") or "not installed",
        "cuda": "none: this PyTorch is for CPUs only" if cuda is None else cuda,
        "cudnn": "none" if cudnn is None else ".".join(map(str, _parts(cudnn))),
    }


def installed(package: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


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
    newer = FAST if modern else SLOW
    half = FAST if about.major >= 7 else SLOW
    precisions = {"32": FAST, "tf32": FAST if modern else ABSENT, "bf16": newer, "fp16": half}
    facts = {"compute capability": f"{about.major}.{about.minor}"}
    return Device(f"cuda:{number}", about.name, total, free, precisions, facts)


def _cpu() -> Device:
    has = torch.cpu.get_capabilities()
    brain = bool(has.get("amx_bf16") or has.get("avx512_bf16"))
    half = bool(has.get("amx_fp16") or has.get("avx512_fp16"))
    precisions = {
        "32": FAST,
        "tf32": ABSENT,
        "bf16": FAST if brain else SLOW,
        "fp16": FAST if half else SLOW,
    }
    total, free = _memory()
    facts = {
        "cores": str(cores()),
        "threads": str(torch.get_num_threads()),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "not set"),
        "kernels": torch.backends.cpu.get_cpu_capability(),
    }
    title = str(has.get("cpu_name") or platform.processor() or platform.machine())
    return Device("cpu", title, total, free, precisions, facts)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> tuple[int, int]:
    """Return the main memory in bytes, and what of it is free; zeros where that is not told."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        return page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, AttributeError, OSError):
        return 0, 0


def has_nvidia_gpu() -> bool:
    """Whether there is an NVIDIA driver, whatever PyTorch makes of it."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def published_cache() -> Path:
    """Return the folder of published weights, torchvision's cache."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def _parts(number: int) -> tuple[int, int, int]:
    """Split cuDNN's version: 92600 is 9.26.0."""
    return number // 10000, number // 100 % 100, number % 100
