"""What `posegen doctor` reports: what is there, what is wrong, and the flags that suit."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import torch
from packaging.requirements import Requirement

from posegen.compute.environment import FAST, Device, cores, has_nvidia_gpu
from posegen.core.specs import CONTRACTS, Kind
from posegen.core.texts import counted
from posegen.plugins import Registry

#: Bytes of shared memory that loading processes need to hand their batches over.
_SHARED_MEMORY = 512 * 2**20
#: Bytes below which a disk is as good as full: a run of the published size writes as much.
_DISK = 2 * 2**30

#: Extras that users of posegen have no use for.
_DEVELOPMENT = ("dev", "docs")

_OPTIONS = {
    Kind.METRIC: "--set {name}.weights=FILE",
    Kind.LOSS: "--set losses.TERM.weights=FILE",
    Kind.DETECTOR: "--set detector.weights=FILE",
}

#: Section -> what it is about -> what is said of it.
Sections = dict[str, dict[str, str]]


def sections(
    registry: Registry, devices: Sequence[Device], folders: Mapping[str, Path]
) -> Sections:
    """Describe this machine.

    Args:
        registry: the plugins.
        devices: see `posegen.compute.environment.devices`.
        folders: what is in a folder that grows -> the folder, which need not be there yet.
    """
    return {
        "versions": _versions(),
        "devices": {device.name: _device(device) for device in devices},
        "plugins": {
            f"{r.package} {r.version}": f"not loaded: {r.reason}"
            if r.reason
            else counted(len(r.specs), "components")
            for r in registry.records
        },
        "published weights": published_weights(registry),
        "optional parts": {**extras(), **detectors(registry)},
        "folders": {title: _folder(path) for title, path in folders.items()},
        f"flags for {devices[0].name}": recommended(devices[0]),
    }


def _versions() -> dict[str, str]:
    cuda, cudnn = torch.version.cuda, torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    return {
        "posegen": _installed("posegen") or "?",
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "torch": torch.__version__,
        "torchvision": _installed("torchvision") or "not installed",
        "cuda": cuda or "none: this PyTorch is for CPUs only",
        "cudnn": str(cudnn or "none"),
        "contracts": ", ".join(f"{kind} {number}" for kind, number in CONTRACTS.items()),
    }


def _device(device: Device) -> str:
    formats = ", ".join(f"{name} {state}" for name, state in device.precisions.items())
    memory = f"{_size(device.free)} free of {_size(device.memory)}"
    return "; ".join(part for part in (device.title, memory, formats, device.facts) if part)


def published_weights(registry: Registry) -> dict[str, str]:
    """Say of the published files that metrics, losses and detectors need where they are."""
    users: dict[str, list[tuple[Kind, str]]] = {}
    for kind in _OPTIONS:
        for component in registry.components(kind):
            for file in getattr(component.spec, "weights", ()):
                users.setdefault(file, []).append((kind, component.spec.name))
    found = {}
    for file, of in sorted(users.items()):
        here = (Path(torch.hub.get_dir()) / "checkpoints" / file).is_file()
        kind, name = of[0]
        missing = f"missing: downloaded on first use, or {_OPTIONS[kind].format(name=name)}"
        named = ", ".join(f"{kind} {name}" for kind, name in of)
        found[file] = f"{'here' if here else missing} ({named})"
    return found


def extras(package: str = "posegen") -> dict[str, str]:
    """Say of a package's optional parts what of them is missing."""
    missing: dict[str, list[str]] = {}
    for need in map(Requirement, requires(package) or ()):
        extra = re.search(r"extra == .(\w+)", str(need.marker))
        if extra and extra[1] not in _DEVELOPMENT:
            lacking = [need.name] if _installed(need.name) is None else []
            missing.setdefault(f"{package}[{extra[1]}]", []).extend(lacking)
    return {
        title: f"missing {', '.join(names)}: pip install '{title}'" if names else "here"
        for title, names in missing.items()
    }


