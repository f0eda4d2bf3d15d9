"""Every metric against scikit-learn or a count by hand, on random answers with ties."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from medtl_bench.metrics import ranking, registry, values
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


@given(SEEDS)
def test_areas_under_curves_are_those_of_scikit_learn(seed):
    probability, y = answers(seed, 2)
    assume(0 < y.sum() < len(y))
    precision = sk.average_precision_score(y, probability[:, 1])
    assert ranking.roc_auc(probability, y) == pytest.approx(sk.roc_auc_score(y, probability[:, 1]))
    assert ranking.average_precision(probability, y) == pytest.approx(precision)
    assert ranking.pr_auc_gain(probability, y) == pytest.approx(precision - y.mean())


@given(SEEDS, st.integers(2, 12))
def test_roc_auc_counts_pairs_and_half_of_ties(seed, n):
    probability, y = answers(seed, 2, n)
    assume(0 < y.sum() < n)
    pairs = [(p > q) + (p == q) / 2 for p in probability[y == 1, 1] for q in probability[y == 0, 1]]
    assert ranking.roc_auc(probability, y) == pytest.approx(np.mean(pairs))


@given(SEEDS, st.integers(2, 80), st.sampled_from([10, 1000]))
def test_sensitivity_at_95_specificity_is_the_best_over_all_thresholds(seed, n, steps):
    draw = np.random.default_rng(seed)
    score, y = draw.integers(steps, size=n) / steps, draw.integers(2, size=n)
    assume(0 < y.sum() < n)
    best = max(
        (score[y == 1] >= threshold).mean()
        for threshold in (*np.unique(score), np.inf)
        if (score[y == 0] < threshold).mean() >= 0.95
    )
    assert ranking.sensitivity_at_95_specificity(
        np.stack([1 - score, score], 1), y
    ) == pytest.approx(best)


def test_sensitivity_lets_one_of_twenty_pass_and_not_one_of_nineteen():
    for n, expected in ((20, 1.0), (19, 0.0)):
        score, y = np.array([0.9, 0.5, *[0.1] * (n - 1)]), np.array([0, 1, *[0] * (n - 1)])
        assert ranking.sensitivity_at_95_specificity(np.stack([1 - score, score], 1), y) == expected


@pytest.mark.parametrize("label", [0, 1])
def test_sensitivity_at_95_specificity_is_undefined_with_one_class(label):
    assert np.isnan(ranking.sensitivity_at_95_specificity(answers(0, 2)[0], np.full(30, label)))


@pytest.mark.parametrize("label", [0, 1])
def test_areas_under_curves_are_undefined_with_one_class(label):
    probability, _ = answers(0, 2)
    y = np.full(30, label)
    assert np.isnan(ranking.roc_auc(probability, y))
    assert np.isnan(ranking.average_precision(probability, y)) == (label == 0)


def ranked(seed: int, n: int, share: float, digits: int) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities that tell the actives a little, and labels.

    Rounded, so that fewer digits mean more ties.
    """
    draw = np.random.default_rng(seed)
    y = (draw.random(n) < share).astype(np.int64)
    active = (1 / (1 + np.exp(-draw.normal(y, 1.5)))).round(digits)
    return np.stack([1 - active, active], 1), y


@given(SEEDS, st.integers(2, 1200), st.sampled_from([0.01, 0.1, 0.6]))
def test_early_recognition_is_that_of_rdkit_where_no_rows_are_tied(seed, n, share):
    scoring = pytest.importorskip(
        "rdkit.ML.Scoring.Scoring", reason="compared with rdkit: pip install medtl-bench[molecules]"
    )
    probability, y = ranked(seed, n, share, 15)
    assume(0 < y.sum() < n and len(np.unique(probability[:, 1])) == n)
    order = [[label] for label in y[np.argsort(-probability[:, 1])]]
    assert ranking.bedroc_20(probability, y) == pytest.approx(scoring.CalcBEDROC(order, 0, 20.0))
    (expected,) = scoring.CalcEnrichment(order, 0, [0.01])
    assert ranking.enrichment_at_1_percent(probability, y) == pytest.approx(expected)


