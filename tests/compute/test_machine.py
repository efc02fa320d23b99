"""What `posegen doctor` looks for, each made to happen."""

from __future__ import annotations

import shutil
from collections import namedtuple
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch

from posegen.compute import doctor, environment
from posegen.compute.environment import Device
from posegen.core.specs import DetectorSpec
from posegen.plugins import Registry, discover
from posegen.plugins.components import PluginRecord

CPU = Device("cpu", "x", 2**33, 2**32, {"32": "fast", "tf32": "no", "bf16": "slow", "fp16": "slow"})
FAST = {"32": "fast", "tf32": "fast", "bf16": "fast", "fp16": "fast"}
GPU = Device("cuda:0", "H", 80 * 2**30, 70 * 2**30, FAST)
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def registry() -> Registry:
    return discover(third_party=False)


@pytest.fixture(autouse=True)
def sound_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine itself is reported."""
    monkeypatch.setattr(doctor, "has_nvidia_gpu", lambda: False)
    monkeypatch.setattr(doctor, "cores", lambda: 4)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**40, 0, 2**40))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def test_nothing_is_found_on_a_sound_machine(registry: Registry, tmp_path: Path) -> None:
    assert doctor.broken(registry, [CPU]) == []
    assert list(doctor.notes({"runs": tmp_path})) == []


def test_a_build_for_cpus_beside_a_gpu(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "has_nvidia_gpu", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    [note] = doctor.notes({})
    assert "is for CPUs only; install a build for CUDA" in note
    assert doctor.broken(registry, [CPU]) == []
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    [message] = doctor.broken(registry, [CPU])
    assert "CUDA_VISIBLE_DEVICES" in message
    assert list(doctor.notes({})) == []


def test_a_gpu_that_cannot_compute(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*size: int, device: str) -> torch.Tensor:
        raise RuntimeError("CUDA error: no kernel image is available\nfor this device")

    monkeypatch.setattr(torch, "ones", fails)
    [message] = doctor.broken(registry, [GPU, CPU])
    assert message == "cuda:0 (H) cannot compute: CUDA error: no kernel image is available."


@pytest.mark.parametrize(("given", "count"), [("64", 1), ("4", 0), ("1", 0), ("many", 0)])
def test_more_threads_than_cores(given: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    notes = list(doctor.notes({}))
    assert len(notes) == count
    assert all("OMP_NUM_THREADS is 64 and this process has 4 cores" in text for text in notes)


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**40, 2**40, 2**29))
    [message] = doctor.notes({"caches": tmp_path / "not" / "there" / "yet"})
    assert message == f"{tmp_path}: 0.5 GiB are left on its disk (caches); make room."


def test_little_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(64 * 2**20, 0, 64 * 2**20))
    notes = list(doctor.notes({}))
    assert len(notes) == Path("/dev/shm").is_dir()
    assert all("/dev/shm has 64.0 MiB" in text and "--shm-size" in text for text in notes)


def test_a_plugin_that_does_not_load() -> None:
    point = EntryPoint("bad", "module_that_is_not_there", "posegen")
    [message] = doctor.broken(discover(points=[point]), [CPU])
    assert "the plugin module_that_is_not_there ? does not load: import failed" in message


def test_weights_and_who_needs_them(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "vgg16-397923af.pth").write_bytes(b"x")
    found = doctor.published_weights(registry)
    assert found["vgg16-397923af.pth"] == "here (metric dists, metric lpips)"
    missing = "missing: downloaded on first use, or --set"
    rcnn = found["keypointrcnn_resnet50_fpn_coco-fc266e95.pth"]
    assert rcnn.startswith(f"{missing} detector.weights=FILE (")
    assert found["alexnet-owt-7be5be79.pth"].startswith(f"{missing} lpips.weights=FILE (")
    everything = doctor.published_weights(discover())
    assert "loss vgg19" in everything["vgg19-dcbb9e9d.pth"]


def test_extras_and_what_of_them_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = ["torch", "numpy ; extra == 'here'", "nothing-of-the-kind>=1 ; extra == 'video'"]
    needs += ["numpy ; extra == 'video'", "nothing-else ; extra == 'dev'"]
    monkeypatch.setattr(doctor, "requires", lambda package: needs)
    assert doctor.extras() == {
        "posegen[here]": "here",
        "posegen[video]": "missing nothing-of-the-kind: pip install 'posegen[video]'",
    }


def test_a_detector_whose_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = DetectorSpec(name="eye", summary="", target="eye:Eye", contract=1)
    record = PluginRecord("eye", "posegen-eye", "1", specs=(spec,))
    needs = ["torch", "eyelib>=2", "seer", "more ; extra == 'test'"]
    monkeypatch.setattr(doctor, "requires", lambda package: needs)
    there = {"posegen-eye": "1", "torch": "2.9", "seer-gpu": "1"}
    monkeypatch.setattr(doctor, "_installed", there.get)
    registry = Registry([record])
    assert doctor.detectors(registry) == {"detector eye": "missing: pip install 'eyelib>=2'"}
    monkeypatch.setattr(doctor, "_installed", lambda package: "9")
    assert doctor.detectors(registry) == {}


def test_flags_suit_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "cores", lambda: 16)
    on_cpu, on_gpu = doctor.recommended(CPU), doctor.recommended(GPU)
    assert "--precision 32" in on_cpu["train"]
    assert "--workers 0" in on_cpu["eval"]
    assert on_gpu["train"].startswith("--precision bf16 --compile --workers 8,")
    small = Device("cuda:0", "T4", 15 * 2**30, 0, {**FAST, "bf16": "slow", "tf32": "no"})
    assert doctor.recommended(small)["train"].startswith("--precision fp16 --compile")
    assert "training.accumulate=4" in doctor.recommended(small)["train"]


def test_the_machine_is_described(registry: Registry, tmp_path: Path) -> None:
    [cpu] = [device for device in environment.devices() if device.name == "cpu"]
    assert cpu.memory >= cpu.free >= 0
    assert set(cpu.precisions) == {"32", "tf32", "bf16", "fp16"}
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"123")
    folders = {"some": tmp_path, "none": tmp_path / "none"}
    sections = doctor.sections(registry, [cpu], folders)
    assert sections["versions"]["torch"] == torch.__version__
    assert sections["devices"]["cpu"].startswith(f"{cpu.title}; ")
    assert f"{tmp_path}: 0.0 MiB in 1 files, 1024.0 GiB free" == sections["folders"]["some"]
    assert "in 0 files" in sections["folders"]["none"]
