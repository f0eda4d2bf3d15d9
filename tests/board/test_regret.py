"""Regret and order of a choice, by hand and against scipy."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from medtl_bench.board.regret import by_chance, choice, quantities, resamples

NAN = np.nan
SCORE = np.array([[0.5, 0.7, 0.6], [0.8, 0.4, NAN]])
CRITERION = np.array([[1.0, 2.0, 5.0], [3.0, 4.0, NAN]])
ALL = np.ones((1, 2))


def test_regret_by_hand():
    """The last draw of the first method is chosen of all; the second method's worse one."""
    regret, within, _, _ = quantities(choice(CRITERION, SCORE), ALL)[0]
    assert regret == pytest.approx(0.8 - 0.6)
    assert within == pytest.approx(((0.7 - 0.6) + (0.8 - 0.4)) / 2)


def test_kendalls_tau_is_that_of_scipy():
    draw = np.random.default_rng(0)
    criterion, score = draw.integers(6, size=(2, 4, 7)).astype(float)
    score[1, 3:] = NAN
    found = quantities(choice(criterion, score), np.ones((1, 4)))[0]
    known = np.isfinite(score)
    assert found[2] == pytest.approx(kendalltau(criterion[known], score[known]).statistic)
    each = [
        kendalltau(c[k], s[k]).statistic for c, s, k in zip(criterion, score, known, strict=True)
    ]
    assert found[3] == pytest.approx(np.mean(each))


def test_a_method_that_stands_twice_is_two_methods():
    criterion, score = np.random.default_rng(1).normal(size=(2, 3, 4))
    weighted = quantities(choice(criterion, score), np.array([[2.0, 0, 1]]))[0]
    repeated = quantities(choice(criterion[[0, 0, 2]], score[[0, 0, 2]]), np.ones((1, 3)))[0]
    assert weighted == pytest.approx(repeated)


def test_a_draw_at_random_by_hand():
    regret, within, tau, _ = by_chance(choice(SCORE, SCORE), ALL)[0]
    assert regret == pytest.approx(0.8 - (0.5 + 0.7 + 0.6 + 0.8 + 0.4) / 5)
    assert within == pytest.approx(((0.7 - 0.6) + (0.8 - 0.6)) / 2)
    assert np.isnan(tau)


def test_the_score_itself_has_no_regret_and_its_own_order():
    assert quantities(choice(SCORE, SCORE), ALL)[0] == pytest.approx([0, 0, 1, 1])


def test_where_there_is_nothing_to_choose_among_nothing_is_said():
    nothing = np.full((2, 3), NAN)
    assert np.isnan(quantities(choice(nothing, SCORE), ALL)).all()
    one = np.array([[0.3], [0.6]])
    regret, within, tau, inside = quantities(choice(one, one), ALL)[0]
    assert (regret, tau) == (0, 1)
    assert np.isnan([within, inside]).all()
    assert np.isnan(quantities(choice(np.zeros((1, 3)), SCORE[:1]), ALL[:, :1])[0, 2:]).all()


def test_resamples_begin_with_all_and_hold_as_many():
    first, *rest = resamples(3, 2)
    assert (first.seeds, first.weight.tolist()) == ([0, 1], [[1, 1, 1]])
    assert all(len(one.seeds) == 2 and (one.weight.sum(1) == 3).all() for one in rest)
