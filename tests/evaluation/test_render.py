from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console

import posegen
from posegen.evaluation import Evaluation, Score
from posegen.evaluation.render import table, to_json

BASELINE = "copy the source"


def score(metric, value, direction="lower", error=None, count=4):
    count = 0 if value is None else count
    return Score(metric, value, count, direction, f"protocol of {metric}", error)


EVALUATION = Evaluation(
    scores={
        "model": {
            "ssim": score("ssim", 0.51234, "higher"),
            "psnr": score("psnr", 23.456, "higher"),
            "l1": score("l1", 0.10001),
            "mask-l1": score("mask-l1", 0.25, count=3),
            "lpips": score("lpips", None, error="FILE [x] is not there."),
        },
        BASELINE: {
            "ssim": score("ssim", 0.4, "higher"),
            "psnr": score("psnr", 8.0, "higher"),
            "l1": score("l1", 0.10002),
            "mask-l1": score("mask-l1", None, error="no mask."),
            "lpips": score("lpips", None, error="FILE [x] is not there."),
        },
    },
    pairs=4,
    seconds=1.23456,
)


def shown(evaluation, *, styles=False, width=160):
    colors = "standard" if styles else None
    console = Console(width=width, force_terminal=styles, color_system=colors)
    with console.capture() as capture:
        console.print(table(evaluation))
    return capture.get()


def test_table_shows_rows_directions_and_values():
    text = shown(EVALUATION)
    for cell in ("ssim ↑", "psnr ↑", "l1 ↓", "mask-l1 ↓", "lpips ↓", "pairs: 4"):
        assert cell in text
    model = next(line for line in text.splitlines() if "model" in line and "│" in line)
    baseline = next(line for line in text.splitlines() if BASELINE in line and "│" in line)
    assert [cell.strip() for cell in model.split("│")[1:-1]] == [
        "model",
        "0.5123",
        "23.46",
        "0.1000",
        "0.2500",
        "–",
    ]
    assert [cell.strip() for cell in baseline.split("│")[2:-1]] == [
        "0.4000",
        "8.00",
        "0.1000",
        "–",
        "–",
    ]


def test_the_best_is_bold_also_where_two_print_alike_but_not_where_it_is_alone():
    text = shown(EVALUATION, styles=True)

    def bold(value):
        return len(re.findall(rf"\x1b\[1m *{value}\x1b\[0m", text))

    assert bold("0.5123") == 1
    assert bold("0.4000") == 0
    assert bold("23.46") == 1
    assert bold("0.1000") == 2
    assert bold("0.2500") == 0


def test_notes_say_what_is_missing_and_how_numbers_are_computed():
    lines = [line.rstrip() for line in shown(EVALUATION).splitlines()]
    for name in EVALUATION.scores["model"]:
        assert f"{name}: protocol of {name}" in lines
    assert lines.count("lpips: not computed: FILE [x] is not there.") == 1
    assert f"mask-l1 ({BASELINE}): not computed: no mask." in lines
    assert "mask-l1 (model): over 3 of 4 images; the others have no value" in lines


def test_json_schema():
    record = to_json(EVALUATION, data={"name": "people", "split": "test"}, model="patn")
    assert list(record) == ["schema", "posegen", "pairs", "seconds", "data", "model", "scores"]
    assert record["schema"] == 1
    assert record["posegen"] == posegen.__version__
    assert record["pairs"] == 4
    assert record["data"] == {"name": "people", "split": "test"}
    assert list(record["scores"]) == ["model", BASELINE]
    assert record["scores"]["model"]["ssim"] == {
        "value": 0.51234,
        "direction": "higher",
        "protocol": "protocol of ssim",
        "count": 4,
        "error": None,
    }
    assert record["scores"]["model"]["lpips"]["value"] is None
    assert record["scores"]["model"]["lpips"]["error"] == "FILE [x] is not there."
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_json_keeps_its_own_names():
    with pytest.raises(ValueError, match="scores"):
        to_json(EVALUATION, scores={})


def test_baseline_alone_is_not_bold():
    alone = replace(EVALUATION, scores={BASELINE: EVALUATION.scores[BASELINE]})
    assert re.search(r"\x1b\[1m *0\.4000", shown(alone, styles=True)) is None


def test_the_package_its_options_and_its_reports_import_no_torch():
    code = (
        "import sys, posegen.evaluation, posegen.evaluation.metrics.config\n"
        "import posegen.evaluation.render\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-W", "error", "-c", code]).returncode == 0
