"""Whatever is added to a board, no other row's score moves and none is un-ranked."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from medtl_bench.board.build import Board
from medtl_bench.metrics.resamples import RESAMPLES
from medtl_bench.results.record import Record
from medtl_bench.results.resamples import encode
from tests.boards import build
from tests.records import record, transfer_scores

NAMES = ("dann", "ewc", "maml")
levels = st.sampled_from([0.2, 0.45, 0.5, 0.7, 0.95])
numbers = st.lists(levels, min_size=1, max_size=3)
boards = st.fixed_dictionaries(dict.fromkeys(NAMES, numbers))
HARD = np.random.default_rng(0).normal(0, 0.05, RESAMPLES)  # for all
PLACES = st.sampled_from(["x", "y"])


def made(name: str, scenario: str, seed: int, level: float, **fields) -> Record:
    """Return a record, with resamples but for one method whose records are older."""
    scores = transfer_scores(level, {1: [level], 3: [level]}, 0.9, kept={1: level, 3: level})
    if name != "maml":
        moved = np.random.default_rng(int(100 * level)).normal(0, 0.01, RESAMPLES) + HARD
        known = dict.fromkeys(("target 0", "few-shot area"), level + moved)
        fields = {"resampled": encode(known), "units": {"b": (30, 12)}, **fields}
    return record(algorithm=name, scenario=scenario, seed=seed, scores=scores, **fields)


def records(of_rows: dict[str, list[float]]) -> list[Record]:
    """Return records of two transfers, with a level for each seed of a row."""
    return [
        made(name, scenario, seed, level)
        for name, levels in of_rows.items()
        for seed, level in enumerate(levels)
        for scenario in "xy"
    ]


def shown(board: Board, names: Sequence[str] = NAMES) -> tuple[object, object]:
    """Return the scores of some rows, and which of them are ranked."""
    columns = ["algorithm", "measure", "mean", "half", "n"]
    rows = board.summary[board.summary["algorithm"].isin(list(names))][columns]
    ranked = board.rows.set_index("algorithm")["ranked"]
    return rows.sort_values(columns[:2]).round(9).to_csv(index=False), [ranked[n] for n in names]


def unmoved(before: list[Record], *more: Record, names: Sequence[str] = NAMES) -> None:
    assert shown(build([*before, *more]), names) == shown(build(before), names)


few = settings(max_examples=3, deadline=None)


@few
@given(boards, levels)
def test_one_more_seed_of_one_row_moves_no_other(of_rows, level) -> None:
    more = [made("dann", scenario, 9, level) for scenario in "xy"]
    unmoved(records(of_rows), *more, names=("ewc", "maml"))
    assert all(build([*records(of_rows), *more]).rows["ranked"])


@few
@given(boards, PLACES, levels)
def test_half_a_seed_moves_nobody_not_even_its_own_row(of_rows, scenario, level) -> None:
    unmoved(records(of_rows), made("dann", scenario, 9, level))


@few
@given(boards, numbers)
def test_one_more_method_moves_nobody(of_rows, levels) -> None:
    unmoved(records(of_rows), *records({"si": levels}))


@few
@given(boards, PLACES, st.sampled_from(["failed", "timeout"]))
def test_a_trial_that_breaks_moves_no_other_row_and_unranks_nobody(of_rows, where, status) -> None:
    before = records(of_rows)
    whole = [r for r in before if (r.trial.algorithm, r.trial.scenario) != ("dann", where)]
    broken = [made("dann", where, seed, 0.5) for seed in range(len(of_rows["dann"]))]
    failed = [r.model_copy(update={"outcome": r.outcome.model_copy(
        update={"status": status, "scores": ()})}) for r in broken]  # fmt: skip
    after = build([*whole, *failed])
    assert shown(after, ("ewc", "maml")) == shown(build(before), ("ewc", "maml"))
    assert all(after.rows["ranked"])


@few
@given(boards, levels)
def test_an_optional_transfer_moves_nobody(of_rows, level) -> None:
    unmoved(records(of_rows), made("dann", "z", 0, level, optional=True))
    unmoved(records(of_rows), made("dann", "z", 7, level, optional=True))


@few
@given(boards)
def test_two_names_of_one_method_are_tied_everywhere_and_share_a_rank(of_rows) -> None:
    board = build(records({**of_rows, "twin": of_rows["dann"]}))
    columns = ["measure", "mean", "half", "n", "best", "tied", "rank", "same"]
    rows = {n: board.summary[board.summary["algorithm"] == n][columns] for n in ("dann", "twin")}
    judged = [rows[n][rows[n]["measure"] != "seconds"].to_csv(index=False) for n in rows]
    assert judged[0] == judged[1]
    alone = build(records(of_rows)).summary.set_index(["algorithm", "measure"])["rank"]
    with_twin = board.summary.set_index(["algorithm", "measure"])["rank"]
    assert with_twin.reindex(alone.index).equals(alone), "it counts once"
