from __future__ import annotations

import pytest

from posegen.evaluation.protocols.loading import load
from posegen.evaluation.result import Evaluation
from posegen.reports.published import published, tables_for

MARKET, FASHION = "0003_c1s6_015971_00.jpg", "fashionMENShirts_Polosid0000180202_4full.jpg"


@pytest.mark.parametrize("table", published(), ids=lambda table: table.title)
def test_tables_are_of_protocols_and_columns_that_exist(table):
    for name in table.protocols:
        protocol, _, variant = name.partition(":")
        variants = {entry.name: entry for entry in load(protocol).variants}
        columns = {column.name for column in variants[variant].columns}
        assert set(table.columns()) <= columns, name
    assert table.notes
    assert table.size in ((128, 64), (256, 176), (512, 352))
    assert table.pairs in (12_000, 8_570)


@pytest.mark.parametrize("table", published(), ids=lambda table: table.title)
def test_every_row_has_scores_and_a_source(table):
    methods = [(row.method, row.source) for row in table.rows]
    assert len(set(methods)) == len(methods)
    for row in table.rows:
        assert row.source
        assert row.scores
        for column, score in row.scores.items():
            limit = 30 if column in ("fid", "psnr") else 5 if column in ("is", "mask-is") else 1
            assert 0 < float(score) <= limit, (row.method, column)


def test_known_numbers():
    by_title = {
        table.title: {row.method: row.scores for row in table.rows} for table in published()
    }
    market = by_title["Market-1501, 128×64, the PATN paper's protocol"]
    assert market["PATN"]["ssim"] == "0.311"
    assert market["PATN, released weights"]["ssim"] == "0.2815"
    assert "ds" not in market["PATN"]
    fashion = by_title["DeepFashion, 256×176, GFLA's script and its copies"]
    assert fashion["PATN"] == {"ssim-256": "0.671", "lpips": "0.256", "fid": "20.751"}
    assert fashion["Def-GAN"]["lpips"] == "0.2330"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (MARKET, "Market-1501"),
        (MARKET.removesuffix(".jpg"), "Market-1501"),
        ("-1_c1s6_015971_00.jpg", None),
        (FASHION, "DeepFashion"),
        ("fashion/WOMEN/Dresses/id_00000002/02_1_front.jpg", "DeepFashion"),
        ("p1000003_02.png", None),
    ],
)
def test_data_sets_are_known_by_the_names_of_their_images(name, data):
    evaluation = Evaluation({}, [("", name), ("", name)], [], 1.0)
    assert {table.data for table in published() if table.is_about(evaluation)} == {data} - {None}
    mixed = Evaluation({}, [("", name), ("", "p1000003_02.png")], [], 1.0)
    assert not any(table.is_about(mixed) for table in published())
    assert not any(table.is_about(Evaluation({}, [], [], 1.0)) for table in published())


def test_a_changed_protocol_has_no_published_scores(protocol):
    def found(name, variant):
        return [
            table.data for table in tables_for(protocol({"a": 0.5}, [("s", "t")], name, variant))
        ]

    assert found("patn-2019", "market1501") == ["Market-1501"]
    assert found("patn-2019", "market1501, changed: ssim.taps=13") == []
    assert found("posegen-1", "as-is") == []
