"""`posegen pose`, with a detector of a plugin and with files."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

import posegen
from posegen.api import dataset
from posegen.cli import console, main
from posegen.inference.pose_files import read_pose
from posegen.plugins import registry

PLUGIN = """
from posegen.core import DetectorSpec, hookimpl

@hookimpl
def posegen_detectors():
    return [DetectorSpec(name="spot", summary="", target="spot_plugin:Spot",
                         config="spot_config:SpotConfig", contract=2)]

def __getattr__(name):
    from spot_detector import Spot
    return Spot
"""
CONFIG = """
from posegen.core import Config

class SpotConfig(Config):
    shift: int = 0
"""
DETECTOR = """
import torch
from posegen.core import PoseDetector

class Spot(PoseDetector):
    skeleton = "coco17"

    def __init__(self, config):
        self.shift = config.shift

    def __call__(self, images):
        found = []
        for image in images:
            places = (image[0] > 128).nonzero()
            people = [[float(x + self.shift), float(y), 0.9] for y, x in places.tolist()]
            found.append(torch.tensor(people).view(-1, 1, 3).repeat(1, 17, 1))
        return found
"""

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Call]:
    """Run the command line, where a detector finds a person in every red pixel."""
    package = tmp_path / "package"
    package.mkdir()
    sources = {"spot_plugin": PLUGIN, "spot_config": CONFIG, "spot_detector": DETECTOR}
    for name, source in sources.items():
        monkeypatch.delitem(sys.modules, name, raising=False)
        (package / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(str(package))
    monkeypatch.setenv("POSEGEN_PLUGINS", "spot_plugin")
    monkeypatch.setenv("COLUMNS", "200")
    registry.cache_clear()
    console.output.cache_clear()
    console.errors.cache_clear()

    def call(*words: str | Path) -> tuple[int, str, str]:
        code = 0
        try:
            main.run(["pose", *map(str, words), "--device", "cpu"])
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    yield call
    registry.cache_clear()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four pictures: one person, nobody, two people, and one in a folder below."""
    folder = tmp_path / "photos"
    for name, people in (("a.png", [(3, 4)]), ("b.png", []), ("c.png", [(1, 2), (5, 6)])):
        make(folder / name, people)
    make(folder / "more" / "a.png", [(7, 9)])
    return folder


