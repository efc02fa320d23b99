"""The command line as a user meets it: fast, exact, one sentence per mistake."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import posegen

Call = Callable[..., tuple[int, str, str]]

TINY = """
[data]
image_size = [32, 16]
identities = 2
pictures = 2
test_identities = 2
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
[training]
batch_size = 2
steps = 2
sample_pairs = 2
"""


def posegen_command(*words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "posegen", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload, no-any-return]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run, made by the command line."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "tiny.toml").write_text(TINY)
    words = ["train", "--model", "patn", "--config", folder / "tiny.toml", "--out", folder / "run"]
    done = posegen_command(*words)
    assert done.returncode == 0, done.stderr
    assert "step 2/2" in done.stdout
    assert f"Next: posegen eval {folder / 'run'}" in done.stdout
    return folder / "run"


def test_help_and_import_are_instant_and_need_no_torch() -> None:
    code = (
        "import sys, posegen\n"
        "from posegen.cli import main\n"
        "try: main.run({words!r})\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert 'torch' not in sys.modules and 'kornia' not in sys.modules\n"
    )
    for words in (["--help"], ["train", "--help"], ["plugins", "list"], ["--version"]):
        fastest = min(_seconds([sys.executable, "-c", code.format(words=words)]) for _ in range(3))
        assert fastest < 1.0, (words, fastest)  # 0.2 s on an idle machine


def _seconds(command: list[str]) -> float:
    """Seconds of the processor, which other programs on a busy machine do not add to."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_the_python_api_is_what_it_says() -> None:
    for name in posegen.__all__:
        assert getattr(posegen, name) is not None
    assert set(posegen.__all__) - {"__version__"} == set(dir(posegen))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = posegen.nothing  # type: ignore[attr-defined]


def test_plugins_list(call: Call) -> None:
    code, out, _ = call("plugins", "list")
    assert code == 0
    for word in ("patn-resnet", "posegen-patn", "lpips", "people", "adversarial", "patn-official"):
        assert word in out
    content = json.loads(call("plugins", "list", "--json", "--kind", "model")[1])
    assert "patn" in [row["name"] for row in content["components"]]
    assert content["broken"] == []
    code, _, err = call("plugins", "list", "--kind", "modell")
    assert code == 2
    assert "did you mean 'model'" in err


def test_no_plugins_leaves_the_built_ins() -> None:
    done = posegen_command("--no-plugins", "plugins", "list", "--json")
    packages = {row["package"] for row in json.loads(done.stdout)["components"]}
    assert packages == {"posegen"}


def test_config_show_is_complete_toml(call: Call) -> None:
    code, out, _ = call("config", "show", "--model", "patn", "--set", "generator.ngf=5")
    tree = tomllib.loads(out)
    assert code == 0
    assert tree["generator"]["ngf"] == 5
    assert tree["training"]["channels_last"] is True


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train"], "--model is missing; name one of: "),
        (["train", "--model", "limms"], "no model 'limms'; did you mean 'limbs'?"),
        (
            ["train", "--model", "patn", "--preset", "x"],
            "--preset x: model 'patn' has no such preset",
        ),
        (
            ["train", "--model", "patn", "--data", "peple"],
            "peple: no such folder, and no dataset 'peple'; did you mean 'people'?",
        ),
        (
            ["eval", "{run}", "--data", "market"],
            "market: no such folder, and no dataset 'market'; did you mean 'market1501'?",
        ),
        (["data", "check", "nope"], "nope: no such folder, and no dataset 'nope'; known: "),
        (["train", "--model", "patn", "--data", "./none"], "none: no such folder"),
        (["train", "--model", "patn", "--set", "a"], "--set a: write it as key.subkey=value."),
        (
            ["train", "--model", "patn", "--device", "cuda:99", "--out", "{tmp}/x"],
            "--device cuda:99",
        ),
        (["train", "--resume", "--out", "{tmp}/none"], "no run to continue"),
        (["train", "--resume", "--model", "patn"], "--model cannot be changed with --resume"),
        (["eval", "{tmp}/none"], "no such run or weights"),
        (["eval", "{tmp}"], "no config.json in it"),
        (["eval", "{run}", "--metrics", "ssmi"], "no metric 'ssmi'; did you mean 'ssim'?"),
        (["eval", "{run}", "--metrics", ","], "--metrics: no name is given"),
        (["eval", "{run}", "--grid", "g.xyz"], "--grid g.xyz: a PNG is written"),
        (["eval", "{run}", "--lpips-weights", "none.pth"], "none.pth: no such file"),
        (["eval", "{run}", "--metrics", "ssim", "--save", "{run}/config.toml"], "config.toml: "),
        (["eval", "{run}", "--split", "val"], "--split val: there are train and test."),
        (["eval", "{run}", "--set", "data.image_size=[64,32]"], "data's images are [64, 32]"),
        (
            ["data", "export", "people", "{tmp}/x", "--size", "9"],
            "--size 9: write it as HEIGHTxWIDTH",
        ),
        (
            ["config", "show", "--model", "patn", "--config", "{tmp}/no.toml"],
            "no such configuration",
        ),
    ],
)
def test_mistakes_get_a_sentence_and_exit_code_2(
    words: list[str], sentence: str, run: Path, tmp_path: Path, call: Call
) -> None:
    code, out, err = call(*(word.format(tmp=tmp_path, run=run) for word in words))
    assert sentence in err
    assert code == 2
    assert "Traceback" not in err + out
    assert len(err.strip().splitlines()) == 1


