"""The command line called in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from posegen.cli import console, main

#: words -> exit code, standard output, standard error
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run the command line; returns its exit code, standard output and standard error."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: str | Path) -> tuple[int, str, str]:
        console.output.cache_clear()  # consoles keep the stream that they were made with
        console.errors.cache_clear()
        code = 0
        try:
            main.run([str(word) for word in words])
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders of results for the same targets, the second one worse; scored by the command."""
    home = tmp_path_factory.mktemp("report")
    random = np.random.default_rng(0)
    folders = home / "good", home / "bad"
    for folder in (home / "targets", *folders):
        folder.mkdir()
    for number in range(9):
        target = random.integers(40, 200, (8, 4, 3)).repeat(4, 0).repeat(4, 1)
        Image.fromarray(target.astype(np.uint8)).save(home / f"targets/t{number}.png")
        for folder, noise in zip(folders, (5, 20), strict=True):
            made = target + random.integers(-noise, noise + 1, target.shape)
            Image.fromarray(made.astype(np.uint8)).save(folder / f"s___t{number}.png")
    for folder in folders:
        words = ["eval", "--results", folder, "--layout", "pairs", "--targets", home / "targets"]
        with pytest.raises(SystemExit) as end:
            main.run([*map(str, words), "--metrics", "ssim,l1", "--out", str(folder)])
        assert not end.value.code
    return folders
