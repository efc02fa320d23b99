"""`posegen data`: from a download, or photos, to a trained model."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

Call = Callable[..., tuple[int, str, str]]

TINY = """
[data]
cache = "auto"
[generator]
ngf = 4
blocks = 1
[discriminators.appearance]
ngf = 4
blocks = 1
[discriminators.shape]
ngf = 4
blocks = 1
[losses.perceptual]
weight = 0
[augment]
flip = 0.5
rotate = 5
shift = 0.05
brightness = 0.1
[training]
batch_size = 2
epoch_pairs = 14
constant_epochs = 1
decay_epochs = 0
sample_pairs = 2
workers = 1
"""


def test_prepare_check_train_eval(raw: Any, dots: ModuleType, tmp_path: Path, call: Call) -> None:
    """The whole way, on Market-1501's own folders made of dots."""
    out, run = tmp_path / "market", tmp_path / "run"
    words = ("data", "prepare", "market1501", raw.market(), out, "--detector", "dots")
    code, said, err = call(*words)
    assert code == 0, err
    assert re.search(r"pairs +14 +12", said)
    assert re.search(r"pairs in the published files +263,632 +12,000", said)
    code, said, err = call("data", "check", out, "--html", tmp_path / "check.html")
    assert code == 0, said + err
    assert (tmp_path / "check.html").stat().st_size > 10_000

    (tmp_path / "tiny.toml").write_text(TINY)
    environment = {**os.environ, "PYTHONPATH": str(Path(dots.__file__ or "").parent)}

    def command(*words: str | Path) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "posegen", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    words = ("--preset", "market1501", "--config", tmp_path / "tiny.toml", "--out", run)
    said = command("train", "--model", "patn", "--data", out, *words)
    assert "step 7/7" in said
    assert list((out / "packed").glob("train-*.safetensors"))
    said = command("eval", run, "--metrics", "ssim,l1")
    assert "ssim" in said
    assert "0." in said