def test_a_wrong_choice_names_the_choices(call: Call, tmp_path: Path) -> None:
    code, _, err = call("data", "export", "people", tmp_path / "x", "--layout", "coco")
    assert code == 2
    assert "'coco' is not one of 'market1501', 'deepfashion'" in " ".join(err.split())


def test_a_mistake_in_a_loading_process_is_a_sentence_too(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    small = ["--set", "data.identities=2", "--set", "data.pictures=2"]
    done = posegen_command("data", "export", "people", folder, "--size", "32x16", *small)
    assert done.returncode == 0, done.stderr
    victims = sorted((folder / "market_data" / "train").iterdir())
    for victim in victims:
        victim.write_bytes(b"not a picture")
    # The file without its data section, which is about people.
    config = tmp_path / "rest.toml"
    config.write_text(TINY[TINY.index("[generator]") :])
    words = ["train", "--model", "patn", "--preset", "demo", "--data", folder, "--config", config]
    sized = ["--set", "data.image_size=[32,16]", "--workers", "1", "--out", tmp_path / "run"]
    done = posegen_command(*words, *sized)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "market_data/train/" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_debug_shows_the_traceback() -> None:
    done = posegen_command("train", "--model", "pattn", "--debug")
    assert "Traceback" in done.stderr


def test_dry_run_trains_nothing(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(TINY)
    code, out, _ = call("train", "--model", "patn", "--config", "tiny.toml", "--dry-run")
    assert code == 0
    assert "generator:" in out and "parameters" in out  # noqa: PT018
    assert "4 training pairs of 32×16, 2 steps of 2" in out
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]


def test_eval_scores_the_model_beside_the_baseline(
    run: Path, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("POSEGEN_OFFLINE", "1")
    grid = tmp_path / "grid.png"
    words = ["eval", run, "--metrics", "ssim,lpips,psnr,l1", "--limit", "2"]
    code, out, err = call(*words, "--grid", grid)
    assert code == 0
    assert "copy the source" in out
    assert "patn" in out
    assert "alexnet" in out + err  # which file of weights is missing,
    assert "--lpips-weights" in out + err  # and which option takes it
    scores = json.loads((run / "scores.json").read_text())
    assert scores["pairs"] == 2
    rows = scores["evaluations"][0]["rows"]
    assert rows["patn"]["ssim"]["value"] is not None
    assert rows["patn"]["lpips"]["value"] is None
    printed = json.loads(call(*words, "--json")[1])
    assert printed["evaluations"] == scores["evaluations"]
    with Image.open(grid) as picture:
        assert picture.format == "PNG"


def test_eval_in_another_precision_says_so(run: Path, tmp_path: Path, call: Call) -> None:
    words = ["eval", run, "--metrics", "ssim", "--limit", "2", "--out"]
    subjects = []
    for precision in ("32", "bf16"):
        out = tmp_path / precision
        assert call(*words, out, "--precision", precision)[0] == 0
        subjects.append(json.loads((out / "scores.json").read_text())["subject"]["precision"])
    assert subjects == ["32", "bf16"]


def test_generate_from_photo_and_poses(run: Path, tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    Image.new("RGB", (48, 96), (200, 30, 30)).save(photo)
    points = [[x, y, 1.0] for x, y in zip(range(10, 28), range(20, 56, 2), strict=True)]
    poses = []
    for name, rows in {"p": points, "q": [*points[:-1], None], "r": points[::-1]}.items():
        poses.append(tmp_path / f"{name}.json")
        poses[-1].write_text(json.dumps({"size": [96, 48], "keypoints": rows}))
    words = ["--source", photo, "--source-pose", poses[0], "--out", tmp_path / "out", "--grid"]
    targets = [word for pose in poses[1:] for word in ("--target-pose", pose)]
    done = posegen_command("generate", "--weights", run, *words, *targets)
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["a_grid.png", "a_q.png", "a_r.png"]
    model = posegen.load_model(run)
    made = model.generate(photo, poses[0], [str(pose) for pose in poses[1:]])
    single = model.generate(photo, poses[0], poses[2])
    with Image.open(tmp_path / "out" / "a_r.png") as written:
        assert written.size == (16, 32)
        assert written.tobytes() == made[1].tobytes() == single.tobytes()


def test_a_pair_of_a_data_set_can_be_tried(run: Path, tmp_path: Path) -> None:
    folder, small = tmp_path / "sample", ["--set", "data.image_size=[32,16]"]
    done = posegen_command("data", "sample", "people", "--out", folder, *small)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4
    words = ["--source", folder / "source.png", "--source-pose", folder / "source.json"]
    words += ["--target-pose", folder / "target.json", "--out", tmp_path / "out"]
    done = posegen_command("generate", "--weights", run, *words)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "source_target.png").is_file()
    done = posegen_command("data", "show", "people", "--out", tmp_path / "p.png", *small)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p.png").is_file()
