"""Metrics of class probabilities against scikit-learn or a count by hand, on answers with ties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from medtl_bench.metrics.classes import (
    accuracy,
    balanced_accuracy,
    brier,
    expected_calibration_error,
    mcc,
)
from tests.answers import answers, pixels

CLASSES = st.integers(2, 5)
SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, CLASSES)
def test_balanced_accuracy_and_accuracy_are_those_of_scikit_learn(seed, classes):
    probability, y = answers(seed, classes)
    expected = np.mean([(probability.argmax(1)[y == c] == c).mean() for c in np.unique(y)])
    assert balanced_accuracy(probability, y) == pytest.approx(expected)
    if set(np.unique(probability.argmax(1))) <= set(np.unique(y)):  # otherwise scikit-learn warns
        assert balanced_accuracy(probability, y) == pytest.approx(
            sk.balanced_accuracy_score(y, probability.argmax(1))
        )
    assert accuracy(probability, y) == pytest.approx(sk.accuracy_score(y, probability.argmax(1)))


@given(SEEDS, st.integers(1, 30))
def test_matthews_correlation_is_that_of_scikit_learn(seed, n):
    probability, y = answers(seed, 2, n)
    answer = probability.argmax(1)
    # otherwise scikit-learn warns
    expected = sk.matthews_corrcoef(y, answer) if len(np.unique([*y, *answer])) == 2 else 0.0
    assert mcc(probability, y) == pytest.approx(expected)


@pytest.mark.parametrize("y", [np.zeros(4, int), np.ones(4, int), np.array([0, 1, 0, 1])])
def test_matthews_correlation_is_zero_where_answer_or_truth_is_one_class(y):
    assert mcc(np.array([[0.2, 0.8]] * 4), y) == 0


@given(SEEDS, CLASSES)
def test_calibration_error_is_the_weighted_gap_of_fifteen_bins(seed, classes):
    draw = np.random.default_rng(seed)
    probability, y = draw.dirichlet(np.ones(classes), size=40), draw.integers(classes, size=40)
    confidence, hit = probability.max(1), probability.argmax(1) == y
    expected = 0.0
    for b in range(15):
        inside = (confidence > b / 15) & (confidence <= (b + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(hit[inside].mean() - confidence[inside].mean())
    assert expected_calibration_error(probability, y) == pytest.approx(expected)


def test_a_sure_and_right_answer_has_no_calibration_error_and_a_sure_wrong_one_has_all():
    sure = np.eye(2)[[0, 1, 1]]
    assert expected_calibration_error(sure, np.array([0, 1, 1])) == 0
    assert expected_calibration_error(sure, np.array([1, 0, 0])) == 1
    assert (brier(sure, np.array([0, 1, 1])), brier(sure, np.array([1, 0, 0]))) == (0, 2)


@given(SEEDS, CLASSES)
def test_brier_is_the_squared_distance_to_the_label(seed, classes):
    probability, y = answers(seed, classes)
    assert brier(probability, y) == pytest.approx(
        ((probability - np.eye(classes)[y]) ** 2).sum(1).mean()
    )


@given(SEEDS)
def test_brier_of_two_classes_is_twice_that_of_scikit_learn(seed):
    probability, y = answers(seed, 2)
    assert brier(probability, y) == pytest.approx(
        2 * sk.brier_score_loss(y, probability[:, 1], pos_label=1)
    )


@given(SEEDS, CLASSES)
def test_calibration_of_masks_is_that_of_their_pixels(seed, classes):
    probability, y = pixels(seed, classes)
    flat = np.moveaxis(probability, 1, -1).reshape(-1, classes)
    for metric in (brier, expected_calibration_error):
        assert metric(probability, y) == pytest.approx(metric(flat, y.ravel()))
