"""Every metric against scikit-learn or a count by hand, on random answers with ties."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sk

from medtl_bench import metrics

CLASSES = st.integers(2, 5)
SEEDS = st.integers(0, 2**32 - 1)


def answers(seed: int, classes: int, n: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Return class probabilities in steps of a tenth, so that ties are common, and labels."""
    draw = np.random.default_rng(seed)
    counts = draw.multinomial(10, np.ones(classes) / classes, size=n)
    return counts / 10, draw.integers(classes, size=n)


@given(SEEDS, CLASSES)
def test_balanced_accuracy_and_accuracy_are_those_of_scikit_learn(seed, classes):
    probability, y = answers(seed, classes)
    expected = np.mean([(probability.argmax(1)[y == c] == c).mean() for c in np.unique(y)])
    assert metrics.balanced_accuracy(probability, y) == pytest.approx(expected)
    if set(np.unique(probability.argmax(1))) <= set(np.unique(y)):  # otherwise scikit-learn warns
        assert metrics.balanced_accuracy(probability, y) == pytest.approx(sk.balanced_accuracy_score(y, probability.argmax(1)))
    assert metrics.accuracy(probability, y) == pytest.approx(sk.accuracy_score(y, probability.argmax(1)))


@given(SEEDS)
def test_areas_under_curves_are_those_of_scikit_learn(seed):
    probability, y = answers(seed, 2)
    assume(0 < y.sum() < len(y))
    precision = sk.average_precision_score(y, probability[:, 1])
    assert metrics.roc_auc(probability, y) == pytest.approx(sk.roc_auc_score(y, probability[:, 1]))
    assert metrics.average_precision(probability, y) == pytest.approx(precision)
    assert metrics.pr_auc_gain(probability, y) == pytest.approx(precision - y.mean())


@given(SEEDS, st.integers(2, 12))
def test_roc_auc_counts_pairs_and_half_of_ties(seed, n):
    probability, y = answers(seed, 2, n)
    assume(0 < y.sum() < n)
    pairs = [(p > q) + (p == q) / 2 for p in probability[y == 1, 1] for q in probability[y == 0, 1]]
    assert metrics.roc_auc(probability, y) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize("label", [0, 1])
def test_areas_under_curves_are_undefined_with_one_class(label):
    probability, _ = answers(0, 2)
    y = np.full(30, label)
    assert np.isnan(metrics.roc_auc(probability, y))
    assert np.isnan(metrics.average_precision(probability, y)) == (label == 0)


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
    assert metrics.expected_calibration_error(probability, y) == pytest.approx(expected)


def test_a_sure_and_right_answer_has_no_calibration_error_and_a_sure_wrong_one_has_all():
    sure = np.eye(2)[[0, 1, 1]]
    assert metrics.expected_calibration_error(sure, np.array([0, 1, 1])) == 0
    assert metrics.expected_calibration_error(sure, np.array([1, 0, 0])) == 1
    assert (metrics.brier(sure, np.array([0, 1, 1])), metrics.brier(sure, np.array([1, 0, 0]))) == (0, 2)


@given(SEEDS, CLASSES)
def test_brier_is_the_squared_distance_to_the_label(seed, classes):
    probability, y = answers(seed, classes)
    assert metrics.brier(probability, y) == pytest.approx(((probability - np.eye(classes)[y]) ** 2).sum(1).mean())


@given(SEEDS)
def test_brier_of_two_classes_is_twice_that_of_scikit_learn(seed):
    probability, y = answers(seed, 2)
    assert metrics.brier(probability, y) == pytest.approx(2 * sk.brier_score_loss(y, probability[:, 1], pos_label=1))


def pixels(seed: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    probability, y = answers(seed, classes, 3 * 4 * 5)
    return np.moveaxis(probability.reshape(3, 4, 5, classes), -1, 1), y.reshape(3, 4, 5)


@given(SEEDS, CLASSES)
def test_dice_is_the_mean_f1_of_the_foreground_classes_there(seed, classes):
    probability, y = pixels(seed, classes)
    predicted = probability.argmax(1)
    there = [c for c in range(1, classes) if (y == c).any() or (predicted == c).any()]
    assume(there)
    expected = sk.f1_score(y.ravel(), predicted.ravel(), labels=there, average="macro", zero_division=0)
    assert metrics.dice(probability, y) == pytest.approx(expected)


def test_dice_is_undefined_where_all_is_background():
    background = np.zeros((2, 2, 3, 3))
    background[:, 0] = 1
    assert np.isnan(metrics.dice(background, np.zeros((2, 3, 3), dtype=np.int64)))


@given(SEEDS, CLASSES)
def test_calibration_of_masks_is_that_of_their_pixels(seed, classes):
    probability, y = pixels(seed, classes)
    flat = np.moveaxis(probability, 1, -1).reshape(-1, classes)
    for metric in (metrics.brier, metrics.expected_calibration_error):
        assert metric(probability, y) == pytest.approx(metric(flat, y.ravel()))


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
    assert metrics.concordance(value, y) == pytest.approx(np.mean(pairs))


def test_concordance_is_undefined_where_all_truths_are_equal():
    assert np.isnan(metrics.concordance(np.arange(4.0), np.ones(4)))


@given(SEEDS)
def test_rmse_is_that_of_scikit_learn(seed):
    value, y = np.random.default_rng(seed).normal(size=(2, 20))
    assert metrics.rmse(value, y) == pytest.approx(sk.root_mean_squared_error(y, value))


@pytest.mark.parametrize("kind", ["classification", "segmentation", "regression"])
def test_the_defaults_of_a_kind_fit_it_and_the_first_is_better_when_higher(kind):
    assert set(metrics.defaults(kind)) <= set(metrics.names(kind))
    assert metrics.METRICS[metrics.defaults(kind)[0]].higher_is_better


def test_better_answers_get_better_scores_in_the_direction_each_metric_claims():
    y = np.arange(20) % 2
    sure = np.stack([1 - y, y], 1) * 0.8 + 0.1
    worse = np.where((np.arange(20) < 5)[:, None], 1 - sure, sure)
    for name in set(metrics.names("classification")) - set(metrics.INTEGRATION):
        metric = metrics.METRICS[name]
        good, bad = metric.function(sure, y), metric.function(worse, y)
        assert (good > bad) == metric.higher_is_better, name
