"""Metrics of rankings against scikit-learn, rdkit or a count by hand, on answers with ties."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sk

from medtl_bench.metrics import ranking
from tests.answers import answers

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS)
def test_areas_under_curves_are_those_of_scikit_learn(seed):
    probability, y = answers(seed, 2)
    assume(0 < y.sum() < len(y))
    precision = sk.average_precision_score(y, probability[:, 1])
    assert ranking.roc_auc(probability, y) == pytest.approx(sk.roc_auc_score(y, probability[:, 1]))
    assert ranking.average_precision(probability, y) == pytest.approx(precision)
    assert ranking.pr_auc_gain(probability, y) == pytest.approx(precision - y.mean())


@given(SEEDS, st.integers(3, 5))
def test_roc_auc_of_several_classes_is_that_of_scikit_learn_each_against_the_rest(seed, classes):
    probability, y = answers(seed, classes)
    assume(len(np.unique(y)) == classes)
    expected = sk.roc_auc_score(y, probability, multi_class="ovr", average="macro")
    assert ranking.roc_auc(probability, y) == pytest.approx(expected)


def test_roc_auc_of_several_classes_leaves_out_those_without_rows():
    probability, y = answers(0, 4)
    y = np.where(y == 3, 0, y)
    areas = [sk.roc_auc_score(y == c, probability[:, c]) for c in range(3)]
    assert ranking.roc_auc(probability, y) == pytest.approx(np.mean(areas))
    assert np.isnan(ranking.roc_auc(probability, np.full(30, 2)))


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
    """Return labels, and probabilities that tell the actives a little; fewer digits, more ties."""
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


@given(SEEDS, st.integers(20, 150))
def test_early_recognition_of_tied_rows_is_the_mean_over_their_orders(seed, n):
    probability, y = ranked(seed, n, 0.3, 1)
    assume(0 < y.sum() < n)
    draw = np.random.default_rng(seed)
    broken = [np.stack([-p, p], 1) for p in probability[:, 1] + draw.random((400, n)) * 1e-6]
    for metric in (ranking.bedroc_20, ranking.enrichment_at_1_percent):
        orders = [metric(one, y) for one in broken]
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
