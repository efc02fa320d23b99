"""`posegen animate`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageChops, ImageSequence, ImageStat

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


@pytest.fixture(scope="module")
def person() -> Image.Image:
    """A whole person of the embedded ones, whom the detector finds."""
    image = posegen.dataset("people", image_size=(256, 176))[0].source
    return Image.fromarray(image.permute(1, 2, 0).numpy())


def _frames(folder: Path) -> list[Image.Image]:
    return [Image.open(file).convert("RGB") for file in sorted(folder.iterdir())]


def _near(a: list[Image.Image], b: list[Image.Image]) -> float:
    """Return the mean difference of two clips, in grey levels."""
    assert len(a) == len(b) > 0
    pairs = zip(a, b, strict=True)
    return sum(ImageStat.Stat(ImageChops.difference(*two)).mean[1] for two in pairs) / len(a)


def test_a_photo_upside_down_or_very_large_is_the_same_person(
    weights: Path, person: Image.Image, tmp_path: Path, call: Call
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180°
    turned = person.transpose(Image.Transpose.ROTATE_180)
    person.save(tmp_path / "upright.png")
    turned.save(tmp_path / "turned.png", exif=exif)
    person.resize((2750, 4000), Image.Resampling.BICUBIC).save(tmp_path / "large.png")
    made = {}
    for name in ("upright", "turned", "large"):
        words = ["--weights", weights, "--motion", "walk", "--out", tmp_path / name]
        assert call("animate", tmp_path / f"{name}.png", *words)[0] == 0
        made[name] = _frames(tmp_path / name)
    assert _near(made["upright"], made["turned"]) == 0
    assert _near(made["upright"], made["large"]) < 4


def test_half_a_person_stays_half_and_nobody_is_a_sentence(
    weights: Path, person: Image.Image, tmp_path: Path, call: Call
) -> None:
    person.crop((0, 0, 176, 130)).save(tmp_path / "half.png")
    Image.effect_noise((120, 200), 60).convert("RGB").save(tmp_path / "nobody.png")
    words = ["--weights", weights, "--motion", "wave"]
    assert call("animate", tmp_path / "half.png", *words, "--out", tmp_path / "half")[0] == 0
    assert len(_frames(tmp_path / "half")) == 40
    code, _, said = call("animate", tmp_path / "nobody.png", *words, "--out", tmp_path / "no.webp")
    assert code == 2
    assert "nobody.png" in said
    assert not (tmp_path / "no.webp").exists()


def test_frames_without_anybody_are_bridged(
    weights: Path, person: Image.Image, tmp_path: Path, call: Call
) -> None:
    """A driver in which two frames of nine show nobody still gives nine."""
    driver = tmp_path / "driver"
    driver.mkdir()
    for number in range(9):
        empty = number in (3, 4)
        frame = Image.new("RGB", person.size, (120, 120, 120)) if empty else person
        frame.save(driver / f"{number:03d}.png")
    person.save(tmp_path / "me.png")
    words = ["--weights", weights, "--motion", driver, "--out", tmp_path / "out"]
    code, said, _ = call("animate", tmp_path / "me.png", *words)
    assert (code, said) == (0, f"{tmp_path / 'out'}: 9 frames\n")
    assert _near(_frames(tmp_path / "out")[2:3], _frames(tmp_path / "out")[3:4]) < 4


def test_of_several_people_the_largest_or_the_one_that_is_named(
    weights: Path, person: Image.Image, tmp_path: Path, call: Call
) -> None:
    large, small = motion("turn").track[0].clone(), motion("turn").track[0].clone()
    large[:, :2] = large[:, :2] * 200 + torch.tensor([60.0, 240.0])
    small[:, :2] = small[:, :2] * 60 + torch.tensor([150.0, 240.0])
    people = [{"pose_keypoints_2d": one.flatten().tolist()} for one in (small, large)]
    poses = {"canvas_width": 176, "canvas_height": 256, "people": people}
    (tmp_path / "two.json").write_text(json.dumps(poses))
    person.save(tmp_path / "me.png")
    drawn = []
    for number, which in enumerate(([], ["--person", "1"], ["--person", "2"])):
        out = tmp_path / str(number)
        words = ["--source-pose", tmp_path / "two.json", *which, "--weights", weights, "--out", out]
        code, _, said = call(
            "animate", tmp_path / "me.png", *words, "--motion", "walk", "--out", out
        )
        assert code == 0, said
        drawn.append(_frames(out))
    assert _near(drawn[0], drawn[1]) == 0
    assert _near(drawn[0], drawn[2]) > 1
