"""Memory, disks and other processes that fail: a sentence, and nothing that was saved is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from posegen.cli.main import run as command_line
from posegen.compute.failures import most_that_fit, sentence, within_memory
from posegen.config import ExperimentConfig
from posegen.core.batches import Batch
from posegen.core.errors import PosegenError, TrainingError
from posegen.training.api import train
from posegen.training.stepper import Stepper

Tiny = Callable[..., ExperimentConfig]


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Memory for so many pairs at once."""

    def limit(pairs: int) -> None:
        whole = Stepper._phase

        def phase(self: Stepper, name: str, parts: list[Batch], contexts: list[object]) -> object:
            if max(map(len, parts)) > pairs:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return whole(self, name, parts, contexts)  # type: ignore[arg-type]

        monkeypatch.setattr(Stepper, "_phase", phase)

    return limit


def test_training_says_how_many_pairs_fit(
    tiny: Tiny, tmp_path: Path, small_memory: Callable[[int], None]
) -> None:
    small_memory(1)
    with pytest.raises(TrainingError) as caught:
        train(tiny("training.batch_size=4"), tmp_path / "run")
    said = str(caught.value)
    assert "out of memory on cpu at step 1, with 4 pairs of 32×16 at once" in said
    assert "1 fit: go on with `--resume --set training.accumulate=4`" in said
    more = tiny("training.batch_size=4", "training.accumulate=4", "training.steps=1")
    _, outcome = train(more, tmp_path / "run", resume=True)
    assert outcome.step == 1


def test_training_says_that_nothing_fits(
    tiny: Tiny, tmp_path: Path, small_memory: Callable[[int], None]
) -> None:
    small_memory(0)
    with pytest.raises(TrainingError, match="not one pair fits: take smaller pictures"):
        train(tiny(), tmp_path / "run")


def test_what_fits_is_tried_in_halves() -> None:
    tried: list[int] = []

    def attempt(count: int) -> None:
        tried.append(count)
        if count > 5:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    assert (most_that_fit(32, attempt), tried) == (4, [16, 8, 4])
    with pytest.raises(ZeroDivisionError):
        most_that_fit(2, lambda count: 1 // 0)


def test_models_in_use_say_how_many_pictures_fit() -> None:
    def make(batch: Batch) -> int:
        if len(batch) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return len(batch)

    batch = Batch({"source": torch.zeros(8, 3, 4, 4)})
    with pytest.raises(PosegenError, match="on cuda with 8 pictures at once; 2 fit, so take `--b"):
        within_memory(batch, make, "cuda")
    assert within_memory(batch.part(0, 2), make, "cuda") == 2
    with pytest.raises(ZeroDivisionError):
        within_memory(batch, lambda batch: 1 // 0, "cuda")


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (MemoryError(), "out of memory; use a smaller batch"),
        (torch.OutOfMemoryError("CUDA out of memory."), "out of memory; use a smaller batch"),
        (OSError(28, "No space left on device", "a"), "a: no room is left on its disk"),
        (OSError(28, "No space left on device"), "a file: no room is left on its disk"),
        (PermissionError(13, "Permission denied", "a"), "a: Permission denied; give another path."),
    ],
)
def test_failures_of_the_machine_are_sentences(error: Exception, wanted: str) -> None:
    said = sentence(error)
    assert said is not None
    assert said[0].startswith(wanted)
    assert sentence(ValueError("anything")) is None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 600 KB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_one_sentence(
    tiny_flags: list[str], small_disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (small_disk / "filling").write_bytes(bytes(450_000))
    with pytest.raises(SystemExit) as caught:
        command_line(["train", *tiny_flags, "--out", str(small_disk / "run")])
    said = capfd.readouterr().err
    assert caught.value.code == 1
    assert "Traceback" not in said
    assert "no room is left on its disk; make some, or give another path." in said
    left = [p for p in small_disk.rglob("*") if p.name.endswith((".posegen-part", "state.json"))]
    assert not left


STOPPED = """
import os, signal, sys, torch, torch.distributed as dist
from posegen.compute.process import join
process = join("cpu")
process.wait()
if process.rank:
    os.kill(os.getpid(), signal.SIGSTOP)
from posegen.compute.failures import sentence
try:
    process.mean(torch.ones(1))
except Exception as error:
    print(sentence(error)[0], flush=True)
    os._exit(3)
"""


def test_a_process_that_stops_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    shared = {
        **os.environ,
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(29_600 + os.getpid() % 300),
        "POSEGEN_PATIENCE": "4",
        "OMP_NUM_THREADS": "1",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", STOPPED],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    try:
        said, _ = processes[0].communicate(timeout=90)
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert processes[0].returncode == 3
    assert "has not answered for 4 seconds" in said
