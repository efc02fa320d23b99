from __future__ import annotations

from dataclasses import replace

from posegen.evaluation.result import BASELINE, Evaluation, ProtocolScores, Score
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
