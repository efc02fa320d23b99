"""What `posegen doctor` looks for, each made to happen."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch

from posegen.compute import checkup, environment, findings
from posegen.compute.environment import Device
from posegen.core.specs import DetectorSpec
from posegen.plugins import Registry, discover
from posegen.plugins.components import PluginRecord

CPU = Device("cpu", "x", 2**33, 2**32, {"32": "fast", "tf32": "no", "bf16": "slow", "fp16": "slow"})
GPU = Device(
    "cuda:0",
    "H",
    80 * 2**30,
    70 * 2**30,
    {"32": "fast", "tf32": "fast", "bf16": "fast", "fp16": "fast"},
    {"compute capability": "9.0"},
)


@pytest.fixture
def registry() -> Registry:
    return discover(third_party=False)


@pytest.fixture
def found(registry: Registry, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Message -> level of what is found."""

    def look(devices: list[Device] | None = None, **places: Path) -> dict[str, str]:
        made = findings.findings(registry, devices or [CPU], places or {"runs": tmp_path})
        return {finding.message: finding.level for finding in made}

    return look


@pytest.fixture(autouse=True)
def sound_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine itself is reported."""
    monkeypatch.setattr(findings, "has_nvidia_gpu", lambda: False)
    monkeypatch.setattr(findings, "cores", lambda: 4)
    monkeypatch.setattr(findings, "_of_kernels", list)
    monkeypatch.setattr(findings, "_of_loading", list)
    monkeypatch.setattr(findings, "_of_packages", lambda package: [])
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def test_nothing_is_found_on_a_sound_machine(found: Callable[..., dict[str, str]]) -> None:
    assert found() == {}


def test_a_build_for_cpus_beside_a_gpu(
    found: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "has_nvidia_gpu", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    [(message, level)] = found().items()
    assert level == "note"
    assert "is for CPUs only; install a build for CUDA" in message
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    [(message, level)] = found().items()
    assert level == "broken"
    assert "CUDA_VISIBLE_DEVICES" in message


def test_a_gpu_that_cannot_compute(
    found: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*size: int, device: str) -> torch.Tensor:
        raise RuntimeError("CUDA error: no kernel image is available\nfor this device")

    monkeypatch.setattr(torch, "ones", broken)
    [(message, level)] = found([GPU, CPU]).items()
    assert level == "broken"
    assert message == ("cuda:0 (H) cannot compute: CUDA error: no kernel image is available.")


@pytest.mark.parametrize(("given", "count"), [("64", 1), ("4", 0), ("1", 0), ("many", 0)])
def test_more_threads_than_cores(
    given: str,
    count: int,
    found: Callable[..., dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert len(found()) == count
    assert all("OMP_NUM_THREADS is 64 and this process has 4 cores" in text for text in found())


def test_a_full_disk(
    found: Callable[..., dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(2**40, 2**40, 2**29))
    [(message, level)] = found(caches=tmp_path / "not" / "there" / "yet").items()
    assert level == "note"
    assert message == f"{tmp_path}: 0.5 GiB are left on its disk (caches); make room."


def test_little_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(64 * 2**20, 0, 64 * 2**20))
    if not Path("/dev/shm").is_dir():
        assert findings._of_loading() == []
        return
    [finding] = findings._of_loading()
    assert "/dev/shm has 64 MiB" in finding.message
    assert "--shm-size" in finding.message


def test_packages_that_are_missing_or_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    needs = {"posegen": ["torch>=99", "numpy", "sharp>=2 ; extra == 'more'"], "torchvision": []}
    monkeypatch.setattr(findings, "requires", lambda package: needs[package])
    monkeypatch.setattr(findings, "installed", {"torch": "2.9.0", "torchvision": "0.24.0"}.get)
    told = [finding.message for finding in findings._of_packages("posegen")]
    assert told == [
        "torch>=99 is needed by posegen, and is 2.9.0; install it with `pip install 'torch>=99'`.",
        "numpy is needed by posegen, and is not installed; install it with `pip install 'numpy'`.",
    ]
    monkeypatch.undo()
    assert findings._of_packages("posegen") == []


def test_a_plugin_that_does_not_load_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    point = EntryPoint("bad", "module_that_is_not_there", "posegen")
    made = findings.findings(discover(points=[point]), [CPU], {"runs": tmp_path})
    assert [finding.level for finding in made] == ["broken", "note"]
    assert "the plugin module_that_is_not_there ? does not load: import failed" in made[0].message


def test_a_detector_whose_package_is_missing(
    found: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = DetectorSpec(name="eye", summary="", target="eye:Eye", contract=1)
    record = PluginRecord("eye", "posegen-eye", "1", specs=(spec,))
    needs = ["torch", "eyelib>=2", "seer", "more ; extra == 'test'"]
    monkeypatch.setattr(findings, "requires", lambda package: needs)
    monkeypatch.setattr(findings, "installed", {"torch": "2.9", "seer-gpu": "1"}.get)
    [finding] = findings._of_detectors(Registry([record]))
    assert finding.level == "note"
    assert finding.message == (
        "the detector eye of posegen-eye needs eyelib, which is not installed; where you want to "
        "use it, `pip install 'eyelib>=2'`, or see the README of posegen-eye."
    )
    monkeypatch.setattr(findings, "installed", lambda package: "9")
    assert findings._of_detectors(Registry([record])) == []


class Odd(torch.nn.Module):
    """A layer that is wrong in channels-last format."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image if image.is_contiguous() else -image


