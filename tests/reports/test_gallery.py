from __future__ import annotations

import base64
import io
import math

import numpy as np
import pytest
from PIL import Image

from posegen.reports.choosing import choose
from posegen.reports.embedding import embed


def places(chosen, reason):
    return [choice.place for choice in chosen if choice.reason == reason]


def test_the_worst_the_best_and_some_at_random():
    values = [0.1 * (place * 7 % 20) for place in range(20)]
    chosen = choose(values, "higher", 9)
    assert places(chosen, "worst") == sorted(range(20), key=lambda p: values[p])[:3]
    assert places(chosen, "best") == sorted(range(20), key=lambda p: -values[p])[:3]
    assert len(places(chosen, "random")) == 3
    assert len({choice.place for choice in chosen}) == 9
    assert [choice.reason for choice in chosen] == ["worst"] * 3 + ["best"] * 3 + ["random"] * 3
    lower = choose(values, "lower", 9)
    assert places(lower, "worst") == places(chosen, "best")


def test_the_random_ones_are_seeded():
    values = list(np.linspace(0, 1, 100))
    assert choose(values, "higher", 30, seed=1) == choose(values, "higher", 30, seed=1)
    assert choose(values, "higher", 30, seed=1) != choose(values, "higher", 30, seed=2)


@pytest.mark.parametrize(("pairs", "count", "expected"), [(3, 9, 3), (1, 24, 1), (0, 9, 0)])
def test_fewer_pairs_than_wanted_are_shown_once(pairs, count, expected):
    chosen = choose([0.5] * pairs, "higher", count)
    assert sorted(choice.place for choice in chosen) == list(range(expected))


def test_the_worst_get_what_is_left_over():
    chosen = choose([float(place) for place in range(50)], "higher", 5)
    assert [len(places(chosen, reason)) for reason in ("worst", "best", "random")] == [3, 1, 1]
    assert [choice.reason for choice in choose([1.0, 2.0], "higher", 1)] == ["worst"]


def test_pairs_without_a_value_are_neither_best_nor_worst():
    values = [math.nan, 0.2, math.nan, 0.1]
    chosen = choose(values, "higher", 9)
    assert places(chosen, "worst") == [3, 1]
    assert sorted(places(chosen, "random")) == [0, 2]


def pictures(count, size=(64, 128)):
    random = np.random.default_rng(0)
    made = random.integers(0, 256, (count, size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    return {str(n): Image.fromarray(one).resize(size) for n, one in enumerate(made)}


def decoded(address):
    head, _, text = address.partition(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(text)))


def test_pictures_are_exact_where_there_is_room():
    some = pictures(3)
    addresses, exact = embed(some, 1_000_000)
    assert exact
    for name, picture in some.items():
        assert np.array_equal(np.array(decoded(addresses[name])), np.array(picture))


def test_pictures_stay_within_the_budget():
    some = pictures(20)
    whole = sum(map(len, embed(some, 10**9)[0].values()))
    addresses, exact = embed(some, whole // 4)
    assert not exact
    assert sum(map(len, addresses.values())) <= whole // 4
    assert decoded(addresses["0"]).size == (64, 128)
    smaller, _ = embed(some, whole // 20)
    assert sum(map(len, smaller.values())) <= whole // 20
    assert decoded(smaller["0"]).size < (64, 128)
