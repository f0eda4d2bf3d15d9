"""Scorers without target labels, against cases worked by hand."""

import math

import numpy as np
import pytest

from medtl_bench.metrics import scorers
from medtl_bench.metrics.scorers import SCORERS, Seen

SURE = np.eye(2)[[0, 1, 0, 1]]
EVEN = np.full((4, 2), 0.5)
ONE_CLASS = np.eye(2)[[0, 0, 0, 0]]


def test_weighted_loss_by_hand():
    loss, weight = np.array([1.0, 3.0]), np.array([3.0, 1.0])
    assert scorers.weighted_loss(loss, weight) == pytest.approx((3 + 3) / 4)


def test_deep_embedded_validation_by_hand():
    """Of w l = (0, 2, 6), means 8/3 and 2; Cov(w l, w) = 2, Var(w) = 2/3, eta = -3."""
    loss, weight = np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])
    expected = 8 / 3 - 3 * 2 + 3
    assert scorers.controlled(loss, weight) == pytest.approx(expected)


def test_a_control_variate_takes_what_weights_add_to_a_constant_loss():
    """Of a constant loss the estimate is that loss, whatever the weights."""
    weight = np.random.default_rng(0).lognormal(size=50)
    constant = np.full(50, 0.7)
    assert scorers.controlled(constant, weight) == pytest.approx(0.7)
    # mean(w) mean(l), as the shapes of another library would have it, is not
    assert weight.mean() * 0.7 != pytest.approx(0.7, abs=0.05)


def test_weights_that_do_not_vary_tell_nothing():
    loss = np.array([0.2, 0.6])
    assert scorers.controlled(loss, np.ones(2)) == pytest.approx(0.4)


def test_normalised_weights_have_mean_one_and_a_small_range():
    weight = scorers.normalised(np.array([1.0, 3.0, 100.0]))
    assert weight.mean() == pytest.approx(1)
    assert np.ptp(weight) == pytest.approx(0.99)


def test_the_density_ratio_is_one_where_nothing_shifts_and_grows_towards_the_target():
    draw = np.random.default_rng(0)
    same = scorers.density_ratio(draw.normal(size=(400, 2)), draw.normal(size=(200, 2)))
    assert same.mean() == pytest.approx(1, abs=0.1)
    source = draw.normal(size=(400, 2))
    weight = scorers.density_ratio(source, draw.normal((1, 0), size=(200, 2)))
    assert np.corrcoef(np.log(weight), source[:, 0])[0, 1] > 0.95
    assert weight.mean() == pytest.approx(1, abs=0.25)


def test_domains_that_lie_apart_give_weights_that_are_numbers():
    weight = scorers.density_ratio(np.zeros((9, 1)), np.ones((9, 1)) * 1e6)
    assert np.isfinite(weight).all()
    assert np.isnan(scorers.density_ratio(np.zeros((4, 1)), np.ones((9, 1)))).all()


def test_entropy_and_information_by_hand():
    assert scorers.mean_entropy(EVEN) == pytest.approx(math.log(2))
    assert scorers.mean_entropy(SURE) == 0
    assert scorers.information(SURE) == pytest.approx(math.log(2))
    assert scorers.information(EVEN) == pytest.approx(0)
    assert scorers.information(ONE_CLASS) == pytest.approx(0)


def test_neighbourhood_density_by_hand():
    """Each sure row has one neighbour of its kind of four, and the others are e^-20 as near."""
    rows = np.eye(2)[[0, 0, 1, 1]]
    far = math.exp(-1 / scorers.TEMPERATURE)
    shares = np.array([1, far, far]) / (1 + 2 * far)
    expected = -(shares * np.log(shares)).sum()
    assert scorers.neighbourhood_density(rows) == pytest.approx(expected)
    assert scorers.neighbourhood_density(EVEN) == pytest.approx(math.log(3))
    assert math.isnan(scorers.neighbourhood_density(EVEN[:1]))


def test_norms_by_hand():
    assert scorers.matrix_norm(SURE) == pytest.approx(0.5**0.25)
    assert scorers.matrix_norm(EVEN) == pytest.approx(0.5)
    # two columns of length sqrt 2 at right angles; one of length 2
    assert scorers.nuclear_norm(SURE) == pytest.approx(2 * math.sqrt(2) / 4)
    assert scorers.nuclear_norm(ONE_CLASS) == pytest.approx(2 / 4)


def test_answers_that_are_the_clusters_agree_with_them():
    features = np.array([[0.0], [5.0], [0.1], [5.1]])
    assert scorers.cluster_agreement(SURE, features) == pytest.approx(1)
    crossed = np.eye(2)[[0, 0, 1, 1]]
    assert scorers.cluster_agreement(crossed, features) < 0.1
    assert scorers.cluster_agreement(SURE, np.zeros((4, 1))) == pytest.approx(0)


def test_mixed_agreement_means_both_kinds_of_pairs():
    answer, partner = np.array([0, 0, 1, 1]), np.array([1, 2, 3, 0])
    # pairs of one answer: rows 0 and 2; of two: rows 1 and 3
    mixed = np.array([0, 1, 1, 1])
    assert scorers.mixed_agreement(answer, mixed, partner) == pytest.approx((1 + 0.5) / 2)
    alike = np.array([1, 0, 3, 2])
    assert scorers.mixed_agreement(answer, mixed, alike) == pytest.approx(0.75)


def seen(noise: float) -> Seen:
    draw = np.random.default_rng(3)
    y = np.arange(60) % 2
    scores = np.stack([1.0 - 2 * y, 2.0 * y - 1], 1) * 3
    spread = [scores + noise * draw.normal(size=scores.shape) for _ in range(3)]
    partner = draw.permutation(60)
    return Seen(spread[0], spread[1], y, spread[0], spread[1], spread[2], partner)


def test_all_of_them_tell_a_sound_learner_from_a_noisy_one_but_those_known_to_be_fooled():
    """Large noise makes confident answers: entropy and its kin take it for a good learner."""
    sound, noisy = scorers.scores(seen(0.1)), scorers.scores(seen(9.0))
    for scorer in SCORERS:
        assert math.isfinite(sound[scorer.name]), scorer.name
    better = {
        scorer.name
        for scorer in SCORERS
        if (sound[scorer.name] > noisy[scorer.name]) == scorer.higher_is_better
    }
    assert {"source loss", "IWV", "DEVN", "ClassAMI", "MixVal", "SND"} <= better


def test_where_inputs_cannot_be_mixed_there_is_no_mixval():
    one = seen(0.1)
    bare = Seen(one.target, one.source, one.y, one.of_target, one.of_source, None, one.partner)
    assert math.isnan(scorers.scores(bare)["MixVal"])
