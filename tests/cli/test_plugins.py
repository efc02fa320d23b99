"""`posegen plugins new`, `posegen plugins check`, and another backbone for a model."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from posegen.plugins import registry

Call = Callable[..., tuple[int, str, str]]


def test_new_writes_a_package_and_says_what_is_next(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "my package"
    words = ["plugins", "new", "Soft L1", "--kind", "loss", "--out", folder]
    code, out, _ = call(*words)
    assert code == 0
    assert f"Wrote {folder}, with the loss 'soft-l1'. Next:" in out
    assert out.splitlines()[2:] == [
        f"cd '{folder}'",
        "pip install -e '.[test]'",
        "pytest",
        "posegen plugins check posegen-soft-l1",
        "posegen train --model patn --set losses.soft-l1.name=soft-l1",
    ]
    assert (folder / "src/posegen_soft_l1/loss.py").is_file()
    code, _, err = call(*words)
    assert code == 2
    assert "is there already" in err


def test_new_refuses_in_a_sentence(call: Call, tmp_path: Path) -> None:
    for words, said in (
        (["x", "--kind", "generatr"], "--kind generatr: no such kind; did you mean 'generator'"),
        (["ssim", "--kind", "metric"], "'ssim' is a metric of posegen already"),
        (["!", "--kind", "metric"], "'!' has no letters or digits"),
    ):
        code, out, err = call("plugins", "new", *words, "--out", tmp_path / "new")
        assert (code, out) == (2, "")
        assert said in err
    assert not (tmp_path / "new").exists()


def test_check_prints_a_table_of_a_component(call: Call) -> None:
    code, out, _ = call("plugins", "check", "gaussian", "--set", "sigma=2.5")
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["encoder", "gaussian"]
    assert ["missing", "ok"] in rows
    assert "All contracts are kept." in out


def test_check_of_a_package_tests_its_plugin_and_all_it_brings(
    call: Call,
) -> None:
    code, out, _ = call("plugins", "check", "posegen-unet", "--json")
    assert code == 0
    reports = json.loads(out)
    assert [(report["kind"], report["name"]) for report in reports] == [
        ("plugin", "posegen_unet.plugin"),
        ("generator", "unet"),
    ]
    for report in reports:
        assert report["ok"]
        assert all(finding["ok"] for finding in report["findings"])
    assert {"names", "light", "imports"} <= {f["name"] for f in reports[0]["findings"]}
    assert {"capabilities"} <= {f["name"] for f in reports[1]["findings"]}


def test_check_fails_with_exit_code_1(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sum_plugin.py").write_text(
        "from posegen.core import LossSpec, hookimpl\n"
        "@hookimpl\n"
        "def posegen_losses():\n"
        "    return [LossSpec(name='sum', summary='x', target='sum_loss:Sum', contract=2)]\n"
    )
    (tmp_path / "sum_loss.py").write_text(
        "from posegen.core import Loss\n"
        "class Sum(Loss):\n"
        "    def forward(self, output, batch):\n"
        "        return (output.image - batch.target).abs().sum()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("POSEGEN_PLUGINS", "sum_plugin")
    registry.cache_clear()
    try:
        code, out, _ = call("plugins", "check", "sum_plugin")
    finally:
        registry.cache_clear()
        for name in ("sum_plugin", "sum_loss"):
            sys.modules.pop(name, None)
    assert code == 1
    assert "two samples do not have the mean of their losses" in out
    assert "Broken: plugin sum_plugin, loss sum." in out  # the plugin states no licence


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["posegen-unett"], "no package and no component 'posegen-unett'; did you mean"),
        (["patn", "--kind", "loss"], "'patn' has no loss; known: generator, model."),
        (["patn", "--set", "ngf=4"], "--set needs one component with options"),
        (["gaussian", "--kind", "encodr"], "--kind encodr: no such kind; did you mean 'encoder'"),
    ],
)
def test_check_refuses_in_a_sentence(call: Call, words: list[str], said: str) -> None:
    code, _, err = call("plugins", "check", *words)
    assert code == 2
    assert said in err


def test_another_backbone_changes_nothing_else(call: Call, tmp_path: Path) -> None:
    show = ["config", "show", "--model", "patn"]
    own = tomllib.loads(call(*show)[1])
    other = tomllib.loads(call(*show, "--set", "generator.name=unet")[1])
    assert other.pop("generator") == {
        "name": "unet",
        "width": 64,
        "depth": 4,
        "blocks": 1,
        "norm": "batch",
        "source_pose": True,
        "skips": True,
    }
    assert own.pop("generator")["name"] == "patn"
    assert other == own


@pytest.mark.parametrize("words", [["--generator", "unet"], ["--set", "generator.name=unet"]])
def test_both_ways_to_another_backbone_train_the_same(
    call: Call, words: list[str], tmp_path: Path
) -> None:
    small = ["generator.width=2", "data.identities=2", "data.image_size=[32,16]"]
    sets = [word for text in small for word in ("--set", text)]
    train = ["train", "--model", "patn", *words, *sets, "--steps", "1", "--batch-size", "2"]
    code, _, err = call(*train, "--out", tmp_path / "run")
    assert code == 0, err
    config = tomllib.loads((tmp_path / "run/config.toml").read_text())
    assert config["generator"]["name"] == "unet"
    assert config["generator"]["width"] == 2
    assert "ngf" not in config["generator"]
    assert (tmp_path / "run/weights/model.safetensors").is_file()


def test_a_size_that_a_backbone_cannot_take_is_told(call: Call, tmp_path: Path) -> None:
    words = ["train", "--model", "patn", "--generator", "unet", "--set", "data.image_size=[60,32]"]
    code, _, err = call(*words, "--out", tmp_path / "run")
    assert code == 2
    assert "divisible by 16" in " ".join(err.split())
