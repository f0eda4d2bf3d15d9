"""Resamples: every class has its share of units, groups stay together, the variance is unbiased."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtl_bench.metrics.entry import MetricEntry
from medtl_bench.metrics.registry import METRICS
from medtl_bench.metrics.resamples import FEWER, Resamples, resamples, strata

SEEDS = st.integers(0, 2**32 - 1)


def drawn(y, groups, seed=0, number=100) -> Resamples:
    draw = np.random.default_rng(seed)
    unit, stratum = strata(y, groups, len(y))
    sizes = np.unique(stratum, return_counts=True)[1]
    draws = [draw.integers(m, size=(number, m - 1)) for m in sizes]
    return resamples(unit, stratum, draws)


@given(SEEDS, st.integers(2, 5), st.integers(1, 60))
def test_every_class_keeps_its_weight(seed, classes, n):
    y = np.random.default_rng(seed).integers(classes, size=n)
    made = drawn(y, None, seed)
    weight = made.counts * made.scale
    for number, count in enumerate(np.bincount(y)):
        np.testing.assert_allclose(weight[:, y == number].sum(1), count)
    assert (made.units, made.fewest) == (n, min(np.bincount(y)[np.unique(y)]))


@given(SEEDS, st.integers(1, 12))
def test_rows_of_a_group_are_drawn_together(seed, units):
    draw = np.random.default_rng(seed)
    groups, y = draw.integers(units, size=40) * 7, draw.integers(2, size=40)
    made = drawn(y, groups, seed)
    for group in np.unique(groups):
        assert (np.ptp(made.counts[:, groups == group], axis=1) == 0).all()
    assert made.units == len(np.unique(groups))


@given(SEEDS)
def test_the_rarest_class_of_groups_is_in_every_resample(seed):
    draw = np.random.default_rng(seed)
    groups, y = np.repeat(np.arange(15), 4), (draw.random(60) < 0.1).astype(int)
    y[0] = 1
    made = drawn(y, groups, seed)
    rare = np.argmin(np.bincount(y, minlength=2))
    assert (made.counts[:, y == rare].sum(1) > 0).all()


def test_a_unit_alone_in_its_class_stands_in_all():
    made = drawn(np.array([0, 0, 0, 1]), None)
    assert (made.counts[:, 3] == 1).all()
    assert made.fewest == 1


@pytest.mark.parametrize("n", [3, 10])
def test_the_variance_of_a_mean_is_unbiased(n):
    y = np.arange(n, dtype=float)
    made = drawn(np.zeros(n, int), None, number=20_000)
    means = (made.counts * made.scale) @ y / n
    assert means.var() == pytest.approx(y.var(ddof=1) / n, rel=0.05)
    assert means.mean() == pytest.approx(y.mean(), rel=0.02)


def test_a_metric_that_takes_no_weights_is_found_of_some_resamples():
    y = np.array([0, 1] * 10)
    probability = np.random.default_rng(0).dirichlet([1, 1], 20)
    made = drawn(y, None)
    plain = MetricEntry("plain", METRICS["accuracy"].loaded, "", ("classification",))
    slowly = made.of(plain, probability, y)
    assert np.isfinite(slowly[:FEWER]).all()
    assert np.isnan(slowly[FEWER:]).all()
    quickly = made.of(METRICS["accuracy"], probability, y)
    np.testing.assert_allclose(slowly[:FEWER], quickly[:FEWER])
