"""`posegen weights`, from a run or a published checkpoint to the same picture somewhere else."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import posegen
from posegen.plugins import catalogue

Call = Callable[..., tuple[int, str, str]]

ROOT = Path(__file__).parents[2]
TINY = """
[data]
image_size = [32, 16]
identities = 2
pictures = 2
test_identities = 2
[generator]
ngf = 4
blocks = 1
[training]
batch_size = 2
steps = 2
sample_pairs = 2
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained and scored run."""
    folder = tmp_path_factory.mktemp("weights")
    (folder / "tiny.toml").write_text(TINY)
    small = ["--set", "discriminators.appearance.ngf=4", "--set", "discriminators.shape.ngf=4"]
    small += ["--set", "losses.perceptual.weight=0"]
    train = ["train", "--model", "patn", "--config", str(folder / "tiny.toml"), *small]
    score = ["--metrics", "ssim,l1", "--limit", "2"]
    for words in ([*train, "--out", str(folder / "run")], ["eval", str(folder / "run"), *score]):
        command = [sys.executable, "-m", "posegen", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("POSEGEN_REGISTRY", "POSEGEN_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "shipped.toml").write_text("schema = 1\n")
    monkeypatch.setattr(catalogue, "shipped", lambda: tmp_path / "shipped.toml")


@pytest.fixture
def generate(call: Call, tmp_path: Path) -> Callable[..., bytes]:
    """Run `posegen generate` with weights, for pictures of a size; returns the picture's file."""

    def made(weights: str | Path, height: int, width: int) -> bytes:
        Image.radial_gradient("L").convert("RGB").save(tmp_path / "a.png")
        rows = [[width * (i % 5 + 1) / 8, height * (i + 2) / 22, 1.0] for i in range(18)]
        for name, points in {"p": rows, "q": [*rows[1:], None]}.items():
            pose = {"size": [height, width], "keypoints": points}
            (tmp_path / f"{name}.json").write_text(json.dumps(pose))
        poses = ["--source-pose", tmp_path / "p.json", "--target-pose", tmp_path / "q.json"]
        words = ["--source", tmp_path / "a.png", *poses, "--out", tmp_path / "out"]
        code, _, err = call("generate", "--weights", weights, *words)
        assert code == 0, err
        return (tmp_path / "out" / "a_q.png").read_bytes()

    return made


