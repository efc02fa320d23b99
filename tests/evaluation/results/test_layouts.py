from __future__ import annotations

import pytest

from posegen.core import ConfigError
from posegen.evaluation.results.layouts import LAYOUTS, find_layout


@pytest.mark.parametrize(
    ("layout", "stem", "names"),
    [
        # What the published writers call a pair of published names.
        (
            "patn-panels",
            "0079_c6s1_013701_00.jpg___0079_c2s1_011426_01.jpg_vis",
            ("0079_c6s1_013701_00.jpg", "0079_c2s1_011426_01.jpg"),
        ),
        (
            "gfla",
            "fashionMENDenimid0000008001_1front_2_fashionMENDenimid0000008001_2side_vis",
            ("fashionMENDenimid0000008001_1front", "fashionMENDenimid0000008001_2side"),
        ),
        (
            "gfla",
            "0079_c6s1_013701_00_2_0079_c2s1_011426_01_vis",
            ("0079_c6s1_013701_00", "0079_c2s1_011426_01"),
        ),
        ("pidm", "a_1front_2_b_2side_vis", ("a_1front", "b_2side")),
        (
            "pose-gan-panels",
            "0079_c6s1_013701_00.jpg_0079_c2s1_011426_01.jpg",
            ("0079_c6s1_013701_00.jpg", "0079_c2s1_011426_01.jpg"),
        ),
        ("pairs", "a_b___c_d", ("a_b", "c_d")),
        ("pairs", "a.jpg___b.jpg_vis", ("a.jpg", "b.jpg")),
        ("parallel", "17", ("", "17")),
    ],
)
def test_names(layout: str, stem: str, names: tuple[str, str]) -> None:
    assert find_layout(layout).readings(stem) == [names]


@pytest.mark.parametrize(
    ("layout", "stem"),
    [
        ("patn-panels", "a___b"),
        ("patn-panels", "a__b_vis"),
        ("gfla", "a_2_b"),
        ("pairs", "a__b"),
        ("pose-gan-panels", "a_b"),
    ],
)
def test_other_names(layout: str, stem: str) -> None:
    assert find_layout(layout).readings(stem) == []


def test_examples_fit_their_layouts() -> None:
    from posegen.evaluation.results.files import stem

    for layout in LAYOUTS.values():
        [(source, target)] = layout.readings(stem(layout.example))
        assert stem(target) == "B"
        assert stem(source) == ("A" if layout.names_source else "")


def test_own_expression() -> None:
    layout = find_layout(r"(?P<target>\d+)-from-(?P<source>\d+)")
    assert layout.readings("12-from-3") == [("3", "12")]
    assert layout.readings("12-from-x") == []
    assert find_layout(r"fake_(?P<target>\d+)").readings("fake_7") == [("", "7")]
    assert find_layout(r"fake_(?P<target>\d*)").readings("fake_") == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("patn-panel", r"no such layout; did you mean 'patn-panels'"),
        (r"(?P<target>\d+", r"not a regular expression"),
        (r"(?P<source>\d+)", r"has no group \(\?P<target>…\)"),
        (r"(\d+)", r"has no group \(\?P<target>…\)"),
    ],
)
def test_unusable_layouts(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        find_layout(text)
