"""`posegen report`, from pictures on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]


def test_a_page_and_tables(call: Call, scored: tuple[Path, Path], tmp_path: Path) -> None:
    names = ["new/page.html", "all.json", "all.csv", "all.tex"]
    out, as_json, as_csv, as_tex = (tmp_path / name for name in names)
    words = ["--out", out, "--json", as_json, "--csv", as_csv, "--latex", as_tex, "--gallery", "3"]
    words += ["--allow", scored[0].parent]
    code, shown, said = call("report", *scored, *words)
    assert (code, shown) == (0, "")
    assert f"Written to {out} (" in said
    html = out.read_text(encoding="utf-8")
    assert html.startswith("<!DOCTYPE html>")
    assert html.count('class="card"') == 3
    assert "good · bad" in html
    content = json.loads(as_json.read_text())
    assert list(content["subjects"]) == ["good", "bad"]
    ssim = {label: e["evaluations"][0]["rows"]["results"]["ssim"]["value"]
            for label, e in content["subjects"].items()}  # fmt: skip
    assert ssim["good"] > ssim["bad"]
    lines = list(csv.DictReader(io.StringIO(as_csv.read_text())))
    assert {
        line["subject"]: float(line["value"]) for line in lines if line["column"] == "ssim"
    } == ssim
    assert as_tex.read_text().count(rf"\textbf{{{ssim['good']:.4f}}}") == 1


def test_pictures_that_are_gone_are_said(
    call: Call, scored: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "moved"
    folder.mkdir()
    for name in ("scores.json", "scores.csv"):
        text = (scored[0] / name).read_text().replace(str(scored[0]), "/nowhere")
        (folder / name).write_text(text)
    words = ["report", folder, "--out", tmp_path / "x.html"]
    code, _, said = call(*words)
    assert code == 0
    assert "name /nowhere, which nobody has allowed" in said
    allow = ["--allow", "/nowhere", "--allow", scored[0].parent]
    code, _, said = call(*words, *allow)
    assert code == 0
    assert "no pictures of moved: --results /nowhere: no such folder." in said
    assert "no pictures of moved" in (tmp_path / "x.html").read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nothing"], "nothing: no such run, folder or scores.json."),
        ([".", "--out", "."], "--out .: cannot be written (is a folder); give another path."),
        (
            ["."],
            "no scores.json in it; run `posegen eval --results . --layout NAME --out .` first.",
        ),
        (["{good}", "{good}"], "given twice"),
        (["{good}", "--by", "sim"], "--by sim: no scores of each pair in such a column; did you"),
    ],
)
def test_mistakes_are_one_sentence(
    call: Call,
    scored: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call("report", *(w.format(good=scored[0]) for w in words))
    assert (code, out) == (2, "")
    assert sentence in err
    assert not list(tmp_path.iterdir())
