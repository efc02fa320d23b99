"""`posegen generate` with many poses: files, clips, sheets, and how it is run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tomli_w
import torch
from PIL import Image

import posegen
from posegen.cli import console, main
from posegen.config import ComponentOptions
from posegen.config.parts import build_generator
from posegen.core import TaskInfo
from posegen.inference.pose_files import write_pose
from posegen.plugins import catalogue
from posegen.weights.bundle import file_digest
from posegen.weights.description import WeightsConfig
from posegen.weights.folder import join, save_weights

Command = Callable[..., tuple[int, str, str]]
SIZE = (32, 16)


def pose(number: int) -> torch.Tensor:
    return torch.tensor([[(joint + number) % 16, joint + number, 1.0] for joint in range(18)])


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("COLUMNS", "300")

    def call(*words: str | Path) -> tuple[int, str, str]:
        console.output.cache_clear()
        console.errors.cache_clear()
        with pytest.raises(SystemExit) as end:
            main.run([str(word) for word in words])
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def base(tmp_path: Path) -> list[str | Path]:
    """What every call needs: weights, a picture, its pose; and seven poses in `walk`."""
    section = ComponentOptions.model_validate(
        {"name": "patn", "ngf": 4, "blocks": 1, "init": "default"}
    )
    torch.manual_seed(0)
    config = WeightsConfig(
        model="patn",
        generator=section,
        encoder=ComponentOptions(name="gaussian"),
        method=ComponentOptions(name="adversarial"),
        image_size=SIZE,
    )
    network = build_generator(section, TaskInfo(SIZE, 18))
    for parameter in network.parameters():
        parameter.data *= 1.6  # else one pose gives what the other does
    save_weights(tmp_path / "weights", config, join({"generator": network}))
    pixels = np.arange(32 * 16 * 3).reshape(32, 16, 3) % 251
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "me.png")
    write_pose(tmp_path / "me.json", pose(0), SIZE, "openpose18")
    (tmp_path / "walk").mkdir()
    for number in range(7):
        write_pose(tmp_path / "walk" / f"w_{number + 5}.json", pose(number), SIZE, "openpose18")
    words = ["generate", "--weights", tmp_path / "weights", "--source", tmp_path / "me.png"]
    return [*words, "--source-pose", tmp_path / "me.json", "--device", "cpu"]


def read(path: Path) -> np.ndarray:  # type: ignore[type-arg]
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_a_folder_of_poses_becomes_pictures_a_clip_and_a_sheet(
    command: Command, base: list[str | Path], tmp_path: Path
) -> None:
    out, clip = tmp_path / "out", tmp_path / "clips" / "walk.webp"
    more = ["--target-poses", tmp_path / "walk", "--out", out, "--clip", clip, "--grid"]
    code, printed, err = command(*base, *more, "--batch-size", "3", "--fps", "10")
    assert code == 0, err
    names = [f"me_w_{number}.png" for number in range(5, 12)]
    wanted = [*(str(out / name) for name in [*names, "me_grid.png"]), str(clip)]
    assert printed.split("\n")[:-1] == wanted
    model = posegen.load_model(tmp_path / "weights")
    frames = model.frames(tmp_path / "me.png", tmp_path / "me.json", map(pose, range(7)))
    with Image.open(clip) as animation:
        assert animation.n_frames == 7
        for number, frame in enumerate(frames):
            made = read(out / names[number])
            assert np.abs(made - np.asarray(frame)).max() <= 1
            animation.seek(number)
            assert np.array_equal(np.asarray(animation.convert("RGB")), made)
        assert animation.info["duration"] == 100
    # A sheet of one pose has a row, and one of seven has seven.
    code, _, err = command(*base, "--target-pose", tmp_path / "me.json", "--out", out, "--grid")
    assert code == 0, err
    with Image.open(out / "me_grid.png") as one:
        height = one.height
    command(*base, *more)
    with Image.open(out / "me_grid.png") as seven:
        assert seven.height > 6 * (height - 30)


def test_poses_of_one_name_do_not_overwrite_each_other(
    command: Command, base: list[str | Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words: list[str | Path] = ["--out", out, "--grid"]
    for number, name in enumerate(["a/walk", "walk-2", "b/walk", "c/Walk", "grid"]):
        path = tmp_path / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        write_pose(path, pose(number), SIZE, "openpose18")
        words += ["--target-pose", path]
    code, printed, err = command(*base, *words)
    assert code == 0, err
    names = ["walk", "walk-2", "walk-3", "Walk-4", "grid-2", "grid"]
    files = [out / f"me_{name}.png" for name in names]
    assert printed.split() == [str(file) for file in files]
    assert sorted(out.iterdir()) == sorted(files)
    model = posegen.load_model(tmp_path / "weights")
    frames = model.frames(tmp_path / "me.png", tmp_path / "me.json", map(pose, range(5)))
    for file, frame in zip(files, frames, strict=False):
        assert np.abs(read(file) - np.asarray(frame)).max() <= 1


def test_a_clip_alone_writes_one_file(
    command: Command, base: list[str | Path], tmp_path: Path
) -> None:
    before = {path.name for path in tmp_path.iterdir()}
    clip = tmp_path / "a.gif"
    code, printed, err = command(*base, "--target-poses", tmp_path / "walk", "--clip", clip)
    assert (code, printed) == (0, f"{clip}\n"), err
    assert {path.name for path in tmp_path.iterdir()} - before == {"a.gif"}


def test_a_table_counts_in_the_size_that_is_told(
    command: Command, base: list[str | Path], tmp_path: Path
) -> None:
    table = tmp_path / "poses.csv"
    ys, xs = [2 * joint for joint in range(18)], [-1] * 17 + [8]
    nobody = [-1] * 18
    table.write_text(
        f"name:keypoints_y:keypoints_x\nb.jpg: {ys}: {xs}\nnobody.jpg: {nobody}: {nobody}\n"
    )
    out = tmp_path / "out"
    words = ["--target-poses", table, "--out", out]
    code, printed, err = command(*base, *words, "--pose-size", "64x32")
    assert (code, printed) == (0, f"{out / 'me_b.png'}\n")
    assert "Left out 1 in which nobody is: nobody." in err
    told = read(out / "me_b.png")
    expected = torch.zeros(18, 3)
    expected[17] = torch.tensor([8.5 / 2 - 0.5, 34.5 / 2 - 0.5, 1.0])
    model = posegen.load_model(tmp_path / "weights")
    wanted = model.generate(tmp_path / "me.png", tmp_path / "me.json", expected)
    assert np.abs(told - np.asarray(wanted)).max() <= 1
    table.write_text(f"name:keypoints_y:keypoints_x\nnobody.jpg: {nobody}: {nobody}\n")
    code, _, err = command(*base, *words)
    assert code == 2
    assert "nobody is in any of its poses" in err


def test_poses_of_one_name_are_numbered(
    command: Command, base: list[str | Path], tmp_path: Path
) -> None:
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        write_pose(tmp_path / str(number) / "p.json", pose(number), SIZE, "openpose18")
    poses = [word for n in range(2) for word in ("--target-pose", tmp_path / str(n) / "p.json")]
    code, _, err = command(*base, *poses, "--out", tmp_path / "out")
    assert code == 0, err
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["me_p-2.png", "me_p.png"]


def test_speed_is_chosen_by_options(
    command: Command, base: list[str | Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--target-pose", tmp_path / "me.json", "--out"]
    for name, more in {
        "plain": ["--no-fold"],
        "usual": [],
        "half": ["--precision", "bf16"],
    }.items():
        code, _, err = command(*base, *words, tmp_path / name, *more)
        assert code == 0, err
    plain, usual, half = (
        read(tmp_path / name / "me_me.png") for name in ("plain", "usual", "half")
    )
    assert np.abs(plain - usual).max() <= 1
    assert np.abs(plain - half).mean() < 3
    compiled: list[object] = []
    monkeypatch.setattr(torch, "compile", lambda step: (compiled.append(step), step)[1])
    code, _, err = command(*base, *words, tmp_path / "compiled", "--compile")
    assert code == 0, err
    assert len(compiled) == 3


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--out", "{tmp}/o"], "give the wanted poses with --target-pose, or with --target-poses"),
        (
            ["--target-pose", "{tmp}/me.json", "--target-poses", "{tmp}/walk", "--out", "{tmp}/o"],
            "give the wanted poses with --target-pose, or with --target-poses",
        ),
        (["--target-pose", "{tmp}/me.json"], "nothing to write; give --out, --clip or both"),
        (
            ["--target-pose", "{tmp}/me.json", "--clip", "{tmp}/a.gif", "--grid"],
            "--grid is written into --out",
        ),
        (
            ["--target-pose", "{tmp}/me.json", "--out", "{tmp}/o", "--pose-size", "2x2"],
            "--pose-size is about --target-poses",
        ),
        (["--target-pose", "{tmp}/me.json", "--clip", "{tmp}/a.avi"], "a clip ends in .gif"),
        (
            ["--target-poses", "{tmp}/no", "--clip", "{tmp}/a.gif"],
            "no such file or folder",
        ),
        (
            ["--target-pose", "{tmp}/me.json", "--out", "{tmp}/o", "--precision", "half"],
            "precision half: there are 32, bf16, fp16",
        ),
    ],
)
def test_mistakes_get_a_sentence(
    words: list[str], sentence: str, command: Command, base: list[str | Path], tmp_path: Path
) -> None:
    code, out, err = command(*base, *(word.format(tmp=tmp_path) for word in words))
    assert code == 2
    assert sentence in err
    assert len(err.strip().splitlines()) == 1
    assert out == ""
    assert not (tmp_path / "o").exists()


def test_without_weights_it_says_which_it_takes_or_what_to_give(
    base: list[str | Path], tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*base[:1], *base[3:], "--target-pose", tmp_path / "me.json", "--out", tmp_path / "out"]
    monkeypatch.setattr(catalogue, "shipped", lambda: tmp_path / "none.toml")
    (tmp_path / "none.toml").write_text("schema = 1\n")
    code, _, said = command(*words)
    assert code == 2
    assert said == "error: no weights are named; give --weights RUN|WEIGHTS.\n"
    shutil.copytree(tmp_path / "weights", tmp_path / "mine_weights" / "mine")
    digest = file_digest(tmp_path / "weights" / "model.safetensors")
    entry = {"name": "mine", "model": "patn", "licence": "MIT", "data": "none", "default": True}
    entry |= {"package": "mine-weights", "size": 1, "sha256": digest}
    (tmp_path / "none.toml").write_text(tomli_w.dumps({"schema": 1, "weights": [entry]}))
    monkeypatch.syspath_prepend(str(tmp_path))
    code, out, said = command(*words)
    assert code == 0, said
    assert "Weights: mine (patn, MIT); others with --weights." in said
    assert out.splitlines() == [str(tmp_path / "out" / "me_me.png")]


def test_without_a_source_pose_a_detector_finds_it_or_says_that_nobody_is_there(
    base: list[str | Path], tmp_path: Path, command: Command
) -> None:
    pytest.importorskip("posegen_movenet")
    person = posegen.dataset("people", image_size=[256, 128], pictures=2, test_identities=1)[0]
    pixels = person.source.permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(pixels).save(tmp_path / "person.png")
    words: list[str | Path] = ["generate", *base[1:3], "--target-pose", tmp_path / "me.json"]
    out = ["--out", tmp_path / "out"]
    code, said, told = command(*words, "--source", tmp_path / "person.png", *out)
    assert code == 0, told
    assert "is found by movenet" in told
    Image.new("RGB", (64, 64)).save(tmp_path / "nobody.png")
    code, said, told = command(*words, "--source", tmp_path / "nobody.png", *out)
    assert (code, said) == (2, "")
    assert "nobody.png: nobody is found in it" in told


def test_poses_of_a_larger_picture_are_refused_with_the_remedy(
    base: list[str | Path], tmp_path: Path, command: Command
) -> None:
    large = pose(0) * torch.tensor([40.0, 30.0, 1.0])
    rows = [[float(x), float(y)] for x, y, _ in large]
    (tmp_path / "large.json").write_text(json.dumps({"keypoints": rows}))
    out = ["--out", tmp_path / "out"]
    code, _, said = command(*base, "--target-pose", tmp_path / "large.json", *out)
    assert code == 2
    assert "large.json: 17 of 18 joints lie outside the picture of 32×16" in said.replace("\n", "")
    assert not (tmp_path / "out").exists()
    words = ["--target-poses", tmp_path / "large.json", "--pose-size", "960x640"]
    assert command(*base, *words, *out)[0] == 0


def test_a_joint_at_minus_one_is_missing(
    base: list[str | Path], tmp_path: Path, command: Command
) -> None:
    rows = [[-1, -1], *([float(x), float(y)] for x, y, _ in pose(0)[1:])]
    for name, first in (("minus", [-1, -1]), ("null", None)):
        rows[0] = first  # type: ignore[call-overload]
        (tmp_path / f"{name}.json").write_text(json.dumps({"keypoints": rows}))
        words = ["--target-pose", tmp_path / f"{name}.json", "--out", tmp_path / "out"]
        assert command(*base, *words)[0] == 0
    minus, null = (tmp_path / "out" / f"me_{name}.png" for name in ("minus", "null"))
    assert Image.open(minus).tobytes() == Image.open(null).tobytes()
