"""`posegen doctor`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

import posegen
from posegen.cli import console, main
from posegen.compute import doctor


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    console.output.cache_clear()
    console.errors.cache_clear()
    with pytest.raises(SystemExit) as end:
        main.run(["doctor", *words])
    return int(end.value.code or 0), capsys.readouterr().out


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")


def test_json_has_everything(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "broken", lambda *_: [])
    code, out = call(capsys, "--json")
    content = json.loads(out)
    assert code == 0
    assert content["ok"] is True
    assert content["versions"]["posegen"] == posegen.__version__
    assert content["versions"]["torch"] == torch.__version__
    assert "generator 2" in content["versions"]["contracts"]
    assert any(title.startswith("posegen-patn ") for title in content["plugins"])
    assert "cpu" in content["devices"]
    assert {"vgg19-dcbb9e9d.pth", "alexnet-owt-7be5be79.pth"} <= set(content["published weights"])
    assert len(content["folders"]) == 3
    (flags,) = (rows for title, rows in content.items() if title.startswith("flags for "))
    assert set(flags) == {"train", "eval", "generate"}


@pytest.mark.parametrize(("level", "expected"), [("broken", 1), ("notes", 0)])
def test_the_exit_code_says_whether_something_is_broken(
    level: str,
    expected: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("broken", "notes"):
        monkeypatch.setattr(doctor, name, lambda *_: [])
    monkeypatch.setattr(doctor, level, lambda *_: ["the [bold] flux is low; fill it."])
    code, out = call(capsys)
    assert code == expected
    assert f"{level.removesuffix('s')}: the [bold] flux is low; fill it." in out
    for title in ("Versions", "Plugins", "Published weights", "Folders", "Flags for"):
        assert title in out
    code, out = call(capsys, "--json")
    assert code == expected
    assert json.loads(out)["ok"] is (expected == 0)


def test_help_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "from posegen.cli import main\n"
        "try: main.run([{word!r}, '--help'])\n"
        "except SystemExit as end: assert not end.code\n"
        "assert 'torch' not in sys.modules and 'PIL' not in sys.modules\n"
    )
    for word in ("doctor", "export", "generate"):
        subprocess.run([sys.executable, "-c", code.format(word=word)], check=True)
