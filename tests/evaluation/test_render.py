from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from posegen.core.specs import BASELINE
from posegen.evaluation.grid import make_grid, notes
from posegen.evaluation.render import table
from posegen.evaluation.result import Evaluation, ProtocolScores, Score
from posegen.reports.page import latex_table

NAMES = [(f"s{i}", f"t{i}") for i in range(4)]


def score(metric, value, direction="lower", error=None, count=4, half=None, protocol=None):
    count = 0 if value is None else count
    ends = None if half is None else (value - half, value + half)
    text = protocol or f"protocol of {metric}"
    return Score(metric, value, count, direction, text, error, ends)


MINE = {
    "ssim": score("ssim", 0.51234, "higher", half=0.0123),
    "psnr": score("psnr", 23.456, "higher", half=0.5),
    "l1": score("l1", 0.10001),
    "mask-l1": score("mask-l1", 0.25, count=3),
    "lpips": score("lpips", None, error="FILE [x] is not there."),
}
COPIED = {
    "ssim": score("ssim", 0.4, "higher", half=0.02),
    "psnr": score("psnr", 8.0, "higher"),
    "l1": score("l1", 0.10002),
    "mask-l1": score("mask-l1", None, error="no mask."),
    "lpips": score("lpips", None, error="FILE [x] is not there."),
}
ONE = ProtocolScores("posegen-1", 1, "as-is", {}, {"model": MINE, BASELINE: COPIED})
OTHER = ProtocolScores(
    "gfla-2020",
    3,
    "market1501",
    {},
    {
        "model": {
            "ssim-256": score("ssim", 0.3, "higher"),
            "l1": score("l1", 0.2, protocol="twice"),
        },
        BASELINE: {
            "ssim-256": score("ssim", 0.6, "higher"),
            "l1": score("l1", 0.1, protocol="twice"),
        },
    },
)
EVALUATION = Evaluation({"kind": "model", "path": "runs/a"}, NAMES, [ONE], 1.0)
BOTH = replace(EVALUATION, protocols=[ONE, OTHER])


def shown(evaluation, *, styles=False, width=160):
    colors = "standard" if styles else None
    console = Console(width=width, force_terminal=styles, color_system=colors)
    with console.capture() as capture:
        console.print(table(evaluation, width))
    return capture.get()


def cells(text, label):
    line = next(line for line in text.splitlines() if label in line and "│" in line)
    return [cell.strip() for cell in line.split("│")[1:-1]]


def test_the_table_shows_protocol_rows_directions_values_and_intervals():
    text = shown(EVALUATION)
    assert "protocol: posegen-1:as-is v1 · pairs: 4" in text
    for heading in ("ssim ↑", "psnr ↑", "l1 ↓", "mask-l1 ↓", "lpips ↓"):
        assert heading in text
    assert cells(text, "model") == ["model", "0.5123", "23.46", "0.1000", "0.2500", "–"]
    assert cells(text, BASELINE) == [BASELINE, "0.4000", "8.00", "0.1000", "–", "–"]
    below = text.splitlines()[[BASELINE in line for line in text.splitlines()].index(True) - 1]
    assert [cell.strip() for cell in below.split("│")[1:-1]] == ["", "±0.0123", "±0.50", "", "", ""]


def test_the_best_is_bold_also_where_two_print_alike_but_not_where_it_is_alone():
    text = shown(EVALUATION, styles=True)

    def bold(value):
        return len(re.findall(rf"\x1b\[1m *{value}\x1b\[0m", text))

    assert [bold(v) for v in ("0.5123", "0.4000", "23.46", "0.1000", "0.2500")] == [1, 0, 1, 2, 0]


def test_the_baseline_alone_is_not_bold():
    alone = replace(ONE, scores={BASELINE: COPIED})
    text = shown(replace(EVALUATION, protocols=[alone]), styles=True)
    assert re.search(r"\x1b\[1m *0\.4000", text) is None


def test_several_protocols_share_one_table():
    text = shown(BOTH)
    lines = [line for line in text.splitlines() if "│" in line]
    labels = [line.split("│")[1].strip() for line in lines]
    assert [label for label in labels if label] == [
        "posegen-1:as-is v1",
        "model",
        BASELINE,
        "gfla-2020:market1501 v3",
        "model",
        BASELINE,
    ]
    assert "ssim ↑ ┃ ssim-256 ↑ ┃ psnr ↑ ┃" in text  # columns of one metric beside each other
    last = [cell.strip() for cell in lines[-1].split("│")[2:-1]]
    assert last == ["–", "0.6000", "–", "0.1000", "–"]


def test_the_best_is_of_its_own_protocol():
    grid = make_grid({"": BOTH})
    found = [(line.protocol[:4], line.label) for line in grid.lines if line.cells["l1"].best]
    assert found == [("pose", "model"), ("pose", BASELINE), ("gfla", BASELINE)]


def test_a_narrow_terminal_gets_several_tables():
    text = shown(BOTH, width=60)
    assert max(map(len, text.splitlines())) <= 60
    assert text.count("┏") == 2
    for value in ("0.5123", "23.46", "0.1000", "0.2500", "0.3000", "±0.0123"):
        assert value in text


def test_columns_without_any_value_come_last():
    scores = {"model": {"lpips": MINE["lpips"], "l1": MINE["l1"]}}
    grid = make_grid({"": replace(EVALUATION, protocols=[replace(ONE, scores=scores)])})
    assert list(grid.columns) == ["l1", "lpips"]


