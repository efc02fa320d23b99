"""Shared weights: what is in them, the card, the types, and that nothing private goes along."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import posegen
from posegen.core import ConfigError, WeightsError
from posegen.plugins.entries import CatalogueFile
from posegen.weights.bundle import file_digest
from posegen.weights.card import card, read_scores
from posegen.weights.folder import open_weights, save_weights, shared_digest
from posegen.weights.pull import pull, request, verify
from posegen.weights.push import materials, push, without_paths

Picture = Callable[[str | Path], bytes]


def score(value: float | None, **more: Any) -> dict[str, Any]:
    told = {"metric": "ssim", "value": value, "interval": None, "count": 12, "error": None}
    return {**told, "direction": "higher", "protocol": "11×11 window | σ 1.5", **more}


SCORES: dict[str, Any] = {
    "schema": 2,
    "posegen": "0.1.0",
    "subject": {"kind": "model", "path": "/home/somebody/runs/first", "model": "patn"},
    "pairs": 12,
    "evaluations": [
        {
            "protocol": {"name": "patn-2019", "version": 1, "variant": "market", "definition": {}},
            "rows": {
                "copy the source": {"ssim": score(0.5), "psnr": score(9.25, direction="higher")},
                "patn": {"ssim": score(0.625, interval=[0.6, 0.65]), "psnr": score(None)},
            },
        }
    ],
}


@pytest.fixture
def run(folder: Path, tmp_path: Path, config: Callable[..., Any]) -> Path:
    """What a run looks like, as far as sharing it goes."""
    path = tmp_path / "first"
    data = {"name": "market1501", "root": "/home/somebody/market", "image_size": [32, 16]}
    training = {"seed": 3, "data": data, "step": 40, "images": 160, "average": False}
    tensors = load_file(folder / "model.safetensors")
    save_weights(path / "weights", config(training=training, preset="tiny"), tensors)
    (path / "config.toml").write_text("")
    subject = {**SCORES["subject"], "weights": shared_digest(tensors)}
    (path / "scores.json").write_text(json.dumps({**SCORES, "subject": subject}))
    (path / "samples").mkdir()
    for step, colour in ((1, "red"), (2, "blue")):
        Image.new("RGB", (4, 4), colour).save(path / "samples" / f"step-{step}.png")
    return path


def test_a_folder_has_everything_and_makes_the_same_picture(
    run: Path, tmp_path: Path, picture: Picture
) -> None:
    pushed = push(run, str(tmp_path / "shared"), licence="cc-by-4.0")
    shared = tmp_path / "shared"
    names = sorted(str(p.relative_to(shared)) for p in shared.rglob("*") if p.is_file())
    assert names == [
        "README.md",
        "config.json",
        "model.safetensors",
        "pictures/step-2.png",
        "scores.json",
    ]
    assert picture(shared) == picture(run)
    assert json.loads((shared / "config.json").read_text())["licence"] == "CC-BY-4.0"
    assert "somebody" not in "".join(p.read_text("latin-1") for p in shared.rglob("*.*"))
    assert pushed.notes == ()
    assert not list(tmp_path.glob(".posegen-*"))


def test_the_card_tells_it_all(run: Path, tmp_path: Path) -> None:
    push(run, str(tmp_path / "shared"), licence="CC-BY-4.0", name="my-patn")
    text = (tmp_path / "shared" / "README.md").read_text()
    for line in (
        'license: "cc-by-4.0"',
        'library_name: "posegen"',
        "# my-patn",
        "![pictures/step-2.png](pictures/step-2.png)",
        "posegen weights pull shared --name my-patn",
        '| data | market1501 (image_size=\\[32, 16\\], root="market") |',
        "| pose encoder | gaussian |",
        "| keypoints | openpose18 |",
        "| normalisation | rgb, mean \\[0.5, 0.5, 0.5\\], std \\[0.5, 0.5, 0.5\\] |",
        "### patn-2019:market, version 1, 12 images",
        "|  | ssim ↑ | psnr ↑ |",
        "| patn | 0.625 \\[0.6, 0.65\\] | – |",
        "- ssim: 11×11 window \\| σ 1.5.",
        file_digest(tmp_path / "shared" / "model.safetensors"),
    ):
        assert line in text, line
    head = dict(line.split(": ", 1) for line in text.split("---\n")[1].splitlines())
    ((model,),) = [json.loads(head["model-index"])]
    (result,) = model["results"]
    assert (model["name"], result["dataset"]["name"]) == ("my-patn", "market1501")
    assert result["metrics"] == [{"type": "ssim", "name": "patn-2019:market ssim", "value": 0.625}]


def test_a_model_with_another_generator_keeps_its_name_and_its_scores(
    folder: Path, config: Callable[..., Any], tmp_path: Path
) -> None:
    scores = json.loads(json.dumps(SCORES).replace('"patn"', '"mine with patn"'))
    (folder / "scores.json").write_text(json.dumps(scores))
    config_json = json.loads((folder / "config.json").read_text())
    named = config(**{**config_json, "model": "mine"})  # a recipe that is not installed
    save_weights(folder, named, load_file(folder / "model.safetensors"))
    pushed = push(folder, str(tmp_path / "shared"), licence="CC0-1.0", name="own")
    assert [score["value"] for score in pushed.entry["scores"]] == [0.625]
    text = (tmp_path / "shared" / "README.md").read_text()
    assert "Weights of a generator (`mine with patn`)" in text
    assert '"value": 0.625' in text.split("---\n")[1]


def test_the_card_tells_sizes_in_one_order(run: Path, config: Callable[..., Any]) -> None:
    wide = config(image_size=(64, 32))
    text = card("a", "a", wide, run / "weights/model.safetensors")
    assert text.count("64×32") == 2
    made = f"posegen {posegen.__version__} and posegen-patn 0.1.0"
    assert f"at 64×32 pixels (height × width). Made with {made}.\n\n" in text
    assert "32×64" not in text


def test_a_destination_that_is_no_name_can_be_given_one(run: Path, tmp_path: Path) -> None:
    pushed = push(run, str(tmp_path / "odd näme.tar"), licence="MIT", name="plain")
    assert pushed.entry["name"] == "plain"
    assert (tmp_path / "odd näme.tar").is_file()


def test_a_card_cannot_be_written_into(run: Path, config: Callable[..., Any]) -> None:
    hostile = config(
        model="<b>|x`\n# y", training={"data": "none", "<i>": "|a|"}, packages={"a; rm": "`1`"}
    )
    names = ("a`b](http://evil)<script>", "$(evil); `evil`")
    made = card(
        *names, hostile, run / "weights/model.safetensors", pictures=["pictures/a](<b>).png"]
    )
    head, text = made.split("---\n\n")
    assert all(line.isprintable() for line in head.splitlines())
    assert "<" not in text.replace("\\<", "")
    assert "$(" not in text
    assert "pip install a--rm\n" in text
    assert "\n# y" not in text
    assert "| \\<i\\> | \\|a\\| |" in text


def test_a_tar_is_the_same_every_time(run: Path, tmp_path: Path, picture: Picture) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        pushed = push(run, str(tmp_path / name / "shared.tar"), licence="CC-BY-4.0")
        os.utime(run / "config.toml", (0, 0))
    assert (tmp_path / "one/shared.tar").read_bytes() == (tmp_path / "two/shared.tar").read_bytes()
    pull(request(str(tmp_path / "one" / "shared.tar")))
    assert picture("shared") == picture(run)
    # The printed entry makes a catalogue beside the tar.
    entry = CatalogueFile.model_validate({"schema": 1, "weights": [pushed.entry]}).weights[0]
    assert (entry.path, entry.data, entry.licence) == ("shared.tar", "market1501", "CC-BY-4.0")
    assert entry.sha256 == file_digest(tmp_path / "two" / "shared.tar")
    assert [(s.protocol, s.column, s.value) for s in entry.scores] == [
        ("patn-2019:market", "ssim", 0.625)
    ]


@pytest.mark.parametrize(("stored", "type_"), [("bfloat16", "BF16"), ("float16", "F16")])
def test_half_precision(
    run: Path, tmp_path: Path, picture: Picture, stored: Any, type_: str
) -> None:
    push(run, str(tmp_path / "half"), licence="MIT", stored=stored)
    _, whole = open_weights(run / "weights")
    _, half = open_weights(tmp_path / "half")
    for name, tensor in whole.items():
        dtype = getattr(torch, stored) if tensor.is_floating_point() else tensor.dtype
        assert torch.equal(half[name], tensor.to(dtype))
        assert half[name].dtype == dtype
    size = (tmp_path / "half" / "model.safetensors").stat().st_size
    assert size < 0.6 * (run / "weights" / "model.safetensors").stat().st_size
    text = (tmp_path / "half" / "README.md").read_text()
    assert "stored at half precision" in text
    assert re.search(rf"\({type_}(, I64)?\)", text)
    # The network computes in float32 all the same, and what is pushed again is as it was.
    assert len(picture(tmp_path / "half")) == len(picture(run))
    push(tmp_path / "half", str(tmp_path / "again"))
    assert picture(tmp_path / "again") == picture(tmp_path / "half")
    assert file_digest(tmp_path / "again/model.safetensors") == file_digest(
        tmp_path / "half/model.safetensors"
    )


def test_what_a_type_cannot_hold_is_refused(run: Path, tmp_path: Path) -> None:
    config, tensors = open_weights(run / "weights")
    name = min(name for name, tensor in tensors.items() if tensor.is_floating_point())
    tensors[name] = tensors[name] + 1e6
    save_weights(run / "weights", config, tensors)
    with pytest.raises(WeightsError, match=rf"--dtype float16: '{name}' .* too large"):
        push(run, str(tmp_path / "half"), licence="MIT", stored="float16")
    assert not (tmp_path / "half").exists()
    push(run, str(tmp_path / "half"), licence="MIT", stored="bfloat16")


def test_scores_of_other_weights_are_left_out(run: Path, tmp_path: Path) -> None:
    config, tensors = open_weights(run / "weights")
    name = min(tensors)
    save_weights(run / "weights", config, tensors | {name: tensors[name] + 1})
    pushed = push(run, str(tmp_path / "shared"), licence="MIT")
    assert "of other weights" in pushed.notes[0]
    assert not (tmp_path / "shared" / "scores.json").exists()
    assert "None were shared" in (tmp_path / "shared" / "README.md").read_text()
    (run / "scores.json").unlink()
    assert "no scores" in materials(run).notes[0]


@pytest.mark.parametrize(
    ("to", "options", "sentence"),
    [
        ("shared", {}, "--licence is missing"),
        ("shared", {"licence": "free"}, "--licence 'free' is no SPDX licence"),
        ("first", {"licence": "MIT"}, "exists already"),
        ("a.tar", {"licence": "MIT"}, "exists already"),
        ("shared", {"licence": "MIT", "name": "a b"}, "--name 'a b': a name has"),
        ("m3.tar.gz", {"licence": "MIT"}, r"m3\.tar\.gz: \.gz files are not written; .*in \.tar,"),
        ("m3.zip", {"licence": "MIT"}, r"\.zip files are not written"),
        ("m3.TAR", {"licence": "MIT"}, r"\.TAR files are not written"),
        ("m3.safetensors", {"licence": "MIT"}, r"\.safetensors files are not written"),
        (
            "odd näme.tar",
            {"licence": "MIT"},
            r"odd näme\.tar: weights cannot be called 'odd näme' .*; --name gives them another",
        ),
    ],
)
def test_what_cannot_be_pushed_is_said(
    run: Path, tmp_path: Path, to: str, options: dict[str, Any], sentence: str
) -> None:
    (tmp_path / "a.tar").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match=sentence):
        push(run, str(tmp_path / to), **options)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "not as this version of `posegen eval` writes it"),
        ('{"schema": 1}', "schema: input should be 2"),
        ('{"schema": 2, "evaluations": [{}]}', r"subject: field required"),
        ("[]", "not as this version"),
        ("[" * 100_000, "not as this version"),
        ('{"schema": 2, "subject": {"weights": 1' + "0" * 5000 + "}}", "not as this version"),
    ],
)
def test_scores_that_cannot_be_read_are_named(
    run: Path, tmp_path: Path, content: str, sentence: str
) -> None:
    (run / "scores.json").write_text(content)
    with pytest.raises(WeightsError, match=sentence) as error:
        push(run, str(tmp_path / "shared"), licence="MIT")
    assert str(run / "scores.json") in str(error.value)
    assert str(error.value).isprintable()
    assert not (tmp_path / "shared").exists()


def test_what_posegen_eval_writes_is_read(tmp_path: Path) -> None:
    from posegen.evaluation.record import write
    from posegen.evaluation.result import Evaluation, ProtocolScores, Score

    scores = {"patn": {"ssim": Score("ssim", 0.5, 2, "higher", "as ever", None, (0.25, 0.75))}}
    values = {"patn": {"ssim": [0.25, 0.75]}}
    protocol = ProtocolScores("posegen-1", 1, "", {}, scores, values)
    write(Evaluation({}, [("a", "b"), ("c", "d")], [protocol], 1.0), tmp_path)
    (table,) = read_scores(tmp_path / "scores.json").evaluations
    assert (table.protocol.title, table.protocol.version, table.count) == ("posegen-1", 1, 2)
    assert str(table.rows["patn"]["ssim"]) == "0.5 [0.25, 0.75]"


def test_paths_are_cut_down_everywhere() -> None:
    value = {"a": ["/x/y", {"b": "C:\\x\\y"}], "c": "x/y", "d": "\\\\server\\share\\y", "e": 1.5}
    assert without_paths(value) == {"a": ["y", {"b": "y"}], "c": "x/y", "d": "y", "e": 1.5}


def test_a_licence_text_goes_along(folder: Path, tmp_path: Path) -> None:
    (folder / "LICENSE").write_text("do as you like")
    (folder / "notes.txt").write_text("not for others")
    push(folder, str(tmp_path / "shared"), licence="LicenseRef-mine")
    assert (tmp_path / "shared" / "LICENSE").read_text() == "do as you like"
    assert not (tmp_path / "shared" / "notes.txt").exists()
    head = (tmp_path / "shared" / "README.md").read_text()
    assert 'license: "other"\nlicense_name: "LicenseRef-mine"' in head
    files = ["LICENSE", "README.md", "config.json", "model.safetensors"]
    assert verify(tmp_path / "shared")[2] == files


def test_tensors_alone_can_be_shared(folder: Path, tmp_path: Path, picture: Picture) -> None:
    shutil.copy(folder / "model.safetensors", tmp_path / "x.safetensors")
    push(tmp_path / "x.safetensors", str(tmp_path / "shared"), licence="MIT")
    assert picture(tmp_path / "shared") == picture(folder)
