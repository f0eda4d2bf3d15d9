import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medtl_bench.board.protocol import Name
from medtl_bench.board.standings import Played, Standing, by_dataset, standings
from medtl_bench.board.summary import BY_SEED
from tests.boards import PROTOCOLS

SEEDS = 3
SCORES = st.integers(2, 5).flatmap(
    lambda m: st.integers(3, 8).flatmap(
        lambda d: arrays(float, (d, m, SEEDS), elements=st.sampled_from([0.1, 0.2, 0.5, 0.9]))
    )
)


def name(number: int) -> Name:
    return f"method-{number:02}", ""


def played(values: np.ndarray, origins: str = "abcdefghijkl") -> list[Played]:
    """Return what [datasets, methods, seeds] are; NaN alone for who was not there."""
    made = []
    for origin, scores in zip(origins, values, strict=False):
        names = [name(number) for number in range(len(scores))]
        table = pd.DataFrame(scores, pd.MultiIndex.from_tuples(names)).dropna(how="all")
        made.append(Played(origin, True, table))
    return made


def ranked(values: np.ndarray, origins: str = "abcdefghijkl") -> tuple[Standing, ...]:
    return standings([name(number) for number in range(values.shape[1])], played(values, origins))


@settings(max_examples=10, deadline=None)
@given(SCORES)
def test_two_identical_methods_share_a_rank_and_change_nothing_for_others(
    values: np.ndarray,
) -> None:
    clone = name(values.shape[1])
    alone, both = ranked(values), ranked(np.concatenate([values, values[:, :1]], axis=1))
    place = {n: standing for standing in both for n in standing.names}
    assert place[clone] is place[name(0)]
    assert [s._replace(names=tuple(n for n in s.names if n != clone)) for s in both] == list(alone)


@settings(max_examples=10, deadline=None)
@given(SCORES)
def test_a_dataset_of_the_same_origin_twice_changes_nothing(values: np.ndarray) -> None:
    again = np.concatenate([values, values[:1]])
    assert ranked(again, "abcdefgh"[: len(values)] + "a") == ranked(values)


@settings(max_examples=10, deadline=None)
@given(SCORES, st.randoms(use_true_random=False))
def test_nothing_depends_on_the_order_of_datasets(values: np.ndarray, random) -> None:
    order = random.sample(range(len(values)), len(values))
    shuffled = ranked(values[order], "".join("abcdefgh"[number] for number in order))
    assert shuffled == ranked(values)


@settings(max_examples=10, deadline=None)
@given(SCORES, st.data())
def test_one_method_more_un_ranks_nobody(values: np.ndarray, data) -> None:
    more = data.draw(arrays(float, (len(values), 1, SEEDS), elements=st.floats(0, 1)))
    names = {n for s in ranked(np.concatenate([values, more], axis=1)) for n in s.names}
    assert names >= {n for s in ranked(values) for n in s.names}


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
    values = by_dataset(table, {name: both.board for name, both in PROTOCOLS.items()})
    assert set(values) == {(*columns, "d"), (*columns, "e")}
    np.testing.assert_allclose(values[*columns, "d"].to_numpy(), [[0.3, np.nan]])
    np.testing.assert_allclose(values[*columns, "e"].loc[("ewc", ""), 0], 0.7)
