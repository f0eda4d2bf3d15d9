"""Rows that are equal in every seed are one training, and ranked once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from medtl_bench.board.groups import alike, leaders, ranks
from tests.boards import build, render
from tests.records import record, transfer_scores

NAN = float("nan")


def test_rows_are_equal_where_both_have_a_seed_and_one_is_shared() -> None:
    rows = [[0.5, 0.6, NAN], [0.5, 0.6, 0.9], [NAN, NAN, 0.1], [0.5, 0.7, NAN], [NAN, NAN, NAN]]
    assert leaders(np.array(rows)).tolist() == [0, 0, 2, 3, 4]


def test_a_short_row_does_not_join_two_that_differ() -> None:
    rows = np.array([[0.5, NAN], [0.5, 0.6], [0.5, 0.7]])
    assert leaders(rows).tolist() == [0, 0, 2]
    assert ranks(rows, higher_is_better=True).tolist() == [2, 2, 1]


def test_equal_rows_share_a_rank_and_count_once() -> None:
    rows = np.array([[0.9], [0.9], [0.9], [0.5]])
    assert ranks(rows, higher_is_better=True).tolist() == [1, 1, 1, 2]
    assert ranks(rows, higher_is_better=False).tolist() == [2, 2, 2, 1]
    assert alike(rows, np.array([True, False, True, True])).tolist() == [0, -1, 0, -1]


def test_no_row_is_in_no_group() -> None:
    assert leaders(np.empty((0, 3))).tolist() == []
    assert alike(np.ones((2, 3)), np.zeros(2, bool)).tolist() == [-1, -1]


levels = st.lists(st.sampled_from([0.1, 0.5, 0.9, NAN]), min_size=3, max_size=3)


@given(st.lists(levels, min_size=1, max_size=5), st.booleans())
def test_a_copy_of_a_row_shares_its_rank_and_moves_nobody(
    rows: list[list[float]], higher: bool
) -> None:
    before = ranks(np.array(rows), higher)
    after = ranks(np.array([*rows, rows[0]]), higher)
    if np.isfinite(rows[0]).all():
        np.testing.assert_array_equal(after, [*before, before[0]])


def test_pages_name_equal_rows_and_set_one_of_them_in_bold() -> None:
    def made(name: str, start: float, acts_from: str):
        scores = transfer_scores(start, {1: [start], 3: [start]})
        return record(algorithm=name, acts_from=acts_from, scores=scores)

    names = {"ewc": "adapt", "fine-tune": "adapt", "si": "adapt"}
    board = build([*(made(n, 0.9, a) for n, a in names.items()), made("dann", 0.5, "fit")])
    same = board.summary[board.summary["measure"] == "target 0"].set_index("algorithm")["same"]
    assert same.to_dict() == {"dann": "", "ewc": "ewc", "fine-tune": "ewc", "si": "ewc"}
    page = render(board, {})["datasets/hearts.md"]
    named = "ewc, fine-tune, si = plain training."
    measures = "Target score, k = 0; Few-shot area"
    assert f"Equal in every seed and ranked once in {measures}: {named}" in page
    rows = [line for line in page.split("### Methods")[1].splitlines() if line.startswith("| ")]
    assert sum("**0.900**" in line for line in rows[:5]) == 1
    equal = build([made("ewc", 0.9, "adapt"), made("forest", 0.9, "fit")])
    assert "ewc, forest are equal." in render(equal, {})["datasets/hearts.md"]
