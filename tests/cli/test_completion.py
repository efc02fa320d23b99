"""What the shell is offered, as it asks."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("posegen train --model pat", ["patn", "patn-masked"]),
        ("posegen train --model limbs --preset people", ["people", "people-64x32"]),
        ("posegen train --model nobody --preset ", []),
        ("posegen train --data peo", ["people"]),
        ("posegen eval --metrics ssim,psn", ["ssim,psnr"]),
        ("posegen eval --metrics psnr,psn", []),
        ("posegen eval --protocol patn", ["patn-2019"]),
        ("posegen animate me.jpg --motion walk", ["walk", "walk-front"]),
        ("posegen generate --weights people-li", ["people-limbs-128x64"]),
        ("posegen pose me.jpg --detector move", ["movenet"]),
    ],
)
def test_names_are_completed(line: str, offered: list[str]) -> None:
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    done = subprocess.run(
        [sys.executable, "-m", "posegen"],
        env={**os.environ, **asked, "_POSEGEN_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout.split() == offered