@settings(deadline=None)  # an example scores 800 orders, which takes long where others work too
@given(SEEDS, st.integers(20, 150))
def test_early_recognition_of_tied_rows_is_the_mean_over_their_orders(seed, n):
    probability, y = ranked(seed, n, 0.3, 1)
    assume(0 < y.sum() < n)
    draw = np.random.default_rng(seed)
    broken = [np.stack([-p, p], 1) for p in probability[:, 1] + draw.random((400, n)) * 1e-6]
    for metric in (ranking.bedroc_20, ranking.enrichment_at_1_percent):
        orders = [metric(order, y) for order in broken]
        assert metric(probability, y) == pytest.approx(
            np.mean(orders), abs=0.01 + 5 * np.std(orders) / 20
        )


def test_early_recognition_of_the_best_the_worst_and_no_ranking():
    y = np.zeros(1000, dtype=np.int64)
    y[:50] = 1
    best, worst, none = (
        np.stack([-s, s], 1) for s in (np.arange(1000.0)[::-1], np.arange(1000.0), np.ones(1000))
    )
    assert ranking.enrichment_at_1_percent(best, y) == pytest.approx(20)
    assert ranking.enrichment_at_1_percent(worst, y) == 0
    assert ranking.enrichment_at_1_percent(none, y) == pytest.approx(1)
    assert (ranking.bedroc_20(best, y), ranking.bedroc_20(worst, y)) == (
        pytest.approx(1),
        pytest.approx(0),
    )
    assert 0.05 < ranking.bedroc_20(none, y) < 0.1


@pytest.mark.parametrize("n", [1, 30])
def test_early_recognition_is_undefined_without_actives_and_bedroc_without_others(n):
    probability, _ = answers(0, 2, n)
    none, all_active = np.zeros(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    assert np.isnan(
        [ranking.enrichment_at_1_percent(probability, none), ranking.bedroc_20(probability, none)]
    ).all()
    assert np.isnan(ranking.bedroc_20(probability, all_active))
    assert ranking.enrichment_at_1_percent(probability, all_active) == pytest.approx(1)


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


def test_metrics_of_a_class_are_known_by_its_number_and_their_direction():
    y = np.arange(3).repeat(12).reshape(1, 6, 6)
    right = np.moveaxis(np.eye(3)[y], -1, 1)
    for number in (1, 2):
        dice, distance = (registry.METRICS[f"{name}_class_{number}"] for name in ("dice", "hd95"))
        assert (dice.function(right, y), distance.function(right, y)) == (1, 0)
        assert (dice.higher_is_better, distance.higher_is_better) == (True, False)
        assert dice.classes == distance.classes == number + 1


@given(SEEDS, CLASSES)
def test_calibration_of_masks_is_that_of_their_pixels(seed, classes):
    probability, y = pixels(seed, classes)
    flat = np.moveaxis(probability, 1, -1).reshape(-1, classes)
    for metric in (brier, expected_calibration_error):
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


@pytest.mark.parametrize("kind", ["classification", "segmentation", "regression"])
def test_the_defaults_of_a_kind_fit_it_and_the_first_is_better_when_higher(kind):
    assert set(registry.defaults(kind)) <= set(registry.names(kind))
    assert registry.METRICS[registry.defaults(kind)[0]].higher_is_better


def test_better_answers_get_better_scores_in_the_direction_each_metric_claims():
    y = np.arange(20) % 2
    sure = np.stack([1 - y, y], 1) * 0.8 + 0.1
    worse = np.where((np.arange(20) < 5)[:, None], 1 - sure, sure)
    for name in set(registry.names("classification")) - set(registry.INTEGRATION):
        metric = registry.METRICS[name]
        good, bad = metric.function(sure, y), metric.function(worse, y)
        assert (good > bad) == metric.higher_is_better, name
