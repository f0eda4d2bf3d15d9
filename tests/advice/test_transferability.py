"""Each estimate against its formula, computed by another road, and against what must be so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn.linear_model import BayesianRidge

from medtl_bench.advice import transferability as estimates

SEEDS = st.integers(0, 2**32 - 1)


def normal(rows: int, columns: int, seed: int = 0, mean: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, size=(rows, columns))


@given(SEEDS, st.integers(2, 8), st.integers(2, 8))
@settings(max_examples=30)
def test_mmd_is_the_sum_over_pairs_of_its_formula(seed, n, m):
    source, target = normal(n, 3, seed), normal(m, 3, seed + 1, 1.0)

    def k(a, b):
        return np.exp(-((a - b) ** 2).sum() / (2 * 1.5**2))

    within_source = sum(k(source[i], source[j]) for i in range(n) for j in range(n) if i != j) / (
        n * (n - 1)
    )
    within_target = sum(k(target[i], target[j]) for i in range(m) for j in range(m) if i != j) / (
        m * (m - 1)
    )
    between = sum(k(a, b) for a in source for b in target) / (n * m)
    assert estimates.mmd(source, target, 1.5) == pytest.approx(
        within_source + within_target - 2 * between
    )


def test_mmd_is_near_zero_for_one_distribution_and_grows_with_the_distance():
    base, same = normal(300, 4), normal(300, 4, 1)
    width = estimates.median_distance(base)
    found = [estimates.mmd(base, same + shift, width) for shift in (0.0, 0.5, 1.0, 2.0)]
    assert abs(found[0]) < 0.01
    assert found == sorted(found)


def test_mmd_of_rows_that_are_all_equal_is_defined():
    ones = np.ones((3, 2))
    assert estimates.mmd(ones, ones, estimates.median_distance(ones)) == 0


def test_the_median_distance_is_that_of_all_pairs():
    assert estimates.median_distance(np.array([[0.0], [1.0], [3.0]])) == 2


def test_a_proxy_a_distance_is_zero_for_one_distribution_and_two_for_sides_that_a_line_parts():
    assert estimates.proxy_a_distance(normal(400, 3), normal(400, 3, 1)) < 0.25
    assert estimates.proxy_a_distance(normal(100, 3), normal(60, 3, 1, 20.0)) == 2


def test_a_proxy_a_distance_follows_from_the_error_that_two_normals_must_have():
    source, target = normal(3000, 1), normal(3000, 1, 1, 1.0)
    # of the best threshold between N(0, 1) and N(1, 1): the normal distribution at -1/2
    error = 0.308538
    assert estimates.proxy_a_distance(source, target) == pytest.approx(
        2 * (1 - 2 * error), abs=0.06
    )


def test_sides_of_unequal_size_weigh_the_same():
    few, many = normal(40, 2, 1, 0.0), normal(1000, 2, 2)
    # a classifier that always says "source" would be right in 96%
    assert estimates.proxy_a_distance(many, few) < 0.4


def test_the_same_arrays_give_the_same_distance():
    source, target = normal(50, 3), normal(30, 3, 1, 0.3)
    assert estimates.proxy_a_distance(source, target) == estimates.proxy_a_distance(source, target)


@pytest.mark.parametrize(("n", "d"), [(40, 5), (12, 20)])
def test_log_me_is_the_greatest_evidence_that_a_search_finds(n, d):
    features = normal(n, d)
    y = features[:, 0] * 0.7 + normal(n, 1, 3)[:, 0]

    def minus_evidence(logs):
        alpha, beta = np.exp(logs)
        covariance = features @ features.T / alpha + np.eye(n) / beta
        return -multivariate_normal.logpdf(y, np.zeros(n), covariance)

    best = minimize(
        minus_evidence,
        np.zeros(2),
        method="Nelder-Mead",
        options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 5000},
    )
    assert estimates.log_me(features, y) == pytest.approx(-best.fun / n, abs=1e-5)


def test_log_me_is_the_evidence_of_scikit_learns_bayesian_ridge():
    features = normal(60, 4)
    y = features @ np.array([1.0, -1, 0, 0.5]) + normal(60, 1, 5)[:, 0]
    # no priors over the precisions
    flat = {"alpha_1": 0.0, "alpha_2": 0.0, "lambda_1": 0.0, "lambda_2": 0.0}
    model = BayesianRidge(
        compute_score=True, fit_intercept=False, tol=1e-10, max_iter=1000, **flat
    ).fit(features, y)
    assert estimates.log_me(features, y) == pytest.approx(model.scores_[-1] / 60, abs=1e-6)


def test_log_me_is_higher_for_features_that_tell_the_labels():
    y = np.arange(90) % 3
    told = np.eye(3)[y] + 0.3 * normal(90, 3)
    assert (
        estimates.log_me_of_classes(told, y) > estimates.log_me_of_classes(normal(90, 3), y) + 0.2
    )


def test_log_me_of_classes_is_the_mean_over_them():
    features, y = normal(30, 4), np.arange(30) % 3 + 2
    one_by_one = [estimates.log_me(features, (y == c) * 1.0) for c in (2, 3, 4)]
    assert estimates.log_me_of_classes(features, y) == pytest.approx(np.mean(one_by_one))


def test_log_me_is_undefined_where_the_labels_do_not_vary():
    assert np.isnan(estimates.log_me(normal(9, 2), np.ones(9)))
    assert np.isnan(estimates.log_me_of_classes(normal(9, 2), np.ones(9, int)))


@pytest.mark.parametrize("features", [np.zeros((8, 3)), np.eye(8), np.arange(8.0)[:, None] % 2])
def test_log_me_is_a_number_for_features_that_say_nothing_or_everything(features):
    assert np.isfinite(estimates.log_me(features, np.arange(8) % 2 * 1.0))
