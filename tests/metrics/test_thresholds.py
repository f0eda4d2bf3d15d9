"""Thresholds against every other one, by scikit-learn's balanced accuracy."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from medtl_bench.metrics.thresholds import best_threshold, cut_at
from tests.answers import answers


@given(st.integers(0, 2**32 - 1), st.integers(2, 60))
def test_no_threshold_gives_a_higher_balanced_accuracy(seed, n):
    probability, y = answers(seed, 2, n)
    assume(0 < y.sum() < n)
    chosen = best_threshold(probability, y)
    score = [
        balanced_accuracy_score(y, probability[:, 1] > threshold)
        for threshold in (chosen, *np.linspace(-0.05, 1.05, 23))
    ]
    assert score[0] == pytest.approx(max(score))


def test_of_equal_thresholds_the_usual_one_is_taken():
    score = np.array([0.1, 0.4, 0.6, 0.9])
    assert best_threshold(np.stack([1 - score, score], 1), np.array([0, 0, 1, 1])) == 0.5


def test_answers_are_cut_as_the_most_probable_class_is_at_one_half():
    probability, _ = answers(0, 2, 200)
    assert (cut_at(probability, 0.5).argmax(1) == probability.argmax(1)).all()
    assert cut_at(probability, 0.8)[:, 1].sum() < cut_at(probability, 0.5)[:, 1].sum()


@pytest.mark.parametrize("label", [0, 1])
def test_there_is_no_threshold_for_one_class(label):
    assert np.isnan(best_threshold(answers(0, 2)[0], np.full(30, label)))
