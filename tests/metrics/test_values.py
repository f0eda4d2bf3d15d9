"""Metrics of values against scikit-learn or a count by hand, on random answers with ties."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sk

from medtl_bench.metrics import values

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.integers(2, 15))
def test_concordance_counts_pairs_of_unlike_truth_and_half_of_ties(seed, n):
    draw = np.random.default_rng(seed)
    value, y = draw.integers(4, size=n).astype(float), draw.integers(4, size=n).astype(float)
    pairs = [
        0.5 if value[i] == value[j] else float((value[i] > value[j]) == (y[i] > y[j]))
        for i, j in combinations(range(n), 2)
        if y[i] != y[j]
    ]
    assume(pairs)
    assert values.concordance(value, y) == pytest.approx(np.mean(pairs))


def test_concordance_is_undefined_where_all_truths_are_equal_and_a_half_where_all_answers_are():
    assert np.isnan(values.concordance(np.arange(4.0), np.ones(4)))
    assert np.isnan(values.concordance(np.ones(1), np.ones(1)))
    assert values.concordance(np.ones(4), np.arange(4.0)) == 0.5


def test_concordance_of_many_rows_takes_no_room_for_all_pairs():
    y = np.random.default_rng(0).normal(size=200_000).astype(np.float32)
    assert values.concordance(y, y) == pytest.approx(1)
    assert values.concordance(-y, y) == pytest.approx(0)


@given(SEEDS)
def test_pr_auc_at_7_is_the_average_precision_of_the_strong_binders(seed):
    draw = np.random.default_rng(seed)
    value, y = (
        draw.integers(12, size=40) / 2,
        (draw.integers(8, 18, size=40) / 2).astype(np.float32),
    )
    assume((y >= 7).any())
    assert values.pr_auc_at_7(value, y) == pytest.approx(sk.average_precision_score(y >= 7, value))


def test_pr_auc_at_7_is_undefined_without_strong_binders():
    assert np.isnan(values.pr_auc_at_7(np.arange(4.0), np.full(4, 6.99)))


@given(SEEDS)
def test_rmse_is_that_of_scikit_learn(seed):
    value, y = np.random.default_rng(seed).normal(size=(2, 20))
    assert values.rmse(value, y) == pytest.approx(sk.root_mean_squared_error(y, value))
