"""`posegen animate`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageSequence

import posegen
from posegen.config import ComponentOptions
from posegen.config.parts import build_generator
from posegen.core import TaskInfo
from posegen.inference.marks import mark_of
from posegen.inference.pose_files import write_pose
from posegen.poses.motions import motion
from posegen.weights.description import WeightsConfig
from posegen.weights.folder import join, save_weights

Call = Callable[..., tuple[int, str, str]]
SIZE = (32, 16)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A small network's."""
    section = ComponentOptions.model_validate(
        {"name": "patn", "ngf": 4, "blocks": 1, "init": "default"}
    )
    config = WeightsConfig(
        model="patn",
        generator=section,
        encoder=ComponentOptions(name="gaussian"),
        method=ComponentOptions(name="adversarial"),
        image_size=SIZE,
    )
    torch.manual_seed(0)
    network = build_generator(section, TaskInfo(SIZE, 18))
    for parameter in network.parameters():
        parameter.data *= 1.6  # else one pose gives what the other does
    save_weights(tmp_path / "weights", config, join({"generator": network}))
    return tmp_path / "weights"


@pytest.fixture
def photo(tmp_path: Path) -> list[str | Path]:
    """A photo of another shape than the model's, and the pose in it."""
    Image.effect_noise((90, 120), 80).convert("RGB").save(tmp_path / "me.jpg")
    pose = motion("turn").track[0].clone()
    pose[:, :2] = pose[:, :2] * 90 + torch.tensor([45.0, 110.0])
    write_pose(tmp_path / "me.json", pose, (120, 90), "openpose18")
    return [tmp_path / "me.jpg", "--source-pose", tmp_path / "me.json"]


def test_a_photo_does_a_motion(
    weights: Path, photo: list[str | Path], tmp_path: Path, call: Call
) -> None:
    out = tmp_path / "clips" / "walk.webp"
    code, said, _ = call(
        "animate", *photo, "--weights", weights, "--motion", "walk", "--out", out, "--scale", "2"
    )
    assert code == 0
    assert said == f"{out}: 28 frames\n"
    with Image.open(out) as clip:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(clip)]
        assert clip.info["duration"] == pytest.approx(1000 / 24, abs=1)
    assert len(frames) == 28
    assert frames[0].size == (32, 64)
    assert frames[0].tobytes() != frames[7].tobytes()


def test_a_folder_takes_pictures_and_python_makes_the_same(
    weights: Path, photo: list[str | Path], tmp_path: Path, call: Call
) -> None:
    out, draw = tmp_path / "frames", tmp_path / "drawn" / "pose.png"
    words = ["--motion", "wave", "--out", out, "--scale", "1", "--draw", draw]
    code, said, _ = call("animate", *photo, "--weights", weights, *words)
    assert code == 0
    assert said.splitlines() == [f"{out}: 40 frames", str(draw)]
    with Image.open(draw) as drawn:
        assert drawn.size[1] > 400
    model = posegen.load_model(weights)
    frames = list(model.animate(tmp_path / "me.jpg", "wave", tmp_path / "me.json"))
    written = sorted(out.iterdir())
    assert len(written) == len(frames) == 40
    with Image.open(written[11]) as picture:
        assert mark_of(picture) == model.mark
        assert picture.tobytes() == frames[11].tobytes()


def test_mistakes_are_said_before_anything_is_made(
    weights: Path, photo: list[str | Path], tmp_path: Path, call: Call
) -> None:
    for words, sentence in (
        (["--motion", "wlak", "--out", tmp_path / "a.webp"], "wlak: no such motion; "),
        (["--motion", "walk", "--out", tmp_path / "a.jpeg"], "a clip ends in .gif, .webp"),
        (
            ["--motion", "walk", "--out", tmp_path / "a.webp", "--retarget", "none"],
            "a motion of the library has no pixels",
        ),
    ):
        code, _, said = call("animate", *photo, "--weights", weights, *words)
        assert code == 2
        assert sentence in said
        assert not (tmp_path / "a.webp").exists()


def test_motions_are_listed_drawn_and_written(tmp_path: Path, call: Call) -> None:
    code, said, _ = call("motion", "list", "--json")
    assert code == 0
    assert {"walk", "run", "sit"} <= {row["name"] for row in json.loads(said)}
    out, poses = tmp_path / "walk.gif", tmp_path / "poses"
    code, said, _ = call("motion", "show", "walk", "--out", out, "--json", poses)
    assert (code, said) == (0, f"{out}\n{poses}: 28 poses\n")
    with Image.open(out) as clip:
        assert clip.n_frames == 28
    assert len(list(poses.iterdir())) == 28
    code, _, said = call("motion", "show", "walk")
    assert (code, said) == (2, "error: nothing to write; give --out, --json or both.\n")


def test_written_poses_drive_as_the_library_does(
    weights: Path, photo: list[str | Path], tmp_path: Path, call: Call
) -> None:
    poses, out = tmp_path / "poses", tmp_path / "a.gif"
    assert call("motion", "show", "wave", "--json", poses)[0] == 0
    code, said, _ = call("animate", *photo, "--weights", weights, "--motion", poses, "--out", out)
    assert (code, said) == (0, f"{out}: 40 frames\n")
