"""Weighted metrics are those of rows repeated so often, for every metric that has both."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtl_bench.metrics import weighted
from medtl_bench.metrics.registry import METRICS
from tests.answers import answers

FAST = [name for name, entry in METRICS.items() if entry.resampled]
SEEDS = st.integers(0, 2**32 - 1)


def rows_of(name: str, draw: np.random.Generator, n: int):
    """Return answers with ties and labels that a metric takes."""
    entry = METRICS[name]
    if "regression" in entry.kinds:
        return draw.integers(5, size=n) / 5, draw.integers(5, size=n) / 5
    shape = (n, 3, 4, 4) if "segmentation" in entry.kinds else (n, 2 if entry.binary else 3)
    probability = draw.integers(1, 6, shape).astype(float)
    y = draw.integers(shape[1], size=(n, *shape[2:]))
    return probability / probability.sum(1, keepdims=True), y


def test_all_that_rank_a_dataset_here_are_fast():
    ranking = {"balanced_accuracy", "accuracy", "roc_auc", "bedroc20", "dice", "rmse"}
    assert ranking | {"concordance", "pr_auc_gain", "average_precision", "ef1"} == set(FAST)


@pytest.mark.parametrize("name", FAST)
@given(seed=SEEDS, n=st.integers(1, 40))
def test_whole_weights_are_repeated_rows(name, seed, n):
    draw = np.random.default_rng(seed)
    given, y = rows_of(name, draw, n)
    counts = draw.multinomial(n, np.full(n, 1 / n), size=3)
    slowly = [METRICS[name].score(given[rows], y[rows]) for rows in map(repeated, counts)]
    quickly = METRICS[name].score_resampled(given, y, counts)
    np.testing.assert_allclose(quickly, slowly, atol=1e-9)


def repeated(counts):
    return np.repeat(np.arange(len(counts)), counts)


@pytest.mark.parametrize("name", FAST)
@given(seed=SEEDS, factor=st.integers(2, 7))
def test_only_the_ratio_of_weights_counts(name, seed, factor):
    if name in {"ef1", "bedroc20"}:  # a hundredth of more rows is no whole number of others
        return
    draw = np.random.default_rng(seed)
    given, y = rows_of(name, draw, 20)
    weight = draw.integers(0, 4, (3, 20)) + 1 / 4
    first, second = (METRICS[name].score_resampled(given, y, w) for w in (weight, factor * weight))
    np.testing.assert_allclose(first, second)


def test_of_many_rows_concordance_varies_as_that_of_repeated_rows():
    draw, n = np.random.default_rng(0), 1200
    y = draw.normal(size=n)
    value = y + draw.normal(size=n)
    counts = draw.multinomial(n, np.full(n, 1 / n), size=60)
    slowly = [METRICS["concordance"].score(value[r], y[r]) for r in map(repeated, counts)]
    quickly = weighted.concordance(value, y, counts)
    assert np.std(quickly) == pytest.approx(np.std(slowly), rel=0.1)
    assert np.corrcoef(quickly, slowly)[0, 1] > 0.97
    assert np.mean(quickly) == pytest.approx(np.mean(slowly), abs=0.005)


def test_weights_of_a_perfect_answer_are_perfect():
    y = answers(0, 2)[1]
    perfect = np.eye(2)[y]
    assert weighted.roc_auc(perfect, y, np.ones((1, len(y)))) == 1
    assert weighted.bedroc20(perfect, y, np.ones((1, len(y)))) == pytest.approx(1)