def make(path: Path, people: list[tuple[int, int]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (8, 12))
    for place in people:
        picture.putpixel(place, (255, 0, 0))
    picture.save(path)


def row(name: str, x: int, y: int) -> str:
    return f"{name}: {[y] * 18}: {[x] * 18}"


def test_everything_at_once(call: Call, photos: Path, tmp_path: Path) -> None:
    out, draw, poses = tmp_path / "out.csv", tmp_path / "drawn", tmp_path / "json"
    code, printed, said = call(
        photos, "--detector", "spot", "--out", out, "--draw", draw, "--json", poses
    )
    assert code == 0, said
    assert printed.split() == [w for p in (out, draw, poses) for w in ("Written:", str(p))]
    assert "3 poses in 4 pictures." in said
    assert "Nobody found, and no row written: b.png." in said
    assert "Several people, one of them taken: c.png." in said
    rows = [row("a.png", 3, 4), row("c.png", 1, 2), row("more/a.png", 7, 9)]
    assert out.read_text().splitlines() == ["name:keypoints_y:keypoints_x", *rows]
    drawn = sorted(str(p.relative_to(draw)) for p in draw.rglob("*.png"))
    assert drawn == ["a.png", "b.png", "c.png", "more/a.png"]
    written = sorted(str(p.relative_to(poses)) for p in poses.rglob("*.json"))
    assert written == ["a.json", "c.json", "more/a.json"]
    pose = json.loads((poses / "a.json").read_text())
    assert (pose["layout"], pose["size"]) == ("openpose18", [12, 8])
    assert pose["keypoints"] == [[3, 4, 1]] * 18


def test_options_of_the_detector_and_of_the_skeleton(
    call: Call, photos: Path, tmp_path: Path
) -> None:
    words = ["--detector", "spot", "--set", "detector.shift=2", "--skeleton", "openpose25"]
    code, _, said = call(photos / "a.png", *words, "--json", tmp_path / "json")
    assert code == 0, said
    pose = json.loads((tmp_path / "json" / "a.json").read_text())
    assert len(pose["keypoints"]) == 25
    assert pose["keypoints"][8] == [5, 4, 1]  # the middle of the hips
    assert pose["keypoints"][20] is None  # a toe


def test_a_stopped_job_goes_on(call: Call, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    words = [photos, "--detector", "spot", "--out", out]
    assert call(*words)[0] == 0
    whole = out.read_text()
    assert call(*words)[0] == 2
    out.write_text("\n".join(whole.splitlines()[:2]) + "\nc.png: [1")
    code, _, said = call(*words, "--resume")
    assert code == 0, said
    assert out.read_text() == whole
    assert "2 poses in 3 pictures." in said
    assert "1 was there already." in said
    code, printed, said = call(*words, "--resume")
    assert (code, printed) == (0, "")  # the one picture that is left shows nobody
    assert "0 poses in 1 picture. 3 were there already." in " ".join(said.split("\n"))
    assert out.read_text() == whole


def test_files_of_another_program(call: Call, photos: Path, tmp_path: Path) -> None:
    people = [{"pose_keypoints_2d": [2.0, 5.0, 0.3] * 25}]
    (tmp_path / "poses").mkdir()
    (tmp_path / "poses" / "b_keypoints.json").write_text(json.dumps({"people": people}))
    words = [photos, "--poses", tmp_path / "poses", "--out"]
    code, _, said = call(*words, tmp_path / "out.csv")
    assert code == 0, said
    assert (tmp_path / "out.csv").read_text().splitlines()[1:] == [row("b.png", 2, 5)]
    assert "Nobody found, and no row written: a.png, c.png, more/a.png." in said
    code, _, said = call(*words, tmp_path / "new.csv", "--threshold", "0.5", "--format", "openpose")
    assert (code, (tmp_path / "new.csv").exists()) == (2, False)
    assert "nobody was found in 4 pictures" in said


def test_two_pictures_of_one_stem_have_two_drawings(call: Call, tmp_path: Path) -> None:
    for name in ("a.png", "a.bmp"):
        make(tmp_path / "photos" / name, [(3, 4)])
    words = ["--detector", "spot", "--draw", tmp_path / "d"]
    assert call(tmp_path / "photos", *words)[0] == 0
    assert sorted(p.name for p in (tmp_path / "d").iterdir()) == ["a.png", "a.png.png"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "nothing to write; give at least one of --out, --draw and --json"),
        (["--out", "x.csv", "--skeleton", "coco17"], "--skeleton coco17: the published CSV holds"),
        (["--draw", "d", "--layout", "coco"], "no skeleton 'coco'; did you mean 'coco17'"),
        (["--draw", "d", "--resume"], "--resume goes on with a CSV"),
        (["--draw", "d", "--format", "coco"], "--format and --threshold are about the files"),
        (["--draw", "d", "--poses", "p", "--detector", "spot"], "--poses takes the place of a"),
        (["--draw", "d", "--every", "2"], "--every 2: "),
        (["--draw", "d", "--detector", "spt"], "no detector 'spt'; did you mean 'spot'"),
        (["--draw", "d", "--detector", "spot", "--set", "detector.shft=1"], "detector.shft: "),
        (["--draw", "d", "--detector", "spot", "--set", "data.root=x"], "--set data: only detect"),
    ],
)
def test_mistakes_are_one_sentence(
    call: Call, photos: Path, words: list[str], sentence: str
) -> None:
    code, printed, said = call(photos, *words)
    assert (code, printed) == (2, "")
    assert said.startswith("error: ")
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_without_weights_nothing_is_written(
    call: Call, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEGEN_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    words = ("--detector", "keypoint-rcnn", "--out", tmp_path / "out.csv")
    code, _, said = call(photos, *words)
    assert (code, (tmp_path / "out.csv").exists()) == (2, False)
    assert "--set detector.weights=FILE" in said


def test_it_works_where_nothing_is_chosen_and_nothing_can_be_downloaded(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEGEN_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    pair = dataset("people", "test", image_size=(128, 64), test_identities=1, pictures=2)[0]
    picture = Image.fromarray(pair.target.permute(1, 2, 0).numpy())
    picture.save(tmp_path / "one.png")
    code, _, said = call(tmp_path / "one.png", "--json", tmp_path / "poses")
    assert code == 0, said
    found = json.loads((tmp_path / "poses" / "one.json").read_text())["keypoints"]
    truth = pair.target_keypoints
    near = [
        math.dist(joint[:2], place[:2]) < 6
        for joint, place in zip(found, truth.tolist(), strict=True)
        if joint and place[2] == 1
    ]
    assert sum(near) > 0.8 * int((truth[:, 2] == 1).sum())


@pytest.mark.parametrize("form", ["openpose", "openpose-fractions"])
def test_poses_are_written_as_openpose_writes_them(
    form: str, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    """What is written is read back as the same joints, by the reader of OpenPose's files."""
    image = posegen.dataset("people", image_size=(256, 176))[0].source
    (tmp_path / "in").mkdir()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / "in" / "a.png")
    words = [tmp_path / "in", "--json", tmp_path / "own"]
    code, _, said = call(*words)
    assert code == 0, said
    assert call(*words[:-1], tmp_path / "out", "--json-form", form)[0] == 0
    content = json.loads((tmp_path / "out" / "a.json").read_text())
    assert (content["canvas_width"], content["canvas_height"]) == (176, 256)
    (person,) = content["people"]
    assert len(person["pose_keypoints_2d"]) == 54
    if form == "openpose-fractions":
        assert max(person["pose_keypoints_2d"]) <= 1
    own, read = (read_pose(tmp_path / of / "a.json", "openpose18") for of in ("own", "out"))
    torch.testing.assert_close(own.keypoints, read.keypoints, atol=0.02, rtol=0)
    code, _, said = call(*words, "--json-form", "openpos")
    assert code == 2
    assert "did you mean 'openpose'" in said


@pytest.mark.parametrize("form", ["coco", "alphapose", "yolo"])
def test_poses_written_for_other_programs_are_read_back(
    form: str, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    data = posegen.dataset("people", image_size=(256, 176))
    (tmp_path / "in").mkdir()
    for name, image in (("a", data[0].source), ("b", data[40].source)):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / "in" / f"{name}.png")
    pictures = tmp_path / "in"
    code, _, said = call(pictures, "--json", tmp_path / "own")
    assert code == 0, said
    code, _, said = call(pictures, "--json", tmp_path / "out", "--json-form", form)
    assert code == 0, said
    files = {"coco": ["coco-results.json"], "alphapose": ["alphapose-results.json"]}
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == files.get(
        form, ["a.txt", "b.txt"]
    )
    words = ["--poses", tmp_path / "out", "--json", tmp_path / "again"]
    code, _, said = call(pictures, *words, "--threshold", "0.01")
    assert code == 0, said
    for name in ("a", "b"):
        own, read = (
            read_pose(tmp_path / of / f"{name}.json", "openpose18") for of in ("own", "again")
        )
        seen = own.keypoints[:, 2] > 0
        assert seen.sum() > 10
        assert torch.equal(seen, read.keypoints[:, 2] > 0)
        torch.testing.assert_close(
            own.keypoints[seen, :2], read.keypoints[seen, :2], atol=0.02, rtol=0
        )
