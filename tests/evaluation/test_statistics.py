from __future__ import annotations

import math

import numpy as np
import pytest

from posegen.evaluation.statistics import crossed, interval, paired


def test_the_interval_is_that_of_a_mean():
    values = np.random.default_rng(1).normal(3.0, 2.0, 2000)
    low, high = interval(values)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert (high + low) / 2 == pytest.approx(values.mean(), abs=0.1 * half)
    assert (high - low) / 2 == pytest.approx(half, rel=0.08)


def test_it_holds_the_true_mean_about_as_often_as_it_says():
    random = np.random.default_rng(2)
    held = 0
    for seed in range(150):
        low, high = interval(random.exponential(1.0, 80), resamples=400, seed=seed)
        held += low <= 1.0 <= high
    assert 0.87 <= held / 150 <= 0.99


def test_a_higher_level_is_wider():
    values = np.random.default_rng(3).normal(size=100)
    low, high = interval(values, level=0.99)
    inner_low, inner_high = interval(values, level=0.8)
    assert low < inner_low < inner_high < high


def test_the_same_values_give_the_same_interval():
    values = [0.1, 0.5, 0.9, 0.4]
    state = np.random.get_state()[1].copy()
    assert interval(values) == interval(values) == interval(np.array(values))
    many = np.random.default_rng(5).normal(size=50)
    assert interval(many, seed=1) != interval(many, seed=2)
    assert np.array_equal(np.random.get_state()[1], state)


def test_images_without_a_value_are_left_out():
    assert interval([1.0, math.nan, 2.0, 4.0]) == interval([1.0, 2.0, 4.0])


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan], [math.nan] * 3, [1.0, math.inf]])
def test_too_few_or_infinite_values_have_no_interval(values):
    assert interval(values) is None


def test_equal_values_have_an_interval_of_no_width():
    assert interval([2.5] * 10) == (2.5, 2.5)


def test_paired_counts_by_direction():
    a, b = [1.0, 2.0, 3.0, math.nan, 5.0], [2.0, 2.0, 2.0, 1.0, 9.0]
    higher, lower = paired(a, b, "higher"), paired(a, b, "lower")
    assert (higher.wins, higher.ties, higher.losses, higher.count) == (2, 1, 1, 4)
    assert (lower.wins, lower.ties, lower.losses, lower.count) == (1, 1, 2, 4)
    assert higher.a == pytest.approx(11 / 4)
    assert higher.b == pytest.approx(15 / 4)
    assert higher.difference == lower.difference == pytest.approx(1.0)
    assert higher.interval == lower.interval == interval([1.0, 0.0, -1.0, 4.0])


def test_the_last_bits_of_a_float_are_a_tie():
    a = [0.1 + 0.2, 0.5, 0.0]
    found = paired(a, [0.3, 0.5, 1e-17], "higher")
    assert (found.wins, found.ties, found.losses) == (0, 3, 0)


def test_pairs_tell_more_than_two_intervals():
    random = np.random.default_rng(4)
    hard = random.normal(0.5, 0.2, 300)  # what makes a pair hard is hard for both
    a, b = hard + random.normal(0, 0.01, 300), hard + 0.01 + random.normal(0, 0.01, 300)
    low, high = paired(a, b, "higher").interval
    assert 0 < low < 0.01 < high
    assert interval(a)[1] > interval(b)[0]  # side by side they overlap


def test_what_cannot_be_paired():
    assert paired([math.nan, 1.0], [1.0, math.inf], "higher") is None
    assert paired([1.0], [2.0], "higher").interval is None


def drawn(random, seeds, pairs, of_seeds, of_pairs, of_both):
    """Differences around 0: trainings, pairs, and what is of both."""
    return (
        random.normal(0, of_seeds, (seeds, 1))
        + random.normal(0, of_pairs, (1, pairs))
        + random.normal(0, of_both, (seeds, pairs))
    )


@pytest.mark.parametrize("parts", [(1, 0, 1), (0.1, 1, 1), (0, 1, 0.5), (0.3, 0.3, 2)])
def test_intervals_over_three_trainings_hold_the_truth_about_as_often_as_they_say(parts):
    random = np.random.default_rng(5)
    held = 0
    for _ in range(600):
        low, high = crossed(drawn(random, 3, 40, *parts))
        held += low <= 0 <= high
    assert held / 600 >= 0.93  # more is possible: where trainings do not differ, it is careful


def test_a_bootstrap_over_three_trainings_would_not():
    # The reason for the formula: every drawing of three trainings of three, as a bootstrap has it.
    random = np.random.default_rng(5)
    held = 0
    for _ in range(600):
        means = drawn(random, 3, 40, 1, 0, 1).mean(axis=1)
        low, high = interval(means, resamples=200)
        held += low <= 0 <= high
    assert held / 600 < 0.85


def test_one_column_gives_students_interval():
    from scipy.stats import ttest_1samp

    values = np.array([[0.2], [0.5], [0.35]])
    expected = ttest_1samp(values[:, 0], 0).confidence_interval()
    assert crossed(values) == pytest.approx((expected.low, expected.high))


def test_one_training_gives_the_interval_over_pairs():
    values = np.random.default_rng(6).normal(size=(1, 50))
    assert crossed(values) == interval(values[0])
    assert crossed([[0.5]]) is None


def test_what_never_differs_has_no_width():
    assert crossed(np.zeros((3, 10))) == (0.0, 0.0)
