"""The two one-sided tests against scipy's t-tests, and how often they are right."""

import numpy as np
import pytest
from scipy.stats import t, ttest_1samp

from medtl_bench.board.equivalence import tost

MARGIN = 0.02


@pytest.mark.parametrize("n", [2, 3, 10, 50])
@pytest.mark.parametrize("shift", [-0.05, -0.01, 0.0, 0.015, 0.1])
def test_agrees_with_two_one_sided_t_tests_of_scipy(n: int, shift: float) -> None:
    d = np.random.default_rng(n).normal(shift, 0.02, n)
    above = ttest_1samp(d, -MARGIN, alternative="greater").pvalue
    below = ttest_1samp(d, MARGIN, alternative="less").pvalue
    low, high = t.interval(0.9, n - 1, d.mean(), d.std(ddof=1) / np.sqrt(n))
    found = tost(d, MARGIN)
    assert found.n == n
    assert (found.mean, found.low, found.high, found.p) == pytest.approx(
        (d.mean(), low, high, max(above, below)), rel=1e-9
    )
    assert (found.verdict == "equivalent") == (found.p < 0.05)


def test_the_verdict_tells_where_the_interval_lies() -> None:
    narrow = np.array([-0.001, 0.0, 0.001] * 3)
    assert tost(narrow, MARGIN).verdict == "equivalent"
    # a difference, but too small to matter
    assert tost(narrow + 0.01, MARGIN).verdict == "equivalent"
    assert tost(narrow + MARGIN, MARGIN).verdict == "undecided"
    assert tost(narrow + 0.05, MARGIN).verdict == tost(narrow - 0.05, MARGIN).verdict == "different"
    assert tost(narrow * 100, MARGIN).verdict == "undecided"


def test_swapping_the_two_methods_turns_the_interval_round() -> None:
    d = np.random.default_rng(1).normal(0.01, 0.02, 8)
    one, other = tost(d, MARGIN), tost(-d, MARGIN)
    assert (other.mean, other.low, other.high) == pytest.approx((-one.mean, -one.high, -one.low))
    assert (other.p, other.verdict) == (pytest.approx(one.p), one.verdict)


def test_methods_that_differ_by_the_margin_are_called_equivalent_in_one_case_of_twenty() -> None:
    source = np.random.default_rng(2)
    found = [tost(source.normal(MARGIN, 0.005, 10), MARGIN).verdict for _ in range(4000)]
    share = found.count("equivalent") / len(found)
    assert abs(share - 0.05) < 4 * np.sqrt(0.05 * 0.95 / len(found))


@pytest.mark.parametrize(
    ("value", "verdict", "p"),
    [(0.0, "equivalent", 0), (0.02, "undecided", 1), (0.03, "different", 1)],
)
def test_equal_differences_are_decided_by_the_margin_alone(
    value: float, verdict: str, p: float
) -> None:
    found = tost(np.full(4, value), MARGIN)
    assert (found.mean, found.p, found.verdict) == (pytest.approx(value), p, verdict)


@pytest.mark.parametrize("values", [[], [0.001], [0.001, np.nan], [np.nan, np.nan]])
def test_fewer_than_two_differences_leave_it_open(values: list[float]) -> None:
    found = tost(np.array(values), MARGIN)
    there = [value for value in values if not np.isnan(value)]
    assert found.n == len(there)
    assert found.verdict == "undecided"
    assert np.isnan(found.p)
    assert found.mean == pytest.approx(0.001) if there else np.isnan(found.mean)


def test_a_missing_pair_is_left_out() -> None:
    d = np.array([0.001, np.nan, -0.002, 0.003])
    assert tost(d, MARGIN) == tost(d[[0, 2, 3]], MARGIN)


@pytest.mark.parametrize("margin", [0.0, -0.1, np.nan, np.inf])
def test_a_margin_must_be_a_positive_number(margin: float) -> None:
    with pytest.raises(ValueError, match="must be a positive number, but got"):
        tost(np.zeros(3), margin)
