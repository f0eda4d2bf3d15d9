import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medtl_bench.board.protocol import Name
from medtl_bench.board.scored import Scored
from medtl_bench.board.standings import Played, Standing, by_dataset, standings
from medtl_bench.board.summary import BY_SEED, Derived
from medtl_bench.metrics.resamples import RESAMPLES
from tests.boards import PROTOCOLS

SEEDS = 3
PATIENTS = st.sampled_from([None, 0.01, 0.1])
SCORES = st.integers(2, 5).flatmap(
    lambda m: st.integers(3, 8).flatmap(
        lambda d: arrays(float, (d, m, SEEDS), elements=st.sampled_from([0.1, 0.2, 0.5, 0.9]))
    )
)


def name(number: int) -> Name:
    return f"method-{number:02}", ""


def played(
    values: np.ndarray, origins: str = "abcdefghijkl", own: float | None = None
) -> list[Played]:
    """Return what [datasets, methods, seeds] are; NaN alone for who was not there.

    own: how far patients move each method's scores beside what they do to all, None where that is
    not known. Methods of equal scores are moved alike.
    """
    made = []
    for origin, scores in zip(origins, values, strict=False):
        names = [name(number) for number in range(len(scores))]
        table = pd.DataFrame(scores, pd.MultiIndex.from_tuples(names)).dropna(how="all")
        units = None if own is None else on_resamples(table.to_numpy(float), origin, own)
        made.append(Played(origin, True, Scored(table, units, 20.0)))
    return made


def on_resamples(scores: np.ndarray, origin: str, own: float) -> np.ndarray:
    """Return scores [methods, seeds] on resamples of the patients of an origin."""
    hard = np.random.default_rng(ord(origin)).normal(0, 0.05, RESAMPLES)
    moved = [np.random.default_rng(int(1000 * line.sum())) for line in np.nan_to_num(scores)]
    return np.stack([
        line[:, None] + hard + draw.normal(0, own, (SEEDS, RESAMPLES))
        for line, draw in zip(scores, moved, strict=True)
    ])  # fmt: skip


def ranked(
    values: np.ndarray, origins: str = "abcdefghijkl", own: float | None = None
) -> tuple[Standing, ...]:
    names = [name(number) for number in range(values.shape[1])]
    return standings(names, played(values, origins, own))


@settings(max_examples=10, deadline=None)
@given(SCORES, PATIENTS)
def test_two_identical_methods_share_a_rank_and_change_nothing_for_others(
    values: np.ndarray, own: float | None
) -> None:
    clone = name(values.shape[1])
    twice = np.concatenate([values, values[:, :1]], axis=1)
    alone, both = ranked(values, own=own), ranked(twice, own=own)
    place = {n: standing for standing in both for n in standing.names}
    assert place[clone] is place[name(0)]
    assert [s._replace(names=tuple(n for n in s.names if n != clone)) for s in both] == list(alone)


@settings(max_examples=10, deadline=None)
@given(SCORES, PATIENTS)
def test_a_dataset_of_the_same_origin_twice_changes_nothing(
    values: np.ndarray, own: float | None
) -> None:
    again = np.concatenate([values, values[:1]])
    assert ranked(again, "abcdefgh"[: len(values)] + "a", own) == ranked(values, own=own)


@settings(max_examples=10, deadline=None)
@given(SCORES, st.randoms(use_true_random=False))
def test_nothing_depends_on_the_order_of_datasets(values: np.ndarray, random) -> None:
    order = random.sample(range(len(values)), len(values))
    shuffled = ranked(values[order], "".join("abcdefgh"[number] for number in order))
    assert shuffled == ranked(values)


@settings(max_examples=10, deadline=None)
@given(SCORES, PATIENTS, st.data())
def test_one_method_more_un_ranks_nobody(values: np.ndarray, own: float | None, data) -> None:
    more = data.draw(arrays(float, (len(values), 1, SEEDS), elements=st.floats(0, 1)))
    names = {n for s in ranked(np.concatenate([values, more], axis=1), own=own) for n in s.names}
    assert names >= {n for s in ranked(values, own=own) for n in s.names}


def test_patients_of_whom_a_difference_depends_leave_a_draw_though_seeds_agree() -> None:
    """Three seeds say 0.03; where patients move methods alike it is one, else it is none."""
    level = np.array([0.70, 0.73])[:, None] + np.array([0.0, 0.002, 0.001])
    values = np.tile(level, (6, 1, 1))
    known = [played(values, own=own)[0].shares([name(0), name(1)])[1, 0] for own in (None, 0, 0.2)]
    assert known == [1.0, 1.0, 0.5]
    apart = played(values, own=0.01)[0].shares([name(0), name(1)])[1, 0]
    assert 0.95 < apart < 1.0
    assert {standing.letters for standing in ranked(values, own=0.2)} == {"a"}
    assert {standing.letters for standing in ranked(values)} == {"a", "b"}


def test_who_lacks_datasets_is_ranked_and_who_met_others_on_two_origins_is_not() -> None:
    values = np.random.default_rng(0).random((6, 5, SEEDS))
    values[3:, 3] = np.nan
    values[2:, 4] = np.nan
    found = {standing.names[0]: standing.origins for standing in ranked(values)}
    assert found == {name(0): 6, name(1): 6, name(2): 6, name(3): 3}


def test_under_three_origins_nobody_is_ranked() -> None:
    values = np.random.default_rng(0).random((6, 3, SEEDS))
    assert ranked(values, "aabbab") == ()
    assert len(ranked(values, "aabbac")) == 3
    assert ranked(values[:, :1]) == ()


def test_tables_of_a_dataset_are_averaged_inside_a_seed() -> None:
    columns = ("stream", "average accuracy")
    lines = [
        ("d", columns[0], "one", "ewc", "", 0, 0.2),
        ("d", columns[0], "two", "ewc", "", 0, 0.4),
        ("d", columns[0], "one", "ewc", "", 1, 0.3),
        ("d", columns[0], "two", "ewc", "", 1, np.nan),
        ("e", columns[0], "one", "ewc", "", 0, 0.7),
    ]
    table = pd.DataFrame(lines, columns=[*BY_SEED, columns[1]]).set_index(BY_SEED)
    units = {(*place, "all"): {} for place in (("d", columns[0]), ("e", columns[0]))}
    derived = [Derived(table, {}, units)]
    values = by_dataset(derived, {name: both.board for name, both in PROTOCOLS.items()})
    assert set(values) == {(*columns, "d"), (*columns, "e")}
    np.testing.assert_allclose(values[*columns, "d"].values, [[0.3, np.nan]])
    np.testing.assert_allclose(values[*columns, "e"].table.loc[("ewc", ""), 0], 0.7)