def test_a_run_is_pushed_pulled_and_makes_the_same_picture(
    run: Path, call: Call, generate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tar = tmp_path / "tiny.tar"
    code, out, err = call("weights", "push", run, tar, "--licence", "CC0-1.0")
    assert code == 0, err
    (entry,) = tomllib.loads(out.partition("\n")[2])["weights"]
    assert entry["sha256"] == hashlib.sha256(tar.read_bytes()).hexdigest()
    assert {score["column"] for score in entry["scores"]} == {"ssim", "l1"}

    # Somebody else: another cache, and a catalogue that has the entry.
    monkeypatch.setenv("POSEGEN_CACHE", str(tmp_path / "elsewhere"))
    (tmp_path / "lab.toml").write_text("schema = 1\n" + out.partition("\n")[2])
    monkeypatch.setenv("POSEGEN_REGISTRY", str(tmp_path / "lab.toml"))
    assert call("registry", "validate")[0] == 0
    (row,) = json.loads(call("weights", "list", "--json")[1])
    assert (row["name"], row["where"]) == ("tiny", f"catalogue, {entry['size'] / 1e6:.1f} MB")
    code, _, err = call("eval", "tiny")
    assert code == 2
    assert "`posegen weights pull tiny`" in err
    code, out, err = call("weights", "pull", "tiny")
    assert code == 0, err
    assert out.startswith(f"tiny: {tmp_path / 'elsewhere' / 'weights'}")
    assert "vouched" not in out
    assert generate("tiny", 32, 16) == generate(run, 32, 16)

    (row,) = json.loads(call("weights", "list", "--json")[1])
    assert (row["licence"], row["sources"]) == ("CC0-1.0", [str(tar)])
    told = json.loads(call("weights", "info", "tiny")[1])
    assert told["training"]["data"]["name"] == "people"
    code, out, _ = call("weights", "verify", "tiny")
    assert code == 0
    assert out.startswith("sound, and fits generator 'patn'")
    code, out, _ = call("eval", "tiny", "--metrics", "ssim", "--limit", "2", "--json")
    assert code == 0
    mine = json.loads((run / "scores.json").read_text())["evaluations"][0]["rows"]["patn"]
    again = json.loads(out)["evaluations"][0]["rows"]["patn"]
    assert again["ssim"] == mine["ssim"]


def published(norm: str) -> dict[str, torch.Tensor]:
    """A published generator with the weights of the plugin's recorded runs."""
    file = ROOT / "plugins" / "posegen-patn" / "tests" / "conftest.py"
    spec = importlib.util.spec_from_file_location("published_patn", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    tensors: dict[str, torch.Tensor] = module.Published(norm=norm).weights("netG")
    return tensors


@pytest.mark.parametrize(
    ("norm", "size", "encoder"),
    [("batch", (128, 64), "gaussian"), ("instance", (256, 176), "one-hot")],
)
def test_a_published_checkpoint_is_converted_pushed_pulled_and_used(
    norm: str,
    size: tuple[int, int],
    encoder: str,
    call: Call,
    generate: Any,
    tmp_path: Path,
) -> None:
    file = tmp_path / "latest_net_netG.pth"
    torch.save(published(norm), file)
    words = ["weights", "convert", file, "--from", "patn-official", "--out", tmp_path / "mine"]
    code, out, err = call(*words)
    assert code == 0, err
    assert f"encoder {encoder}" in out
    assert posegen.load_model(tmp_path / "mine").image_size == size
    code, _, err = call(*words)
    assert code == 2
    assert "not an empty folder" in err

    picture = generate(tmp_path / "mine", *size)
    assert len(set(picture)) > 100  # not one colour
    push = ["weights", "push", tmp_path / "mine", tmp_path / "shared", "--licence", "Apache-2.0"]
    assert call(*push)[0] == 0
    code, out, _ = call("weights", "pull", tmp_path / "shared", "--name", "patn-old")
    assert code == 0
    digest = hashlib.sha256((tmp_path / "shared" / "model.safetensors").read_bytes()).hexdigest()
    assert f"sha256 {digest}, which nobody vouched for" in out
    assert generate("patn-old", *size) == picture
    converted = load_file(tmp_path / "mine" / "model.safetensors")
    pulled = load_file(tmp_path / "shared" / "model.safetensors")
    assert all(torch.equal(pulled[name], tensor) for name, tensor in converted.items())
    assert "latest_net_netG.pth" in (tmp_path / "shared" / "README.md").read_text()


def test_a_checkpoint_of_a_training_that_went_wrong_is_refused(tmp_path: Path, call: Call) -> None:
    tensors = published("batch")
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
    tensors[name] = torch.full_like(tensors[name], float("nan"))
    file = tmp_path / "latest_net_netG.pth"
    torch.save(tensors, file)
    words = ["weights", "convert", file, "--from", "patn-official", "--out", tmp_path / "out"]
    code, _, err = call(*words)
    assert code == 2
    assert f"{file}: " in err
    assert "not finite" in err
    assert not (tmp_path / "out").exists()


def test_what_is_no_checkpoint_is_refused(tmp_path: Path, call: Call) -> None:
    class Code:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (print, ("unpickled!",))

    contents = {"weird": {"weird": torch.zeros(1)}, "code": Code(), "list": [1, 2]}
    for name, content in contents.items():
        file = tmp_path / f"{name}.pth"
        torch.save(content, file)
        words = ["weights", "convert", file, "--from", "patn-official", "--out", tmp_path / "out"]
        code, out, err = call(*words)
        assert code == 2
        assert str(file) in err
        assert "unpickled!" not in out
        assert not (tmp_path / "out").exists()
    code, _, err = call(*words[:4], "patn-oficial", *words[5:])
    assert "did you mean 'patn-official'?" in err


def test_a_picture_is_no_checkpoint(tmp_path: Path, call: Call) -> None:
    file = tmp_path / "picture.png"
    Image.new("RGB", (8, 8)).save(file)
    words = ["--from", "patn-official", "--out", tmp_path / "cv"]
    code, _, err = call("weights", "convert", file, *words)
    assert code == 2
    assert f"{file}: cannot be read" in err
    assert "no PyTorch checkpoint of plain tensors, or is damaged; nothing in it was run" in err
    assert "weights_only" not in err


def test_info(run: Path, call: Call) -> None:
    code, out, _ = call("weights", "info", run)
    told = json.loads(out)
    assert code == 0
    assert told["generator"]["name"] == "patn"
    assert told["packages"] == {"posegen": posegen.__version__, "posegen-patn": "0.1.0"}
    assert told["training"]["step"] == 2
    tensors = load_file(run / "weights" / "model.safetensors")
    assert told["file"]["tensors"] == len(tensors)
    assert told["file"]["numbers"] == sum(tensor.numel() for tensor in tensors.values())
    assert told["differences"] == []
    alone = call("weights", "info", run / "weights" / "model.safetensors")[1]
    assert json.loads(alone) == told


def test_card(run: Path, call: Call, tmp_path: Path) -> None:
    code, out, _ = call("weights", "card", run, "--name", "tiny")
    assert code == 0
    for line in ("# tiny", "### posegen-1:as-is, version 1, 2 images", "| seed | 0 |"):
        assert line in out
    assert call("weights", "card", run, "--name", "tiny", "--out", tmp_path / "c.md")[0] == 0
    assert (tmp_path / "c.md").read_text() == out


def test_verify_says_what_is_wrong(run: Path, call: Call, tmp_path: Path) -> None:
    file = run / "weights" / "model.safetensors"
    told = json.loads(call("weights", "verify", run, "--json")[1])
    assert told["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert told["files"] == ["config.json", "model.safetensors"]
    code, _, err = call("weights", "verify", run, "--sha256", "0" * 64)
    assert code == 2
    assert "where 0000" in err
    (tmp_path / "cut.safetensors").write_bytes(file.read_bytes()[:-1])
    code, _, err = call("weights", "verify", tmp_path / "cut.safetensors")
    assert code == 2
    assert "cut.safetensors: damaged" in err


def test_an_empty_list_says_what_to_do(call: Call) -> None:
    code, out, _ = call("weights", "list")
    assert code == 0
    assert "`posegen weights pull` gets some" in out


def test_what_is_damaged_does_not_hide_the_rest(run: Path, call: Call, tmp_path: Path) -> None:
    folders = []
    for name in ("one", "two", "three"):
        assert call("weights", "push", run, tmp_path / name, "--licence", "MIT")[0] == 0
        (tmp_path / name / "LICENSE").write_text(name)
        assert call("weights", "pull", tmp_path / name)[0] == 0
        (item,) = (
            row for row in json.loads(call("weights", "list", "--json")[1]) if row["name"] == name
        )
        folders.append(Path(item["where"]))
    folders[0].with_suffix(".json").write_text("{")
    (folders[1] / "config.json").write_text("{")
    code, out, err = call("weights", "list", "--json")
    assert code == 0
    assert [row["name"] for row in json.loads(out)] == ["three"]
    assert f"{folders[1] / 'config.json'}: not readable" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["pull", "https://example.org/a.tar", "--offline"], "without the network (--offline"),
        (["pull", "hf:o/n", "--offline"], "without the network (--offline"),
        (["pull", "http://example.org/a.tar"], "only https is used"),
        (["pull", "http://example.org/a.tar", "--offline"], "only https is used"),
        (["pull", "nothing"], "neither a file or folder"),
        (["pull", "{run}", "--max-size", "inf"], "--max-size inf: give gigabytes, from 0 to 1,000"),
        (["pull", "{run}", "--max-size", "nan"], "--max-size nan: give gigabytes"),
        (["pull", "{run}", "--max-size", "9" * 5000], "--max-size inf: give gigabytes"),
        (["pull", "{run}", "--max-size", "-1"], "--max-size -1: give gigabytes"),
        (["push", "{run}", "{tmp}/new"], "--licence is missing"),
        (["push", "{tmp}", "{tmp}/new"], "no model.safetensors in it"),
        (["verify", "{tmp}/none"], "no such run or weights"),
        (["info", "none"], "no such run or weights"),
    ],
)
def test_mistakes_get_a_sentence(
    words: list[str], sentence: str, run: Path, tmp_path: Path, call: Call
) -> None:
    code, out, err = call("weights", *(word.format(run=run, tmp=tmp_path) for word in words))
    assert code == 2
    assert sentence in err
    assert len(err.strip().splitlines()) == 1
    assert out == ""
    assert not (tmp_path / "new").exists()


def test_nothing_is_uploaded_without_a_yes(
    run: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, out, err = call("weights", "push", run, "hf:o/n", "--licence", "MIT")
    assert code == 1
    assert "Upload" in err
    code, out, err = call("weights", "push", run, "hf:o/n", "--licence", "MIT", "--yes")
    assert code == 2
    assert "posegen[hub]" in err
    assert out == ""


def test_looking_at_weights_needs_no_torch(run: Path) -> None:
    for words in (
        ["weights", "list"],
        ["weights", "info", str(run)],
        ["weights", "card", "--help"],
    ):
        code = (
            "import sys\n"
            "from posegen.cli import main\n"
            f"try: main.run({words!r})\n"
            "except SystemExit as end: assert not end.code, end.code\n"
            "assert 'torch' not in sys.modules\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
