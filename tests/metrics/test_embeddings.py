"""Measures of integration against brute force, against libraries, and at their ends."""

import numpy as np
import pytest
from scipy.optimize import brentq
from sklearn.metrics import silhouette_samples, silhouette_score
from sklearn.neighbors import KNeighborsClassifier

from medtl_bench.metrics import embeddings

RANDOM = np.random.RandomState(0)
Z = RANDOM.randn(240, 5)
GROUPS = RANDOM.randint(3, size=240)


def brute_force(z, groups, row, perplexity):
    """Return the index of one row by sorting all distances and solving for the rate."""
    others = np.delete(np.arange(len(z)), row)
    distance = np.sqrt(np.square(z[others] - z[row]).sum(1))
    order = np.argsort(distance)[: 3 * perplexity]
    distance, near = distance[order] - distance.min(), groups[others][order]

    def weights(beta):
        raw = np.exp(-beta * distance)
        return raw / raw.sum()

    beta = brentq(lambda b: -(weights(b) * np.log(weights(b))).sum() - np.log(perplexity), 1e-6, 50)
    return 1 / sum(weights(beta)[near == group].sum() ** 2 for group in np.unique(groups))


@pytest.mark.parametrize("perplexity", [5, 30])
def test_lisi_is_that_of_a_brute_force_computation(perplexity):
    indices = embeddings.lisi(Z, GROUPS, perplexity)
    expected = [brute_force(Z, GROUPS, row, perplexity) for row in range(40)]
    assert indices[:40] == pytest.approx(expected, rel=1e-4)


def test_lisi_is_that_of_harmonypy():
    lisi = pytest.importorskip(
        "harmonypy.lisi", reason="harmonypy is not installed: pip install medtl-bench[cells]"
    )
    expected = lisi.compute_lisi(Z, {"group": GROUPS}, ["group"], perplexity=30)[:, 0]
    assert embeddings.lisi(Z, GROUPS) == pytest.approx(expected, abs=1e-4)


def test_weights_have_the_entropy_of_the_perplexity():
    distance = np.sort(RANDOM.gamma(2, 10, (20, 90)), axis=1)
    weight = embeddings.neighbour_weights(distance, 30)
    assert weight.sum(1) == pytest.approx(np.ones(20))
    assert np.exp(-(weight * np.log(weight)).sum(1)) == pytest.approx(np.full(20, 30), rel=1e-4)
    assert (np.diff(weight, axis=1) <= 0).all()


def test_far_rows_and_equal_ones_give_finite_indices():
    far = np.concatenate([Z[:50], 1e6 * Z[50:60], np.zeros((50, 5))])
    assert np.isfinite(embeddings.lisi(far, np.arange(110) % 2)).all()


def test_the_index_runs_from_one_to_about_the_number_of_groups():
    apart = np.concatenate([Z, Z + 1000])
    halves = np.repeat([0, 1], 240)
    assert embeddings.ilisi(apart, halves, halves) == pytest.approx(1)
    same = np.repeat(Z, 4, axis=0)
    assert 3.5 < embeddings.ilisi(same, np.tile(range(4), 240), same) <= 4


def test_few_rows_take_all_others_as_neighbours():
    assert 1 <= embeddings.lisi(Z[:12], GROUPS[:12]).mean() <= 3


def test_the_order_of_rows_and_a_turn_make_no_difference():
    order = RANDOM.permutation(240)
    turn, _ = np.linalg.qr(RANDOM.randn(5, 5))
    assert embeddings.lisi(Z[order] @ turn, GROUPS[order]) == pytest.approx(
        embeddings.lisi(Z, GROUPS)[order], rel=1e-4
    )


def test_silhouettes_are_those_of_scib():
    batch, y = np.arange(240) % 2, np.repeat([0, 1, 2], 80)
    z = Z + 3 * y[:, None] + batch[:, None]
    assert embeddings.silhouette_label(z, batch, y) == pytest.approx(
        (silhouette_score(z, y) + 1) / 2
    )
    expected = [np.mean(1 - np.abs(silhouette_samples(z[y == c], batch[y == c]))) for c in range(3)]
    assert embeddings.silhouette_batch(z, batch, y) == pytest.approx(np.mean(expected))


def test_silhouettes_leave_out_what_has_one_batch_and_are_undefined_with_one_type():
    batch, y = np.where(np.arange(240) < 80, 0, np.arange(240) % 2), np.repeat([0, 1, 2], 80)
    rest = y > 0
    assert embeddings.silhouette_batch(Z, batch, y) == embeddings.silhouette_batch(
        Z[rest], batch[rest], y[rest]
    )
    assert np.isnan(embeddings.silhouette_batch(Z, y * 0, y))
    assert np.isnan(embeddings.silhouette_label(Z, batch, y * 0))


def test_measures_go_the_way_they_say_when_batches_are_pulled_apart_and_types_pushed_together():
    batch, y = np.arange(240) % 2, np.repeat([0, 1, 2], 80)
    good, bad = Z + 6 * y[:, None], Z + 6 * batch[:, None] + y[:, None]
    for measure, sign in (
        ("ilisi", 1),
        ("clisi", -1),
        ("silhouette_batch", 1),
        ("silhouette_label", 1),
    ):
        function = getattr(embeddings, measure)
        assert sign * (function(good, batch, y) - function(bad, batch, y)) > 0, measure


def test_label_transfer_votes_as_scikit_learn_does():
    y, asked = RANDOM.randint(4, size=240), RANDOM.randn(50, 5)
    shares = embeddings.neighbour_shares(Z, y, asked, 6)
    classifier = KNeighborsClassifier(5).fit(Z, y)
    assert shares[:, :4] == pytest.approx(classifier.predict_proba(asked))
    assert (shares.argmax(1) == classifier.predict(asked)).all()
    assert not shares[:, 4:].any()


def test_rare_classes_are_there_but_under_a_twentieth():
    y = np.repeat([0, 1, 3], [94, 4, 2])
    assert embeddings.rare(y, 5) == [1, 3]
    assert embeddings.rare(np.repeat([0, 1], [95, 5]), 2) == []


def test_the_composite_weighs_mixing_and_labels_as_scib_does():
    batch, y = np.arange(240) % 2, np.repeat([0, 1, 2], 80)
    z = Z + 2 * np.eye(5)[y]
    parts = {name: getattr(embeddings, name)(z, batch, y) for name in (
        "ilisi", "clisi", "silhouette_batch", "silhouette_label",
    )}  # fmt: skip
    mixed = (parts["ilisi"] - 1 + parts["silhouette_batch"]) / 2
    kept = ((3 - parts["clisi"]) / 2 + parts["silhouette_label"]) / 2
    composite = embeddings.mixing_and_labels(z, batch, y)
    assert composite == pytest.approx(0.4 * mixed + 0.6 * kept)


def test_the_composite_needs_two_batches_and_two_types():
    same = np.zeros(240, int)
    assert np.isnan(embeddings.mixing_and_labels(Z, same, GROUPS))
    assert np.isnan(embeddings.mixing_and_labels(Z, GROUPS, same))
