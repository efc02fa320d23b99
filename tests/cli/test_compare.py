"""`posegen compare`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from posegen.evaluation.record import write
from posegen.evaluation.result import Evaluation, ProtocolScores, Score

Call = Callable[..., tuple[int, str, str]]


def scores(folder: Path, shift: float, version: int = 1) -> Path:
    names = [(f"s{number}", f"t{number}") for number in range(30)]
    values = {
        "ssim": (np.random.default_rng(0).uniform(0.2, 0.8, 30) + shift).tolist(),
        "psnr": np.random.default_rng(1).uniform(15, 25, 30).tolist(),
    }
    own = {
        name: Score(name, float(np.mean(of)), 30, "higher", f"how {name}")
        for name, of in values.items()
    }
    own["fid"] = Score("fid", 20.0 - 10 * shift, 30, "lower", "how fid")
    protocol = ProtocolScores("posegen-1", version, "as-is", {}, {"a": own}, {"a": values})
    write(Evaluation({"kind": "results", "path": str(folder)}, names, [protocol], 1.0), folder)
    return folder


@pytest.fixture
def both(tmp_path: Path) -> tuple[Path, Path]:
    return scores(tmp_path / "a", 0.0), scores(tmp_path / "b", 0.1)


def test_the_table_says_what_is_sure(
    call: Call, both: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = call("compare", *both)
    assert (code, err) == (0, "")
    assert "protocol: posegen-1:as-is v1 · pairs: 30" in out
    rows = {line.split("│")[1].strip(): line.split("│")[2:-1] for line in out.splitlines()
            if line.startswith("│")}  # fmt: skip
    ssim, psnr, fid = (
        [cell.strip() for cell in rows[name]] for name in ("ssim ↑", "psnr ↑", "fid ↓")
    )
    assert ssim[2:] == ["+0.1000", "100%", "B better"]
    assert psnr[2:] == ["+0.00", "0%", "equal"]
    assert fid == ["20.00", "19.00", "-1.00", "–", "no interval"]
    assert "+0.1000 to +0.1000" in out
    assert "“better”: it excludes 0" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80


def test_a_narrow_terminal_cuts_no_number(
    call: Call, both: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    code, out, _ = call("compare", *both)
    assert code == 0
    assert "…" not in out
    for text in ("+0.1000 to +0.1000", "20.00", "19.00", "B better", "no interval", "100%"):
        assert text in out
    assert max(map(len, out.splitlines())) <= 60


def test_json_and_columns(call: Call, both: tuple[Path, Path]) -> None:
    code, out, _ = call("compare", *both, "--metric", "ssim,fid", "--json")
    assert code == 0
    content = json.loads(out)
    assert (content["a"], content["b"]) == tuple(map(str, both))
    assert [one["column"] for one in content["columns"]] == ["ssim", "fid"]
    assert content["columns"][0]["verdict"] == "B better: interval excludes 0"


def test_mistakes_are_one_sentence(call: Call, both: tuple[Path, Path], tmp_path: Path) -> None:
    newer = scores(tmp_path / "newer", 0.0, version=2)
    for words, sentence in [
        ([both[0], newer], "scores of different protocols cannot be compared"),
        ([*both, "--metric", "sim"], "--metric sim: not a column of both A and B; did you mean"),
        ([both[0], tmp_path], "no scores.json in it"),
        ([both[0], both[0]], "given twice"),
    ]:
        code, out, err = call("compare", *words)
        assert (code, out) == (2, "")
        assert sentence in " ".join(err.split())


def test_it_is_quick_because_it_imports_no_torch(both: tuple[Path, Path]) -> None:
    code = (
        "import sys\n"
        "from posegen.cli import main\n"
        f"main.run(['compare', {str(both[0])!r}, {str(both[1])!r}])\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