def detectors(registry: Registry) -> dict[str, str]:
    """Say which detectors wrap a package that is not there: they are often installed without."""
    found = {}
    for component in registry.components(Kind.DETECTOR):
        package = component.record.package
        needs = [Requirement(n) for n in (_installed(package) and requires(package)) or ()]
        # ONNX Runtime for GPUs is a package of another name.
        lacking = [n for n in needs if not (_installed(n.name) or _installed(f"{n.name}-gpu"))]
        names = [f"'{n.name}{n.specifier}'" for n in lacking if "extra" not in str(n.marker)]
        if names:
            found[f"detector {component.spec.name}"] = f"missing: pip install {' '.join(names)}"
    return found


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _folder(path: Path) -> str:
    sizes = [file.stat().st_size for file in path.rglob("*") if file.is_file()]
    free = shutil.disk_usage(_there(path)).free
    return f"{path}: {_size(sum(sizes))} in {len(sizes)} files, {_size(free)} free"


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**29 else f"{count / 2**20:.1f} MiB"


def _there(path: Path) -> Path:
    """Return the path, or the nearest folder above it that is there."""
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())


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
    parts = "" if device.memory >= 16 * 2**30 else " --set training.accumulate=4"
    for_clips = ", and --compile for clips of a thousand pictures or more" if compiled else ""
    return {
        "train": f"--precision {half}{compiled} --workers {workers}{parts}, the preset's batch "
        "size",
        "eval": f"--workers {workers} --batch-size 64",
        "generate": f"--precision {half} --batch-size 64{for_clips}",
    }


def broken(registry: Registry, devices: Sequence[Device]) -> list[str]:
    """Say what does not work, and what to do."""
    plugins = [
        f"the plugin {r.package} {r.version} does not load: {r.reason}."
        for r in registry.records
        if r.reason and r.reason != "disabled"
    ]
    return [*plugins, *registry.clashes, *_broken_gpus(devices)]


def _broken_gpus(devices: Sequence[Device]) -> Iterator[str]:
    gpus = [device for device in devices if device.name.startswith("cuda")]
    if not gpus and torch.version.cuda and has_nvidia_gpu():
        yield (
            f"there is an NVIDIA driver, and PyTorch for CUDA {torch.version.cuda} finds no GPU; "
            "look whether `nvidia-smi` lists one, whether CUDA_VISIBLE_DEVICES hides it, and "
            "whether the driver is new enough for this CUDA."
        )
    for device in gpus:
        try:
            torch.ones(8, device=device.name).sum().item()
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            yield f"{device.name} ({device.title}) cannot compute: {reason}."


def notes(folders: Mapping[str, Path]) -> Iterator[str]:
    """Say what works less well than it could, and what to do."""
    if has_nvidia_gpu() and not (torch.version.cuda or torch.version.hip):
        yield (
            f"there is an NVIDIA GPU, and PyTorch {torch.__version__} is for CPUs only; install a "
            "build for CUDA: https://pytorch.org/get-started/locally."
        )
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal() and int(threads) > cores():
        yield (
            f"OMP_NUM_THREADS is {threads} and this process has {cores()} cores, which makes "
            f"everything slower; unset it, or set it to {cores()} at most."
        )
    shared = Path("/dev/shm")
    if shared.is_dir() and (room := shutil.disk_usage(shared).total) < _SHARED_MEMORY:
        yield (
            f"{shared} has {_size(room)}, too little for loading processes; use `--workers 0`, or "
            "give the container more (`docker run --shm-size=8g`)."
        )
    for title, path in folders.items():
        place = _there(path)
        free = shutil.disk_usage(place).free
        if not os.access(place, os.W_OK):
            yield f"{place}: nothing can be written there ({title})."
        elif free < _DISK:
            yield f"{place}: {_size(free)} are left on its disk ({title}); make room."
