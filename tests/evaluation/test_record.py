from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest

import posegen
from posegen.core import DataError
from posegen.core.specs import BASELINE
from posegen.evaluation.record import read, to_json, write
from posegen.evaluation.result import Evaluation, ProtocolScores, Score

NAMES = [("a,b.png", 'x "1".png'), ("é\udcff.jpg", "y.png"), ("", "z\nz.png")]


def score(metric, value, interval=None, error=None, count=3):
    return Score(metric, value, count, "higher", f"how {metric} is made", error, interval)


@pytest.fixture
def evaluation():
    first = ProtocolScores(
        "posegen-1",
        1,
        "as-is",
        {"summary": "pictures as they are", "columns": [{"name": "ssim"}], "changed": {}},
        {
            "mine": {
                "ssim": score("ssim", 1 / 3, (0.1, 2 / 3)),
                "mask-ssim": score("mask-ssim", 0.5, None, count=2),
                "fid": score("fid", 12.5),
            },
            BASELINE: {
                "ssim": score("ssim", 0.2, (0.1, 0.3)),
                "mask-ssim": score("mask-ssim", None, error="no masks.", count=0),
                "fid": score("fid", 20.25),
            },
        },
        {
            "mine": {"ssim": [0.1, 1 / 3, 0.7], "mask-ssim": [0.25, math.nan, 0.75]},
            BASELINE: {"ssim": [0.1 + 0.2, 1e-17, 123456.789]},
        },
    )
    second = ProtocolScores(
        "patn-2019",
        2,
        "market1501, changed: ssim.taps=13",
        {},
        {"mine": {"ssim": score("ssim", 0.25)}, BASELINE: {"ssim": score("ssim", 0.125)}},
        {"mine": {"ssim": [0.0, 0.25, 0.5]}, BASELINE: {"ssim": [0.125, 0.125, 0.125]}},
    )
    subject = {"kind": "model", "path": "runs/mine", "model": "patn", "data": {"name": "people"}}
    return Evaluation(subject, NAMES, [first, second], 1.25)


def same(a, b):
    """Whether two mappings of lists are equal, NaN being equal to NaN."""
    return json.dumps(a) == json.dumps(b)


def test_what_is_written_is_read(evaluation, tmp_path):
    paths = write(evaluation, tmp_path / "new")
    assert [path.name for path in paths] == ["scores.csv", "scores.json"]
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["scores.csv", "scores.json"]
    for path in (tmp_path / "new", tmp_path / "new/scores.json"):
        back = read(path)
        assert (back.subject, list(back.names)) == (evaluation.subject, NAMES)
        assert back.seconds == evaluation.seconds
        assert list(back.causes) == []
        for one, other in zip(back.protocols, evaluation.protocols, strict=True):
            assert one.scores == other.scores
            assert same(one.per_image, other.per_image)
            assert (one.name, one.version, one.variant) == (
                other.name,
                other.version,
                other.variant,
            )
            assert one.definition == other.definition


def test_the_json_is_what_is_documented(evaluation):
    content = to_json(evaluation)
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert list(content) == [
        "schema",
        "posegen",
        "subject",
        "pairs",
        "seconds",
        "causes",
        "evaluations",
    ]
    assert (content["schema"], content["posegen"]) == (2, posegen.__version__)
    assert (content["pairs"], content["seconds"]) == (3, 1.25)
    first = content["evaluations"][0]
    assert first["protocol"] == {
        "name": "posegen-1",
        "version": 1,
        "variant": "as-is",
        "definition": evaluation.protocols[0].definition,
    }
    assert list(first["rows"]) == ["mine", BASELINE]
    assert first["rows"]["mine"]["ssim"] == {
        "metric": "ssim",
        "value": 1 / 3,
        "interval": [0.1, 2 / 3],
        "count": 3,
        "direction": "higher",
        "protocol": "how ssim is made",
        "error": None,
    }
    assert first["rows"][BASELINE]["mask-ssim"]["value"] is None
    assert first["rows"][BASELINE]["mask-ssim"]["error"] == "no masks."


def test_the_csv_is_a_line_per_row_and_pair(evaluation, tmp_path):
    write(evaluation, tmp_path)
    with (tmp_path / "scores.csv").open(newline="", errors="surrogateescape") as file:
        lines = list(csv.reader(file))
    assert lines[0] == [
        "row",
        "source",
        "target",
        "posegen-1:as-is:ssim",
        "posegen-1:as-is:mask-ssim",
        "patn-2019:market1501, changed: ssim.taps=13:ssim",
    ]
    assert lines[1] == ["mine", *NAMES[0], "0.1", "0.25", "0.0"]
    assert lines[2] == ["mine", *NAMES[1], "0.3333333333333333", "", "0.25"]
    assert lines[4] == [BASELINE, *NAMES[0], "0.30000000000000004", "", "0.125"]
    assert len(lines) == 7


