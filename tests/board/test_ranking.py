import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize

from medtl_bench.board import ranking

NAN = float("nan")


def of_pairs(upper: np.ndarray) -> np.ndarray:
    """Return shares [origins, methods, methods] that agree, from what is above the diagonal."""
    made = upper.copy()
    lower = np.tril_indices(upper.shape[1])
    made[:, lower[0], lower[1]] = NAN
    return np.where(np.isnan(made), 1 - made.transpose(0, 2, 1), made)


def shares_of(levels: np.ndarray) -> np.ndarray:
    """Return the shares of scores [origins, methods] that are known without noise."""
    return np.stack([ranking.shares(np.repeat(x[:, None], 2, 1), higher=True) for x in levels])


DRAWN = st.integers(2, 6).flatmap(
    lambda m: st.integers(1, 5).flatmap(
        lambda k: arrays(float, (k, m, m), elements=st.sampled_from([0.0, 0.5, 1.0, NAN]))
    )
)


def test_a_share_is_one_half_or_nothing_by_the_paired_differences_over_seeds() -> None:
    values = np.array([[0.9, 0.8, 0.85], [0.5, 0.4, 0.45], [0.8, 0.9, 0.82], [NAN] * 3])
    expected = [
        [NAN, 1.0, 0.5, NAN],
        [0.0, NAN, 0.0, NAN],
        [0.5, 1.0, NAN, NAN],
        [NAN, NAN, NAN, NAN],
    ]
    np.testing.assert_array_equal(ranking.shares(values, higher=True), expected)
    downwards = 1 - np.array(expected)
    np.testing.assert_array_equal(ranking.shares(values, higher=False), downwards)


def test_with_resamples_a_share_is_that_of_the_draws_where_a_pair_is_told_apart() -> None:
    values = np.array([[0.9, 0.91, 0.92], [0.8, 0.81, 0.82], [0.899, 0.909, 0.919]])
    units = np.repeat(values[..., None], 100, -1)
    units[1, 0, :6] = 0.95
    units[1, 1, :6] = 0.91
    found = ranking.shares(values, units, higher=True)
    # of 300 draws the first loses 6, ties in 6; a difference that never changes is told
    assert found[0, 1] == pytest.approx((300 - 6 - 3) / 300)
    assert found[0, 1] + found[1, 0] == pytest.approx(1)
    assert found[0, 2] == 1.0
    units[2] += np.random.default_rng(0).normal(0, 0.01, 100)
    assert ranking.shares(values, units, higher=True)[0, 2] == 0.5
    assert ranking.shares(values, units, higher=False)[0, 1] == pytest.approx(9 / 300)


def test_those_without_resamples_are_told_apart_by_seeds_alone_and_in_parts_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = np.random.default_rng(0)
    values = draw.normal(0.5, 0.02, (5, 3)) + np.linspace(0, 0.2, 5)[:, None]
    units = values[..., None] + draw.normal(0, 0.1, (5, 3, 100))
    units[3:] = np.nan
    found = ranking.shares(values, units, 20.0, higher=True)
    of_seeds = ranking.shares(values, higher=True)
    np.testing.assert_array_equal(found[3:], of_seeds[3:])
    np.testing.assert_array_equal(found[:, 3:], of_seeds[:, 3:])
    monkeypatch.setattr(ranking, "MOST_DRAWS", 1)
    np.testing.assert_array_equal(ranking.shares(values, units, 20.0, higher=True), found)


def test_fewer_than_two_seeds_in_common_tell_nothing() -> None:
    one = ranking.shares(np.array([[0.9], [0.1]]), higher=True)
    apart = ranking.shares(np.array([[0.9, 0.9, NAN], [NAN, NAN, 0.1]]), higher=True)
    for share in (one, apart):
        np.testing.assert_array_equal(share, [[NAN, 0.5], [0.5, NAN]])


def test_an_origin_counts_once_by_the_datasets_on_which_a_pair_met() -> None:
    upper = np.full((4, 3, 3), NAN)
    upper[:, 0, 1] = [1, 0, 1, NAN]
    upper[:, 0, 2] = [1, NAN, NAN, NAN]
    mean = ranking.by_origin(of_pairs(upper), ["x", "x", "y", "y"])
    np.testing.assert_array_equal(mean[:, 0, 1], [0.5, 1.0])
    np.testing.assert_array_equal(mean[:, 0, 2], [1.0, NAN])


