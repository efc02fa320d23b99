"""`posegen doctor`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

import posegen
from posegen.cli import console, main
from posegen.compute import findings
from posegen.compute.findings import Finding


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
    monkeypatch.setattr(findings, "findings", lambda *_: [])
    code, out = call(capsys, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["ok"] is True
    assert told["versions"]["posegen"] == posegen.__version__
    assert told["versions"]["torch"] == torch.__version__
    assert told["contracts"]["generator"] == 1
    assert any(p["package"] == "posegen-patn" and not p["reason"] for p in told["plugins"])
    assert told["devices"][-1]["name"] == "cpu"
    assert {"vgg19-dcbb9e9d.pth", "alexnet-owt-7be5be79.pth"} <= {
        f["file"] for f in told["weights"]
    }
    assert len(told["caches"]) == 3
    assert told["disk"]["free"] > 0
    assert set(told["recommended"]) == {"device", "train", "eval", "generate"}


@pytest.mark.parametrize(("level", "expected"), [("broken", 1), ("note", 0)])
def test_the_exit_code_says_whether_something_is_broken(
    level: str,
    expected: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [Finding(level, "the [bold] flux is low; fill it.")]  # type: ignore[arg-type]
    monkeypatch.setattr(findings, "findings", lambda *_: found)
    code, out = call(capsys)
    assert code == expected
    assert f"{level}: the [bold] flux is low; fill it." in out
    for title in ("Versions", "Contracts", "Plugins", "Published weights", "Folders", "Flags for"):
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
