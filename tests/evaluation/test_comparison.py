from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from posegen.core import ConfigError, DataError
from posegen.core.specs import BASELINE
from posegen.evaluation.comparison import compare, to_json
from posegen.evaluation.pairing import common_pairs
from posegen.evaluation.result import Evaluation, ProtocolScores, Score
from posegen.evaluation.statistics import Paired

NAMES = [(f"s{i}.jpg", f"t{i}.jpg") for i in range(40)]


def evaluation(shift=0.0, names=NAMES, version=1, fid=10.0, **changes):
    """`ssim` is 0.5 plus a little that depends on the pair's number, plus `shift`."""
    numbers = [int(target.partition(".")[0].strip("t_")) for _, target in names]
    values = [0.5 + number / 100 + shift * (1 + number / 40) for number in numbers]

    def score(metric, value, direction):
        return Score(metric, value, len(names), direction, f"how {metric}")

    mine = {
        "ssim": score("ssim", sum(values) / len(values), "higher"),
        "l1": score("l1", sum(values) / len(values), "lower"),
        "fid": score("fid", fid, "lower"),
    } | changes
    protocol = ProtocolScores(
        "posegen-1",
        version,
        "as-is",
        {},
        {"mine": mine, BASELINE: {name: score(name, 0.0, "higher") for name in mine}},
        {"mine": {"ssim": values, "l1": list(values)}, BASELINE: {"ssim": [0.0] * len(names)}},
    )
    return Evaluation({"kind": "results", "path": "x"}, names, [protocol], 1.0)


def test_differences_are_pair_by_pair_and_by_direction():
    found = compare(evaluation(), evaluation(0.01, fid=9.0))
    assert (found.pairs_a, found.pairs_b, found.common) == (40, 40, 40)
    ssim, l1, fid = found.differences
    assert ssim.protocol == "posegen-1:as-is v1"
    assert ssim.numbers.difference == l1.numbers.difference == pytest.approx(0.01 * (1 + 19.5 / 40))
    assert ssim.numbers.interval[0] > 0.01
    assert ssim.verdict == "B better: interval excludes 0"
    assert (ssim.numbers.wins, ssim.numbers.losses) == (40, 0)
    assert l1.verdict == "A better: interval excludes 0"
    assert (l1.numbers.wins, l1.numbers.losses) == (0, 40)
    assert (fid.numbers, fid.verdict) == (Paired(10.0, 9.0, -1.0), "no interval")
    assert any("one column in 20" in note for note in found.notes)


def test_what_is_equal_and_what_is_unclear():
    a, b = evaluation(), evaluation()
    assert compare(a, b).differences[0].verdict == "equal: on every pair"
    values = b.protocols[0].per_image["mine"]["ssim"]
    values[:] = [v + (-1) ** i * 0.1 for i, v in enumerate(values)]
    found = compare(a, b, ["ssim"]).differences[0]
    assert found.verdict == "unclear: interval includes 0"
    assert (found.numbers.wins, found.numbers.ties, found.numbers.losses) == (20, 0, 20)


def test_only_the_wanted_columns():
    found = compare(evaluation(), evaluation(0.01), ["l1"])
    assert [one.column for one in found.differences] == ["l1"]
    with pytest.raises(ConfigError, match="--metric ssmi: not a column of both A and B; did you"):
        compare(evaluation(), evaluation(), ["l1", "ssmi"])


def test_pairs_of_both_are_found_whatever_their_order():
    b = evaluation(0.01, names=NAMES[:4:-1])
    found = compare(evaluation(), b, ["ssim"])
    assert (found.pairs_a, found.pairs_b, found.common) == (40, 35, 35)
    one = found.differences[0].numbers
    assert one.a == pytest.approx(sum(0.5 + n / 100 for n in range(5, 40)) / 35)
    assert one.count == 35
    assert found.notes[0].startswith("35 pairs are in both, of 40 in A and 35 in B")


def test_names_without_extensions_are_the_same_pictures():
    plain = [(source.removesuffix(".jpg"), target.removesuffix(".jpg")) for source, target in NAMES]
    assert compare(evaluation(), evaluation(names=plain)).common == 40
    flat = [("fashionMENa01_1", "fashionMENb1.jpg")]
    assert common_pairs([("fashion/MEN/a/01_1.png", "fashion/MEN/b1")], flat) == [(0, 0)]
    assert common_pairs([("fashion/MEN/a/01_2.png", "fashion/MEN/b1")], flat) == []


def test_pairs_that_occur_twice_are_matched_in_turn():
    a = [("s", "t"), ("s", "u"), ("s", "t")]
    assert common_pairs(a, [("s", "t"), ("s", "t"), ("s", "t")]) == [(0, 0), (2, 1)]


def test_without_sources_targets_are_compared_where_they_are_unambiguous():
    a = [("s", "t"), ("s", "u"), ("r", "u")]
    assert common_pairs(a, [("", "u"), ("", "t")]) == [(0, 1)]