@settings(max_examples=30, deadline=None)
@given(DRAWN)
def test_strengths_are_the_likeliest_whoever_met_whom(upper: np.ndarray) -> None:
    wins = np.nan_to_num(of_pairs(upper)).sum(0)

    def unlikely(t: np.ndarray) -> float:
        lost = (wins * np.logaddexp(0, t - t[:, None])).sum()
        return float(lost + (np.logaddexp(0, t) + np.logaddexp(0, -t)).sum() / 2)

    found = ranking.strengths(wins)
    best = minimize(unlikely, np.zeros(len(wins)), method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(found, best.x, atol=1e-4)


def test_who_always_wins_is_not_infinitely_strong() -> None:
    found = ranking.strengths(np.triu(np.full((5, 5), 1000.0), 1))
    assert np.isfinite(found).all()
    assert (np.diff(found) < 0).all()


def test_two_in_a_tie_with_everybody_are_of_equal_strength_and_share_a_rank() -> None:
    ranked = ranking.rank(np.where(np.eye(4, dtype=bool), NAN, np.full((6, 4, 4), 0.5)))
    np.testing.assert_allclose(ranked.strength, 0, atol=1e-9)
    assert ranked.rank.tolist() == [2.5] * 4
    assert ranked.groups == ((0, 3),)


def test_five_wins_of_five_do_not_tell_two_apart_but_six_do() -> None:
    for origins, told in ((5, False), (6, True)):
        levels = np.tile([0.9, 0.5, 0.7], (origins, 1))
        ranked = ranking.rank(shares_of(levels))
        assert ranked.order == (0, 2, 1)
        assert ranked.rank.tolist() == [1, 2, 3]
        assert ranked.low.tolist() == ranked.high.tolist() == [1, 2, 3]
        assert bool(ranked.told[0, 2]) is told
        assert ranked.groups == (((0, 0), (1, 1), (2, 2)) if told else ((0, 2),))


def test_an_interval_holds_the_true_rank_of_methods_on_drawn_origins() -> None:
    held = []
    for seed in range(30):
        random = np.random.default_rng(seed)
        levels = np.array([0.0, 1.0, 2.0]) + random.normal(0, 1, (12, 3))
        ranked = ranking.rank(shares_of(levels))
        place = np.argsort(ranked.order)
        truth = np.array([3, 2, 1])
        held.append((ranked.low[place] <= truth) & (truth <= ranked.high[place]))
    assert np.mean(held) > 0.9


def test_letters_name_the_groups_of_a_place() -> None:
    groups = ((0, 2), (1, 3), (4, 4))
    assert [ranking.letters(groups, place) for place in range(5)] == ["a", "a b", "a b", "b", "c"]
    many = tuple((number, number) for number in range(30))
    assert ranking.letters(many, 25) == "z"
    assert ranking.letters(many, 26) == "aa"


@pytest.mark.parametrize("patients", [False, True])
@pytest.mark.parametrize("noise", [0.05, 0.5])
def test_who_only_adds_noise_to_anothers_scores_is_not_told_above_it(
    noise: float, patients: bool
) -> None:
    """The other is the worst, so that noise has it lose less often to everybody else."""
    above = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        shares = []
        for _ in range(10):
            level = np.array([0.5, 0.7, 0.8, 0.9])[:, None]
            values = level + random.normal(0, 0.01, (4, 3))
            noisy = values[0] + random.normal(0, noise, 3)
            values = np.vstack([values, noisy])
            units = None
            if patients:
                units = values[..., None] + random.normal(0, 0.02, (5, 1, 100))
                units[4] += random.normal(0, noise / 4, 100)
            shares.append(ranking.shares(values, units, 20.0, higher=True))
        ranked = ranking.rank(np.stack(shares))
        place = np.argsort(ranked.order)
        above += bool(ranked.told[place[4], place[0]] and place[4] < place[0])
    assert above == 0