def test_skip_bad_trains_on_the_rest(raw: Any, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "market"
    call("data", "prepare", "market1501", raw.market(), out, "--detector", "dots")
    (out / "market_data" / "train" / "0007_c1s1_000004_01.jpg").write_bytes(b"x")
    words = ("data", "show", out, "--out", tmp_path / "p.png", "--count", "14")
    code, _, err = call(*words)
    assert code == 2
    assert "000004_01.jpg: cannot be decoded" in err
    assert call(*words, "--skip-bad")[0] == 0
    words = ("train", "--model", "patn", "--data", out, "--skip-bad", "--dry-run")
    words += ("--set", "losses.perceptual=none")
    code, said, err = call(*words)
    assert code == 0, err
    assert "10 training pairs" in said
    code, said, _ = call("data", "pack", out, "--skip-bad", "--cache", tmp_path / "cache")
    assert code == 0
    assert "Left out: 1 picture that cannot be decoded" in said


def rows(table: str) -> list[str]:
    return [line for line in table.splitlines() if line.startswith("│")]


def test_check_ends_with_1_where_something_is_wrong(
    raw: Any, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "market"
    call("data", "prepare", "market1501", raw.market(), out, "--detector", "dots")
    pairs = out / "market-pairs-train.csv"
    with pairs.open("a") as file:
        file.write("0007_c1s1_000004_01.jpg,0010_c1s1_000007_01.jpg\n")
    code, said, _ = call("data", "check", out)
    assert code == 1
    assert "pairs whose person differs" in said
    name = "0007_c1s1_000004_01_of_a_camera_in_the_yard_behind_the_northern_gate_at_noon.jpg"
    with pairs.open("a") as file:
        file.write(f"{name},{name}\n")
    monkeypatch.setenv("COLUMNS", "80")
    code, said, _ = call("data", "check", out)
    assert code == 1
    assert "…" not in said
    assert name in "".join(line[line.rindex("│", 0, -1) + 2 : -2].strip() for line in rows(said))
    code, said, err = call("data", "check", out, "--json", "--html", tmp_path / "check.html")
    told = json.loads(said)
    assert (code, told["ok"], told["counts"]["train"]["pictures"]) == (1, False, 9)
    assert any(name in finding["detail"] for finding in told["findings"])
    assert "Written: " in err
    code, _, err = call("data", "check", "people")
    assert code == 2
    assert "this command is for folders" in err


def test_prepare_deepfashion(raw: Any, tmp_path: Path, call: Call) -> None:
    words = ("data", "prepare", "deepfashion", raw.deepfashion(), tmp_path / "out")
    code, said, err = call(*words, "--detector", "dots", "--split", "leak-free")
    assert code == 0, err
    assert re.search(r"pairs in the published files +101,966 +8,570", said)
    code, said, _ = call("data", "check", tmp_path / "out")
    assert "leak" not in said.lower()
    for options, sentence in (
        (["--size", "250x176"], "--size 250x176: height and width must be divisible by 4."),
        (["--set", "detector.tolerance=5"], "needs a detector"),
        (["--detector", "dot"], "no detector 'dot'; did you mean 'dots'?"),
        (["--detector", "dots", "--set", "data.x=1"], "only detector.… can be set here"),
        (["--detector", "dots", "--set", "detector.x=1"], "detector.x: detector 'dots' has no"),
    ):
        code, _, err = call(*words, *options)
        assert code == 2
        assert sentence in err
        assert len(err.strip().splitlines()) == 1


def test_from_folder(
    raw: Any, dots: ModuleType, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in ("anna", "bert"):
        for shot in range(3):
            folder = tmp_path / "photos" / person
            folder.mkdir(parents=True, exist_ok=True)
            keypoints = dots.pose(3 * ord(person[0]) + shot, (256, 176))
            dots.picture(keypoints, (256, 176), 3).save(folder / f"{shot}.png")
    Image.new("RGB", (80, 80), dots.GROUND).save(tmp_path / "photos" / "anna" / "9.png")
    words = ("data", "from-folder", tmp_path / "photos", tmp_path / "out", "--detector", "dots")
    code, said, err = call(*words, "--size", "128x64")
    assert code == 0, err
    assert "Pictures: anna 3, bert 3." in said
    assert "Pairs: train 6, test 6." in said
    assert "Left out: 1 picture with nobody." in err
    code, said, _ = call("data", "check", tmp_path / "out")
    assert code == 0, said
    # The command that is named for training on it works, and needs no file.
    told = re.search(r"nothing to download: posegen (train .*)", err)
    assert told is not None
    monkeypatch.setenv("POSEGEN_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "nothing"))
    code, said, err = call(*told[1].split(), "--dry-run")
    assert (code, "6 training pairs of 128×64" in said) == (0, True), err
    code, _, err = call(*words, "--image-format", "gif")
    assert (code, "'gif' is not one of 'jpg', 'png'" in err) == (2, True)


def test_from_folder_looks_at_the_folders_before_it_opens_a_detector(
    tmp_path: Path, call: Call
) -> None:
    words = ("--detector", "not-there")
    code, _, err = call("data", "from-folder", tmp_path / "nope", tmp_path / "out", *words)
    assert code == 2
    assert f"{tmp_path / 'nope'}: no such folder or video." in err


@pytest.mark.parametrize("seeds", [("1", "1"), ("1", "2")])
def test_show_draws_random_pairs(
    raw: Any, tmp_path: Path, call: Call, seeds: tuple[str, str]
) -> None:
    out = tmp_path / "market"
    call("data", "prepare", "market1501", raw.market(), out, "--detector", "dots")
    drawn = []
    for number, seed in enumerate(seeds):
        path = tmp_path / f"{number}.png"
        assert call("data", "show", out, "--out", path, "--count", "4", "--seed", seed)[0] == 0
        drawn.append(path.read_bytes())
    assert (drawn[0] == drawn[1]) == (seeds[0] == seeds[1])


def test_a_size_that_no_network_takes(tmp_path: Path, call: Call) -> None:
    code, _, err = call("data", "export", "people", tmp_path / "out", "--size", "63x31")
    assert code == 2
    assert "error: --size 63x31: height and width must be divisible by 4." in err