def test_no_common_pairs_and_no_common_protocol():
    other = [(f"x{source}", target) for source, target in NAMES]
    with pytest.raises(DataError, match=r"no pair in common: A's first is s0.jpg → t0.jpg, B's"):
        compare(evaluation(), evaluation(names=other))
    with pytest.raises(
        DataError, match="A was scored under posegen-1:as-is v1 and B under posegen"
    ):
        compare(evaluation(), evaluation(version=2))


def test_columns_that_cannot_be_compared_are_named():
    a = evaluation(fid=10.0)
    b = evaluation(
        fid=Score("fid", None, 0, "lower", "how fid", "no weights."),
        ssim=Score("ssim", 0.5, 40, "higher", "how ssim with other weights"),
    )
    b.protocols[0].scores["mine"]["fid"] = Score("fid", None, 0, "lower", "how fid", "no weights.")
    found = compare(a, b)
    assert [one.column for one in found.differences] == ["l1"]
    assert "fid: not compared, B has no value there" in found.notes
    assert any(
        note.startswith("ssim: not compared, computed in two ways: A “how ssim”")
        for note in found.notes
    )


def test_missing_values_are_noted():
    a, b = evaluation(), evaluation(0.01)
    a.protocols[0].per_image["mine"]["l1"][3] = math.nan
    notes = compare(a, b).notes
    assert "l1: over 39 pairs; the others have no value" in notes


def test_other_data_is_noted_but_not_another_place():
    data = {"name": "people", "image_size": [64, 32], "cache_mib": 1}
    a = replace(evaluation(), subject={"kind": "model", "data": data})
    moved = replace(a, subject={"kind": "model", "data": {**data, "cache_mib": 2, "root": "y"}})
    larger = replace(a, subject={"kind": "model", "data": {**data, "image_size": [128, 64]}})
    assert not any("data sets" in note for note in compare(a, moved).notes)
    assert any("the data sets are not the same" in note for note in compare(a, larger).notes)
    assert not any("data sets" in note for note in compare(a, evaluation()).notes)


def test_json_is_what_is_documented():
    content = to_json(compare(evaluation(), evaluation(0.01)))
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content["pairs"] == {"a": 40, "b": 40, "common": 40}
    ssim, _, fid = content["columns"]
    assert list(ssim) == [
        "protocol",
        "column",
        "direction",
        "a",
        "b",
        "difference",
        "interval",
        "wins",
        "ties",
        "losses",
        "count",
        "verdict",
    ]
    assert (ssim["wins"], ssim["ties"], ssim["losses"], ssim["count"]) == (40, 0, 0, 40)
    assert (fid["interval"], fid["wins"], fid["difference"]) == (None, None, 0.0)


def _seen(one, looks, **subject):
    """Return an evaluation that says what its targets look like."""
    (protocol,) = one.protocols
    protocol = replace(protocol, looks=list(looks))
    return replace(one, protocols=[protocol], subject={**one.subject, **subject})


def _look(level, size="128x64"):
    return f"{size}:{bytes([level] * 16).hex()}"


def test_two_data_sets_with_the_same_names_get_no_verdict():
    """Names alone do not make pairs: sizes and pictures are compared too."""
    small = [_look(100 + n) for n in range(40)]
    a = _seen(evaluation(), small)
    b = _seen(evaluation(0.01), [look.replace("128x64", "256x256") for look in small])
    found = compare(a, b)
    assert {one.verdict for one in found.differences} == {
        "other data: the targets are not the same pictures"
    }
    assert all(one.numbers.share is None for one in found.differences)
    assert any("128x64 and 256x256 pixels" in note and "no verdict" in note for note in found.notes)
    other = _seen(evaluation(0.01), [_look(20) for _ in range(40)])
    assert compare(a, other).differences[0].verdict.startswith("other data")


def test_a_pair_counts_where_its_target_is_the_same_picture():
    """Compression moves a mean by a level or two; ten pairs here are other pictures."""
    a = _seen(evaluation(), [_look(100 + n) for n in range(40)])
    b = _seen(evaluation(0.01), [_look(103 + n if n < 30 else 10) for n in range(40)])
    found = compare(a, b, ["ssim"])
    assert found.differences[0].numbers.count == 30
    assert found.differences[0].verdict == "B better: interval excludes 0"
    assert any("10 of 40 pairs have the same names" in note for note in found.notes)


def test_other_data_gets_no_verdict_where_targets_are_not_known():
    data = {"name": "market1501", "image_size": [128, 64]}
    a = replace(evaluation(), subject={"data": data})
    b = replace(evaluation(0.01), subject={"data": {**data, "image_size": [256, 256]}})
    found = compare(a, b)
    assert found.differences[0].verdict.startswith("other data")
    notes = " ".join(found.notes)
    assert "A has image_size 128 x 64; B has image_size 256 x 256" in notes
    assert "{" not in notes