def test_causes_are_kept_and_scored(evaluation, tmp_path):
    causes = [("large turn",), (), ("unseen joints", "large turn")]
    evaluation = replace(evaluation, causes=causes)
    write(evaluation, tmp_path)
    assert read(tmp_path).causes == causes
    table = list(csv.reader((tmp_path / "scores.csv").read_text(errors="ignore").splitlines()))
    assert [line[-1] for line in table[:4]] == [
        "causes",
        "large turn",
        "",
        "unseen joints; large turn",
    ]
    by_name = {group["cause"]: group for group in to_json(evaluation)["causes"]}
    assert {name: group["pairs"] for name, group in by_name.items()} == {
        "unseen joints": 1,
        "large turn": 2,
        "none of these": 1,
    }
    of_turn = by_name["large turn"]["scores"]["posegen-1:as-is"]
    assert of_turn["mine"]["ssim"] == pytest.approx((0.1 + 0.7) / 2)
    assert by_name["none of these"]["scores"]["posegen-1:as-is"]["mine"]["mask-ssim"] is None
    text = (tmp_path / "scores.csv").read_text(errors="surrogateescape")
    (tmp_path / "scores.csv").write_text(
        text.replace("large turn\n", "bad luck\n", 1), errors="surrogateescape"
    )
    damaged(lambda c: c.pop("values_sha256"))(tmp_path)  # else it is found by that
    with pytest.raises(DataError, match="'bad luck' is no cause that posegen knows"):
        read(tmp_path)


def test_a_column_without_any_value_is_not_among_the_values(evaluation, tmp_path):
    evaluation.protocols[0].per_image["mine"]["mask-ssim"] = [math.nan] * 3
    write(evaluation, tmp_path)
    assert list(read(tmp_path).protocols[0].per_image["mine"]) == ["ssim"]


def test_nothing_is_written_that_cannot_be_read(evaluation, tmp_path):
    write(evaluation, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    evaluation.protocols[0].per_image["mine"]["ssim"] = [0.5]
    with pytest.raises(ValueError, match="zip"):
        write(evaluation, tmp_path)
    evaluation.protocols[0].per_image["mine"]["ssim"] = [0.5] * 3
    evaluation.protocols[0].scores["mine"]["ssim"] = score("ssim", math.nan)
    with pytest.raises(ValueError, match="JSON"):
        write(evaluation, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def damaged(change):
    def apply(folder):
        path = folder / "scores.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return apply


def line(number, text):
    def apply(folder):
        path = folder / "scores.csv"
        lines = path.read_bytes().split(b"\n")
        lines[number] = text
        path.write_bytes(b"\n".join(lines))
        damaged(lambda c: c.pop("values_sha256"))(folder)  # else it is found by that

    return apply


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda f: (f / "scores.json").unlink(), "scores.json: no such file; `posegen eval`"),
        (lambda f: (f / "scores.csv").unlink(), "scores.csv: no such file; `posegen eval`"),
        (lambda f: (f / "scores.json").write_text("{"), "scores.json: not as posegen writes it"),
        (lambda f: (f / "scores.json").write_text("[1]"), "scores.json: not as posegen writes it"),
        (lambda f: (f / "scores.json").write_text("{}"), "scores.json: not as posegen writes it"),
        (damaged(lambda c: c.update(schema=1)), "schema 1, .* run `posegen eval` again"),
        (damaged(lambda c: c.update(schema=3)), "schema 3, and this posegen reads schema 2"),
        (damaged(lambda c: c.pop("pairs")), r"not as posegen writes it \(KeyError: 'pairs'\)"),
        (damaged(lambda c: c.update(evaluations=[{}])), "not as posegen writes it"),
        (damaged(lambda c: c.update(pairs=4)), "not those of 2 rows of 4 pairs"),
        (line(0, b"row,source"), "scores.csv: not as posegen writes it"),
        (line(0, b"row,source,target,a:b,c,d"), "scores.csv: not as posegen writes it"),
        (line(1, b"mine,q.png,r.png,1,2,3"), "not those of 2 rows of 3 pairs"),
        (line(1, b'mine,"a,b.png","x ""1"".png",1,2'), "scores.csv: not as posegen writes it"),
        (line(1, b'mine,"a,b.png","x ""1"".png",much,2,3'), "could not convert"),
        (lambda f: (f / "scores.csv").write_bytes(b""), "scores.csv: not as posegen writes it"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(evaluation, tmp_path, damage, sentence):
    write(evaluation, tmp_path)
    damage(tmp_path)
    with pytest.raises(DataError, match=sentence) as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)


def test_reading_imports_no_torch(evaluation, tmp_path):
    write(evaluation, tmp_path)
    code = (
        "import sys, pathlib\n"
        "from posegen.evaluation.record import read\n"
        f"read(pathlib.Path({str(tmp_path)!r}))\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-W", "error", "-c", code]).returncode == 0


def test_values_of_another_evaluation_are_refused(evaluation, tmp_path):
    write(evaluation, tmp_path)
    table = tmp_path / "scores.csv"
    table.write_bytes(table.read_bytes().replace(b"0.5", b"0.6", 1))
    with pytest.raises(DataError, match=r"it is not the one that scores\.json was written with"):
        read(tmp_path)
