"""What the commands of experiments say about mistakes, before they begin anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

TINY = "[base]\nmodel = 'patn'\n[[variant]]\nname = 'a'\n"


def test_named_sweeps_are_listed_and_their_runs(call):
    code, out, _ = call("sweep")
    assert code == 0
    assert "patn-ablation: PATN's ablations" in out
    code, out, _ = call("sweep", "patn-ablation", "--seeds", "7", "--dry-run")
    assert code == 0
    assert out.split()[:2] == ["patn-9--7", "no-attention--7"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "no such file (FILE.toml) or named sweep"),
        (["{file}", "--seeds", "1,x"], "--seeds 1,x: write different whole numbers"),
        (["{file}", "--submit", "pbs"], "--submit pbs: there are slurm and local"),
        (["{file}", "--option", "a=1"], "--option is for submitit"),
        (["{file}", "--set", "generator.nfg=3"], "variant a: generator.nfg"),
        (["{wrong}"], "the sweep"),
    ],
)
def test_mistakes_of_sweeps(call, tmp_path, words, said):
    file, wrong = tmp_path / "s.toml", tmp_path / "wrong.toml"
    file.write_text(TINY)
    wrong.write_text(TINY + "seed = [1]\n")
    given = [word.format(file=file, wrong=wrong) for word in words]
    code, _, err = call("sweep", *given, "--out", tmp_path / "out")
    assert code == 2
    assert said in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["people", "--poses", "0"], "--poses 0: give a number from 1 on, or all"),
        (["people", "--names", "("], "--names (: no regular expression"),
    ],
)
def test_mistakes_of_augment(call, tmp_path, words, said):
    code, _, err = call("augment", *words, "--out", tmp_path / "out")
    assert code == 2
    assert said in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fractions", "0,1"], "--fractions 0,1: write different numbers above 0"),
        (["--network", "vgg"], "--network vgg: there are resnet10"),
        (["--generated", "nowhere"], "`posegen augment` writes it"),
        (["--weights", "w"], "--weights generates the poses of --centralise"),
        (["--lr", "0"], "--lr 0.0: give a number above 0"),
        (["--set", "training.steps=3"], "--set training: only options of the data set"),
    ],
)
def test_mistakes_of_reid(call, tmp_path, words, said):
    code, _, err = call("reid", "people", "--out", tmp_path / "out", *words)
    assert code == 2
    assert said in err


def test_reid_from_the_first_picture_to_the_metric(call, tmp_path: Path):
    pytest.importorskip("pytorch_metric_learning")
    small = ["data.image_size=[32,16]", "data.identities=3", "data.pictures=2"]
    small = [word for text in (*small, "data.test_identities=2") for word in ("--set", text)]
    training = ["--network", "resnet10", "--size", "32x16", "--steps", "2", "--batch-size", "4"]
    out = tmp_path / "reid"
    words = ["reid", "people", *small, *training, "--fractions", "1", "--seeds", "1"]
    code, text, err = call(*words, "--out", out, "--json")
    assert code == 0, err
    (rank1, average) = json.loads(text)["variants"]["real"]
    assert rank1["column"] == "rank-1 at 100 %"
    assert 0 <= average["mean"] <= 100
    assert (out / "table.md").read_text().startswith("| | rank-1 at 100 % ↑ | mAP at 100 % ↑ |")
    assert json.loads((out / "network" / "reid.json").read_text())["people"] == 3
