import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import friedmanchisquare, kendalltau, t, ttest_rel

from medtl_bench.arrays import Floats
from medtl_bench.board import statistics

NAN = float("nan")


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_interval_is_that_of_scipy() -> None:
    values = np.array([0.71, 0.74, 0.69, 0.75])
    mean, half, n = statistics.mean_interval(values)
    low, high = t.interval(0.95, 3, values.mean(), values.std(ddof=1) / 2)
    assert (mean - half, mean + half, n) == pytest.approx((low, high, 4))


def test_interval_of_two_numbers_by_hand() -> None:
    mean, half, n = statistics.mean_interval(np.array([0.0, 2.0]))
    assert (mean, n) == (1.0, 2)
    assert half == pytest.approx(12.7062, abs=1e-4)


@pytest.mark.parametrize(
    ("values", "mean", "half", "n"),
    [
        ([0.5], 0.5, NAN, 1),
        ([0.5, NAN], 0.5, NAN, 1),
        ([], NAN, NAN, 0),
        ([NAN, NAN], NAN, NAN, 0),
        ([0.5] * 3, 0.5, 0.0, 3),
    ],
)
def test_interval_of_degenerate_numbers(
    values: list[float], mean: float, half: float, n: int
) -> None:
    found = statistics.mean_interval(np.array(values, dtype=float))
    np.testing.assert_allclose(found.mean, mean)
    np.testing.assert_allclose(found.half, half, atol=1e-12)
    assert found.n == n


@given(arrays(float, (3, 4, 5), elements=st.one_of(st.floats(-10, 10), st.just(NAN))))
def test_interval_works_along_the_last_axis(values: Floats) -> None:
    whole = statistics.mean_interval(values)
    for place in np.ndindex(3, 4):
        one = statistics.mean_interval(values[place])
        np.testing.assert_allclose(whole.mean[place], one.mean)
        np.testing.assert_allclose(whole.half[place], one.half)
        assert whole.n[place] == one.n


def test_mark_is_a_paired_test() -> None:
    best = [0.90, 0.80, 0.70]
    values = np.array([best, [0.89, 0.79, 0.69], [0.95, 0.70, 0.72], [0.2, 0.2, 0.2]])
    best_marks, tied = statistics.mark(values)
    assert best_marks.tolist() == [True, False, False, False]
    assert tied.tolist() == [False, False, True, False], (
        "a steady loss of 0.01 is a loss, a noisy one is not"
    )


@given(arrays(float, (2, 6), elements=st.floats(0, 1).map(lambda v: round(v, 3))))
def test_mark_agrees_with_the_paired_t_test_of_scipy(values: Floats) -> None:
    difference = values[0] - values[1]
    if np.ptp(difference) < 1e-6 or abs(difference.mean()) < 1e-6:
        return
    p = ttest_rel(values[0], values[1]).pvalue
    if abs(p - 0.05) > 1e-6:
        assert statistics.mark(values).tied.any() == (p > 0.05)


def test_mark_where_lower_is_better() -> None:
    marks = statistics.mark(np.array([[0.3, 0.31], [0.1, 0.11]]), higher_is_better=False)
    assert marks.best.tolist() == [False, True]
    assert not marks.tied.any()


@pytest.mark.parametrize(
    ("values", "best", "tied"),
    [
        ([[0.5], [0.4]], [True, False], [False, True]),
        ([[0.5, 0.5], [0.5, 0.5]], [True, True], [False, False]),
        ([[0.5, 0.5], [0.4, 0.4]], [True, False], [False, False]),
        ([[NAN, NAN], [0.4, 0.4]], [False, True], [False, False]),
        ([[NAN], [NAN]], [False, False], [False, False]),
        ([[0.6, 0.2]], [True], [False]),
        ([[0.9, NAN], [NAN, 0.1]], [True, False], [False, True]),
    ],
    ids=[
        "one seed",
        "identical",
        "constant gap",
        "a row of NaN",
        "all NaN",
        "one row",
        "no seed in common",
    ],
)
def test_mark_of_degenerate_numbers(
    values: list[list[float]], best: list[bool], tied: list[bool]
) -> None:
    marks = statistics.mark(np.array(values))
    assert (marks.best.tolist(), marks.tied.tolist()) == (best, tied)


def test_mark_of_no_rows() -> None:
    assert statistics.mark(np.empty((0, 3))).best.shape == (0,)


def test_equal_but_for_rounding_is_equal() -> None:
    marks = statistics.mark(np.array([[0.1 + 0.2, 0.3], [0.3, 0.1 + 0.2]]))
    assert marks.best.all()


def test_ranks_share_ties_and_follow_the_direction() -> None:
    scores = np.array([[0.9, 1.0], [0.9, 2.0], [0.1, 3.0], [NAN, 4.0]])
    ranks = statistics.ranks(scores, np.array([True, False]))
    np.testing.assert_array_equal(ranks, [[1.5, 1], [1.5, 2], [3, 3], [NAN, 4]])


def test_friedman_needs_five_datasets_and_three_methods() -> None:
    random = np.random.default_rng(0)
    scores = random.random((4, 6))
    assert statistics.friedman(scores, np.ones(6, bool)) == pytest.approx(
        friedmanchisquare(*scores).pvalue
    )
    assert statistics.friedman(scores[:, :4], np.ones(4, bool)) is None
    assert statistics.friedman(scores[:2], np.ones(6, bool)) is None
    assert statistics.friedman(np.ones((4, 6)), np.ones(6, bool)) == 1.0


@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_kendalls_tau_is_that_of_scipy(seed: int, n: int) -> None:
    a, b = np.random.default_rng(seed).integers(5, size=(2, n)).astype(float)
    expected = kendalltau(a, b).statistic if np.ptp(a) and np.ptp(b) else np.nan
    assert statistics.kendall(a, b) == pytest.approx(expected, nan_ok=True)


def test_the_interval_of_kendalls_tau_holds_it_and_narrows_with_more_pairs() -> None:
    widths = []
    for n in (6, 60):
        draw = np.random.default_rng(n)
        a = draw.normal(size=n)
        b = a + draw.normal(size=n)
        low, high = statistics.kendall_interval(a, b)
        assert -1 <= low <= statistics.kendall(a, b) <= high <= 1
        assert statistics.kendall_interval(a, b) == (low, high)
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


@pytest.mark.parametrize("b", [[1.0, 2, 3], [1.0, 1, 1, 1, 1]])
def test_too_few_pairs_or_constant_values_have_no_interval(b: list[float]) -> None:
    assert np.isnan(statistics.kendall_interval(np.arange(len(b), dtype=float), np.array(b))).all()
