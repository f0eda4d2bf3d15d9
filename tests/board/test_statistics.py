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


def crossed_scores(
    draw: np.random.Generator, methods: int, *, seeds: int = 5, units: int = 40, resamples: int = 60
) -> tuple[Floats, Floats]:
    """Return scores [methods, seeds] of true mean 0 and the same [..., resamples] of their units.

    A unit is as hard for every method, and a bit more or less for each and for each seed.
    """
    hard = draw.normal(size=units) + draw.normal(0, 0.7, (methods, 1, units))
    of_seed = draw.normal(0, 0.15, (methods, seeds, 1))
    scores = hard + of_seed + draw.normal(0, 0.7, (methods, seeds, units))
    counts = draw.multinomial(units - 1, np.full(units, 1 / units), resamples) / (units - 1)
    return scores.mean(-1), scores @ counts.T


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("units", [10, 40])
def test_crossed_intervals_hold_the_truth(seed: int, units: int) -> None:
    draw, repeats = np.random.default_rng(seed), 400
    inside, alone = 0, 0
    for _ in range(repeats):
        values, resampled = crossed_scores(draw, 1, units=units)
        found = statistics.crossed(values, resampled, units - 1)
        inside += abs(found.mean[0]) <= found.half[0]
        alone += abs(found.mean[0]) <= statistics.mean_interval(values).half[0]
    assert 0.93 <= inside / repeats <= 0.995
    assert alone / repeats < 0.9, "seeds alone say too little"


@pytest.mark.parametrize("seed", range(3))
def test_the_truly_best_is_rarely_marked_worse(seed: int) -> None:
    draw, repeats = np.random.default_rng(seed), 200
    excluded = 0
    for _ in range(repeats):
        values, resampled = crossed_scores(draw, 10)
        marks = statistics.mark(values, resampled=resampled, freedom=39)
        excluded += not (marks.best | marks.tied)[0]
    assert excluded / repeats < 0.06


def test_without_resamples_an_interval_is_over_seeds_alone() -> None:
    values = np.array([[0.71, 0.74, 0.69, 0.75], [0.5, 0.5, 0.5, NAN]])
    found, plain = statistics.crossed(values), statistics.mean_interval(values)
    np.testing.assert_allclose(found.half, plain.half)
    np.testing.assert_allclose(found.seeds, plain.half)
    assert np.isnan(found.units).all()


def test_a_method_without_chance_has_an_interval_of_its_units() -> None:
    resampled = np.tile(np.linspace(0.6, 0.8, 100), (3, 1))
    found = statistics.crossed(np.full(3, 0.7), resampled, 11)
    freedom = 1 / (1 / 99 + 1 / 11)
    assert found.seeds == pytest.approx(0, abs=1e-12)
    assert found.half == pytest.approx(t.ppf(0.975, freedom) * resampled[0].std(ddof=1))
    assert found.units == pytest.approx(float(found.half))


def test_the_variances_of_seeds_and_units_add() -> None:
    values, noise = np.array([0.6, 0.7, 0.8]), np.random.default_rng(0).normal(0, 0.05, 100)
    found = statistics.crossed(values, 0.7 + np.tile(noise, (3, 1)))
    of_seeds, of_units = values.var(ddof=1) / 3, noise.var(ddof=1)
    assert found.error == pytest.approx(np.sqrt(of_seeds + of_units))
    freedom = (of_seeds + of_units) ** 2 / (of_seeds**2 / 2 + of_units**2 / 99)
    assert found.freedom == pytest.approx(freedom)


def test_resamples_that_a_seed_lacks_do_not_count() -> None:
    resampled = np.random.default_rng(0).normal(0, 1, (2, 100))
    some = resampled.copy()
    some[0, 60:] = NAN
    found = statistics.crossed(np.zeros(2), some)
    assert found.error == pytest.approx(resampled[:, :60].mean(0).std(ddof=1))
    some[0, 10:] = NAN
    assert np.isnan(statistics.crossed(np.zeros(2), some).units)
    some[0] = NAN
    assert statistics.crossed(np.zeros(2), some).error == pytest.approx(resampled[1].std(ddof=1))


@given(arrays(float, st.integers(1, 20), elements=st.floats(0, 1)))
def test_holm_is_what_it_is_by_hand(p: Floats) -> None:
    order = np.argsort(p, kind="stable")
    stepped = (len(p) - np.arange(len(p))) * p[order]
    expected = [min(1.0, stepped[: place + 1].max()) for place in range(len(p))]
    np.testing.assert_allclose(statistics.holm(p)[order], expected)


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_identical_methods_are_tied_everywhere(seed: int, others: int) -> None:
    draw = np.random.default_rng(seed)
    values, resampled = crossed_scores(draw, others)
    twice = statistics.mark(
        np.concatenate([values, values]),
        resampled=np.concatenate([resampled, resampled]),
        freedom=39,
    )
    told = twice.best | twice.tied
    np.testing.assert_array_equal(told[:others], told[others:])
    np.testing.assert_array_equal(twice.best[:others], twice.best[others:])


@given(st.integers(0, 2**32 - 1), st.floats(0.001, 1))
def test_noise_that_adds_nothing_is_never_best_alone(seed: int, size: float) -> None:
    draw = np.random.default_rng(seed)
    values, resampled = crossed_scores(draw, 1)
    noise = draw.normal(0, size, values.shape)
    noise -= noise.mean()
    both = np.concatenate([values, values + noise])
    noisy = np.concatenate([resampled, resampled + noise[..., None]])
    marks = statistics.mark(both, resampled=noisy, freedom=39)
    assert (marks.best | marks.tied)[0]


@pytest.mark.parametrize("seed", range(3))
def test_a_method_that_adds_noise_is_seldom_told_apart_as_better(seed: int) -> None:
    draw, repeats, better = np.random.default_rng(seed), 300, 0
    for _ in range(repeats):
        values, resampled = crossed_scores(draw, 1)
        noise = draw.normal(0, 0.2, values.shape)
        both = np.concatenate([values, values + noise])
        noisy = np.concatenate([resampled, resampled + noise[..., None]])
        marks = statistics.mark(both, resampled=noisy, freedom=39)
        better += not (marks.best | marks.tied)[0]
    assert better / repeats < 0.05