def test_columns_without_any_value_are_left_out_where_there_are_several_protocols():
    assert "lpips" not in make_grid({"": BOTH}).columns
    nothing = [replace(p, scores={"model": {"lpips": MINE["lpips"]}}) for p in (ONE, OTHER)]
    assert list(make_grid({"": replace(EVALUATION, protocols=nothing)}).columns) == ["lpips"]


def test_notes_say_what_is_missing_and_how_numbers_are_computed():
    lines = [line.rstrip() for line in shown(EVALUATION).splitlines()]
    for name in MINE:
        assert f"{name}: protocol of {name}" in lines
    assert lines.count("lpips: not computed: FILE [x] is not there.") == 1
    assert f"mask-l1 ({BASELINE}): not computed: no mask." in lines
    assert "mask-l1 (model): over 3 of 4 images; the others have no value" in lines
    assert "±: half of the 95% bootstrap interval of the mean over images" in lines


def test_notes_of_several_protocols_say_whose_they_are():
    broken = {
        "model": {"lpips": MINE["lpips"], "fid": score("fid", None, error="FILE [x] is not there.")}
    }
    both = replace(EVALUATION, protocols=[ONE, replace(OTHER, scores=broken)])
    texts = [note.text for note in notes({"": both})]
    assert "lpips: protocol of lpips (posegen-1:as-is v1; gfla-2020:market1501 v3)" in texts
    assert "fid: protocol of fid (gfla-2020:market1501 v3)" in texts
    together = (
        "lpips (posegen-1:as-is v1), lpips (gfla-2020:market1501 v3), "
        "fid (gfla-2020:market1501 v3): not computed: "
    )
    assert f"{together}FILE [x] is not there." in texts
    kinds = {note.kind for note in notes({"": both}) if "not computed" in note.text}
    assert kinds == {"missing"}


def test_a_long_reason_is_not_cut_off():
    reason = f"get https://example.org/{'x' * 150}.pth."
    scores = {"model": {"lpips": score("lpips", None, error=reason)}}
    text = shown(replace(EVALUATION, protocols=[replace(ONE, scores=scores)]), width=80)
    assert reason.replace(" ", "") in re.sub(r"\s", "", text)


def test_subjects_have_their_labels_and_one_baseline():
    other = replace(ONE, scores={"model": {**MINE, "l1": score("l1", 0.05)}, BASELINE: COPIED})
    grid = make_grid({"a": EVALUATION, "b": replace(EVALUATION, protocols=[other])})
    assert [line.label for line in grid.lines] == ["a", "b", BASELINE]
    assert [line.baseline for line in grid.lines] == [False, False, True]
    assert [line.cells["l1"].best for line in grid.lines] == [False, True, False]


def test_scores_over_other_pairs_are_not_measured_against_each_other():
    fewer = replace(EVALUATION, names=NAMES[:3])
    changed = {**COPIED, "l1": score("l1", 0.3)}
    fewer = replace(fewer, protocols=[replace(ONE, scores={"model": MINE, BASELINE: changed})])
    grid = make_grid({"a": EVALUATION, "b": fewer})
    assert [line.label for line in grid.lines] == ["a", "b", BASELINE, f"{BASELINE} (b)"]
    assert not any(line.cells["l1"].best for line in grid.lines)
    files = replace(EVALUATION, names=[(f"{s}.png", f"{t}.png") for s, t in NAMES])
    worse = replace(ONE, scores={"model": changed})
    grid = make_grid({"a": EVALUATION, "b": replace(files, protocols=[worse])})
    assert [line.cells["l1"].best for line in grid.lines] == [True, False, True]


@pytest.mark.parametrize("module", ["render", "grid", "record", "statistics", "comparison"])
def test_tables_import_no_torch(module):
    code = f"import sys, posegen.evaluation.{module}\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-W", "error", "-c", code]).returncode == 0


def test_the_package_and_its_options_import_no_torch():
    code = (
        "import sys, posegen.evaluation, posegen.evaluation.metrics.config\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-W", "error", "-c", code]).returncode == 0


def test_latex_is_a_booktabs_table():
    text = latex_table({"run_1 & 50%": EVALUATION})
    assert r"\begin{tabular}{lrrrrr}" in text
    assert (
        r" & ssim $\uparrow$ & psnr $\uparrow$ & l1 $\downarrow$ & mask-l1 $\downarrow$ &" in text
    )
    row = next(line for line in text.splitlines() if line.startswith("model"))
    assert row == (
        r"model & \textbf{0.5123} {\scriptsize $\pm$0.0123} & \textbf{23.46} "
        r"{\scriptsize $\pm$0.50} & \textbf{0.1000} & 0.2500 & -- \\"
    )
    assert "4 pairs under posegen-1:as-is v1" in text
    assert r"half of the 95\% bootstrap" in text
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert rule in text


def test_latex_of_several_subjects_and_protocols():
    text = latex_table({r"run_1 & 50% {x}\y": BOTH, "b": BOTH})
    assert r"run\_1 \& 50\% \{x\}\textbackslash{}y" in text
    assert r"\multicolumn{6}{l}{\textit{gfla-2020:market1501 v3}} \\" in text
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    counts = {line.count(" & ") for line in body if "multicolumn" not in line}
    assert counts == {5}
