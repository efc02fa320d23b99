"""What is known to go wrong, looked for on this machine, and the flags that suit it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Literal

import torch
from packaging.requirements import Requirement
from torch import nn

from posegen.compute.checkup import there
from posegen.compute.environment import FAST, Device, cores, has_nvidia_gpu, installed
from posegen.core.specs import Kind
from posegen.plugins import Registry

#: Bytes of shared memory that loading processes need to hand their batches over.
_SHARED_MEMORY = 512 * 2**20
#: Bytes below which a disk is as good as full: a run of the published size writes as much.
_DISK = 2 * 2**30


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        level: `broken` where something does not work, `note` where it works less well.
        message: what it is, and what to do.
    """

    level: Literal["broken", "note"]
    message: str


def findings(
    registry: Registry, devices: Sequence[Device], places: Mapping[str, Path]
) -> list[Finding]:
    """Return all that is broken or known to be a bad combination, what is broken first.

    Args:
        registry: the plugins.
        devices: see `posegen.compute.environment.devices`.
        places: what is written -> the folder, which need not be there yet.
    """
    found = [
        *_of_packages("posegen"),
        *_of_plugins(registry),
        *_of_detectors(registry),
        *_of_gpu(devices),
        *_of_threads(os.environ),
        *_of_loading(),
        *_of_places(places),
        *_of_kernels(),
    ]
    return sorted(found, key=lambda finding: finding.level != "broken")


def _of_packages(package: str) -> list[Finding]:
    found = []
    for requirement in map(Requirement, requires(package) or ()):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        here = installed(requirement.name)
        if here is None or not requirement.specifier.contains(here, prereleases=True):
            state = "is not installed" if here is None else f"is {here}"
            fix = f"install it with `pip install '{requirement.name}{requirement.specifier}'`"
            found.append(
                Finding("broken", f"{requirement} is needed by {package}, and {state}; {fix}.")
            )
    if installed("torchvision") and package == "posegen":
        found += _of_packages("torchvision")
    return found


def _of_plugins(registry: Registry) -> list[Finding]:
    broken = [
        Finding("broken", f"the plugin {r.package} {r.version} does not load: {r.reason}.")
        for r in registry.records
        if r.reason and r.reason != "disabled"
    ]
    clashes = [Finding("broken", clash) for clash in registry.clashes]
    heavy = [
        Finding(
            "note",
            f"the plugin {r.package} imports torch when it is discovered, which makes every "
            "command slow; tell its authors.",
        )
        for r in registry.records
        if r.heavy
    ]
    return [*broken, *clashes, *heavy]


def _of_detectors(registry: Registry) -> list[Finding]:
    """Say which detectors wrap a package that is not there: they are often installed without."""
    found = []
    for record in registry.records:
        names = [spec.name for spec in record.specs if spec.kind is Kind.DETECTOR]
        missing = _missing(record.package) if names and record.package != "posegen" else []
        if missing:
            wanted = " ".join(f"'{need.name}{need.specifier}'" for need in missing)
            found.append(
                Finding(
                    "note",
                    f"the detector {', '.join(names)} of {record.package} needs "
                    f"{', '.join(need.name for need in missing)}, which is not installed; where "
                    f"you want to use it, `pip install {wanted}`, or see the README of "
                    f"{record.package}.",
                )
            )
    return found


def _missing(package: str) -> list[Requirement]:
    try:
        wanted = list(map(Requirement, requires(package) or ()))
    except PackageNotFoundError:  # a module that is no distribution
        return []
    needed = [need for need in wanted if not need.marker or need.marker.evaluate({"extra": ""})]
    # ONNX Runtime for GPUs is a package of another name.
    return [need for need in needed if not (installed(need.name) or installed(f"{need.name}-gpu"))]


