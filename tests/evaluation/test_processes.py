"""Several processes under torchrun find what one finds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from torchvision.transforms.v2.functional import to_pil_image

#: Eleven pairs: with two processes and batches of two, shares and batches are uneven.
PAIRS = 11


@pytest.fixture
def command(natural, tmp_path) -> list[str]:
    """The arguments of `posegen eval` for a folder of results."""
    for folder, seed in (("made", 1), ("real", 2)):
        (tmp_path / folder).mkdir()
        for place, image in enumerate(natural(seed, PAIRS, (32, 24))):
            to_pil_image(image).save(tmp_path / folder / f"{place}.png")
    return [
        *("eval", "--results", str(tmp_path / "made"), "--layout", "parallel"),
        *("--targets", str(tmp_path / "real"), "--batch-size", "2", "--device", "cpu"),
        *("--metrics", "ssim,psnr,l1", "--out"),
    ]


def test_two_processes_equal_one(command, tmp_path) -> None:
    run = [sys.executable, "-m", "posegen", *command, str(tmp_path / "one")]
    subprocess.run(run, check=True, capture_output=True, timeout=240)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    run = [*torchrun, "--nproc-per-node", "2", "-m", "posegen", *command, str(tmp_path / "two")]
    subprocess.run(run, check=True, capture_output=True, timeout=240)

    def found(folder: str) -> tuple[dict, str]:
        path: Path = tmp_path / folder
        scores = json.loads((path / "scores.json").read_text())
        assert scores.pop("seconds") > 0
        return scores, (path / "scores.csv").read_text()

    assert found("two") == found("one")
    assert found("one")[0]["pairs"] == PAIRS