@pytest.mark.parametrize(("layer", "count"), [(torch.nn.Identity, 0), (Odd, 1)])
def test_kernels_are_tried(
    layer: type[torch.nn.Module], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(torch.nn, "InstanceNorm2d", lambda channels: layer())
    told = findings._of_kernels()
    assert [finding.level for finding in told] == ["note"] * count
    assert all("a wrong gradient of instance norm" in finding.message for finding in told)


def test_weights_and_who_needs_them(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkup, "published_cache", lambda: tmp_path)
    (tmp_path / "vgg16-397923af.pth").write_bytes(b"x")
    told = {file.file: file for file in checkup.published_weights(registry)}
    assert told["vgg16-397923af.pth"].users == ["metric dists", "metric lpips"]
    assert told["vgg16-397923af.pth"].path == str(tmp_path / "vgg16-397923af.pth")
    rcnn = told["keypointrcnn_resnet50_fpn_coco-fc266e95.pth"]
    assert (rcnn.path, rcnn.option) == (None, "--set detector.weights=FILE")
    assert told["alexnet-owt-7be5be79.pth"].option == "--set lpips.weights=FILE"
    vgg19 = next(
        file for file in checkup.published_weights(discover()) if file.file == "vgg19-dcbb9e9d.pth"
    )
    assert vgg19.users == ["loss vgg19"]


def test_extras_and_what_of_them_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["torch", "numpy ; extra == 'here'", "nothing-of-the-kind>=1 ; extra == 'video'"]
    wanted += ["numpy ; extra == 'video'", "nothing-else ; extra == 'dev'"]
    monkeypatch.setattr(checkup, "requires", lambda package: wanted)

    class Metadata:
        def get_all(self, key: str) -> list[str]:
            assert key == "Provides-Extra"
            return ["video", "here", "dev", "docs"]

    monkeypatch.setattr(checkup, "metadata", lambda package: Metadata())
    assert [(extra.name, extra.missing) for extra in checkup.extras()] == [
        ("posegen[here]", []),
        ("posegen[video]", ["nothing-of-the-kind"]),
    ]


def test_flags_suit_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "cores", lambda: 16)
    on_cpu, on_gpu = findings.recommended(CPU), findings.recommended(GPU)
    assert "--precision 32" in on_cpu["train"]
    assert "--workers 0" in on_cpu["eval"]
    assert on_gpu["train"].startswith("--precision bf16 --compile --workers 8,")
    old = {**GPU.precisions, "bf16": "slow", "tf32": "no"}
    small = Device("cuda:0", "T4", 15 * 2**30, 0, old)
    assert findings.recommended(small)["train"].startswith("--precision fp16 --compile")
    assert "training.accumulate=4" in findings.recommended(small)["train"]


def test_the_machine_is_described() -> None:
    [cpu] = [device for device in environment.devices() if device.name == "cpu"]
    assert cpu.memory >= cpu.free >= 0
    assert set(cpu.precisions) == {"32", "tf32", "bf16", "fp16"}
    assert int(cpu.facts["cores"]) >= 1
    assert environment.versions()["torch"] == torch.__version__
    assert environment._parts(92600) == (9, 26, 0)
    assert environment.installed("no-such-package") is None


def test_a_folder_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"123")
    told = checkup.folder("caches", tmp_path)
    assert (told.files, told.bytes) == (1, 3)
    assert checkup.folder("none", tmp_path / "none").files == 0