def _of_gpu(devices: Sequence[Device]) -> list[Finding]:
    gpus = [device for device in devices if device.name.startswith("cuda")]
    if not gpus and has_nvidia_gpu():
        if torch.version.cuda is None and torch.version.hip is None:
            return [
                Finding(
                    "note",
                    f"there is an NVIDIA GPU, and PyTorch {torch.__version__} is for CPUs only; "
                    "install a build for CUDA: https://pytorch.org/get-started/locally.",
                )
            ]
        return [
            Finding(
                "broken",
                f"there is an NVIDIA driver, and PyTorch for CUDA {torch.version.cuda} finds no "
                "GPU; look whether `nvidia-smi` lists one, whether CUDA_VISIBLE_DEVICES hides it, "
                "and whether the driver is new enough for this CUDA.",
            )
        ]
    found = []
    for device in gpus:
        try:
            torch.ones(8, device=device.name).sum().item()
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            found.append(
                Finding("broken", f"{device.name} ({device.title}) cannot compute: {reason}.")
            )
    return found


def _of_threads(variables: Mapping[str, str]) -> list[Finding]:
    given = variables.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given) > cores():
        return [
            Finding(
                "note",
                f"OMP_NUM_THREADS is {given} and this process has {cores()} cores, which makes "
                f"everything slower; unset it, or set it to {cores()} at most.",
            )
        ]
    return []


def _of_loading() -> list[Finding]:
    shared = Path("/dev/shm")
    if shared.is_dir() and shutil.disk_usage(shared).total < _SHARED_MEMORY:
        return [
            Finding(
                "note",
                f"{shared} has {shutil.disk_usage(shared).total / 2**20:.0f} MiB, too little for "
                "loading processes; use `--workers 0`, or give the container more "
                "(`docker run --shm-size=8g`).",
            )
        ]
    return []


def _of_places(places: Mapping[str, Path]) -> list[Finding]:
    found = []
    for title, path in places.items():
        place = there(path)
        free = shutil.disk_usage(place).free
        if not os.access(place, os.W_OK):
            found.append(Finding("note", f"{place}: nothing can be written there ({title})."))
        elif free < _DISK:
            room = f"{free / 2**30:.1f} GiB are left on its disk"
            found.append(Finding("note", f"{place}: {room} ({title}); make room."))
    return found


def _of_kernels() -> list[Finding]:
    """Try what was seen to be wrong in PyTorch 2.15."""
    random = torch.Generator().manual_seed(0)
    image = torch.randn(1, 8, 8, 8, generator=random)
    network = nn.Sequential(nn.InstanceNorm2d(8), nn.Conv2d(8, 4, 3))
    gradients = []
    for layout in (torch.contiguous_format, torch.channels_last):
        given = image.clone(memory_format=layout).requires_grad_(True)
        network.to(memory_format=layout)  # type: ignore[call-overload]
        made = network(given)
        torch.autograd.backward(made[0, 0, 0, 0])
        assert given.grad is not None
        gradients.append(given.grad)
    if torch.allclose(gradients[0], gradients[1], atol=1e-4):
        return []
    return [
        Finding(
            "note",
            f"PyTorch {torch.__version__} computes a wrong gradient of instance norm for a single "
            "image in channels-last format on a CPU; posegen works around it, and your own code "
            "should.",
        )
    ]


def recommended(device: Device) -> dict[str, str]:
    """Return the flags for a device, by command."""
    half = "bf16" if device.precisions["bf16"] == FAST else "32"
    if device.name == "cpu":
        # Rendering and decoding would take the cores from the network.
        return {
            "train": "--precision 32 --no-compile --workers 0, the preset's batch size",
            "eval": "--workers 0 --batch-size 16",
            "generate": f"--precision {half} --no-compile --batch-size 8",
        }
    if half == "32" and device.precisions["fp16"] == FAST:
        half = "fp16"
    workers = min(8, max(cores() - 1, 0))
    compiled = " --compile" if device.name.startswith("cuda") else ""
    gib = device.memory / 2**30
    parts = "" if gib >= 16 else " --set training.accumulate=4"
    return {
        "train": f"--precision {half}{compiled} --workers {workers}{parts}, the preset's batch "
        "size",
        "eval": f"--workers {workers} --batch-size 64",
        "generate": f"--precision {half} --batch-size 64"
        + (", and --compile for clips of a thousand pictures or more" if compiled else ""),
    }
