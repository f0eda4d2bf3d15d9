import numpy as np
import pytest
from scipy.stats import friedmanchisquare

from medtl_bench.board import blocks

UP = np.ones(6, bool)
SCORES = np.random.default_rng(0).random((4, 6))


def test_mean_ranks_and_the_test_of_datasets_that_are_origins_of_their_own() -> None:
    told = blocks.blocks(SCORES, UP, list("abcdef"))
    ranks = (-SCORES).argsort(0).argsort(0) + 1
    np.testing.assert_allclose(told.mean, np.sort(ranks.mean(1)))
    np.testing.assert_array_equal(ranks.mean(1)[list(told.order)], told.mean)
    assert told.blocks == 6
    assert told.p == pytest.approx(friedmanchisquare(*SCORES).pvalue)


def test_a_dataset_of_the_same_origin_twice_changes_nothing() -> None:
    once = blocks.blocks(SCORES, UP, list("abcdef"))
    twice = blocks.blocks(np.c_[SCORES, SCORES[:, 0]], np.ones(7, bool), list("abcdefa"))
    np.testing.assert_array_equal(once.mean, twice.mean)
    assert (once.order, once.p, once.difference) == (twice.order, twice.p, twice.difference)


def test_too_few_origins_or_methods_are_no_blocks() -> None:
    assert blocks.blocks(SCORES, UP, list("aabbcd")) is None
    assert blocks.blocks(SCORES[:2], UP, list("abcdef")) is None


@pytest.mark.parametrize(("methods", "q"), [(2, 1.960), (5, 2.728), (10, 3.164)])
def test_the_critical_difference_has_the_values_of_demsar(methods: int, q: float) -> None:
    difference = blocks.critical_difference(methods, 12)
    assert difference == pytest.approx(q * (methods * (methods + 1) / 72) ** 0.5, abs=1e-3)


def test_groups_are_of_several_within_the_critical_difference() -> None:
    mean = np.array([1.0, 1.5, 2.6, 5.0])
    told = blocks.Blocks((0, 1, 2, 3), mean, 6, 0.01, 1.2)
    assert told.groups == ((0, 1), (1, 2))
