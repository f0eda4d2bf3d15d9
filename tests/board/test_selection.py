"""Which trials stand on a board together."""

import pandas as pd
import pytest

from medtl_bench.board import selection
from medtl_bench.board.build import Board
from medtl_bench.results.record import Record
from tests.boards import build, render
from tests.records import record, transfer_scores

OLD, NEW = "2026-01-01", "2026-02-01"


def lot(start: float, names: tuple[str, ...] = ("dann", "ewc", "maml"), **fields) -> list[Record]:
    """Return records of some methods that all have one score."""
    return [record(algorithm=n, scores=transfer_scores(start), **fields) for n in names]


def means(board: Board) -> dict[str, float]:
    """Return the target score of each row by its label."""
    rows = board.summary[board.summary["measure"] == "target 0"].merge(board.rows)
    return dict(zip(rows["label"], rows["mean"].round(6), strict=True))


def why(board: Board) -> dict[str, int]:
    return dict(zip(board.left_out["why"], board.left_out["trials"], strict=True))


def test_newest_data_wins_over_a_larger_older_lot() -> None:
    new = lot(0.9, ("dann",), dataset_digest="d2", finished=NEW)
    board = build([*lot(0.5, finished=OLD), *new])
    assert means(board) == {"dann": 0.9}
    assert why(board) == {selection.OLDER_DATA: 3}


def test_newest_data_counts_only_where_something_of_it_is_ok() -> None:
    broken = record(status="failed", dataset_digest="d2", finished=NEW)
    assert set(means(build([*lot(0.5, finished=OLD), broken]))) == {"dann", "ewc", "maml"}


@pytest.mark.parametrize("change", [{"shots": (1,)}, {"draws": 9}, {"sources": ("c",)}])
def test_of_presets_that_of_most_trials_counts_however_new_others_are(change: dict) -> None:
    other = lot(0.9, ("dann", "maml"), finished=NEW, **change)
    board = build([*lot(0.5, finished=OLD), *other])
    assert means(board) == {"dann": 0.5, "ewc": 0.5, "maml": 0.5}
    assert why(board) == {selection.OTHER_SETTINGS: 2}


def test_a_quick_check_of_more_methods_does_not_undo_a_finished_run() -> None:
    quick = lot(0.9, ("dann", "ewc", "maml"), shots=(5,), quick=True, finished=NEW)
    board = build([*lot(0.5, ("dann",), finished=OLD), *quick])
    assert means(board) == {"dann": 0.5}
    assert why(board) == {selection.QUICK: 3}
    assert means(build(quick)) == {"dann": 0.9, "ewc": 0.9, "maml": 0.9}


def test_a_quick_check_stands_beside_no_finished_run_even_of_other_rows() -> None:
    quick = lot(0.9, ("maml",), parameters={"steps": 5}, quick=True, finished=NEW)
    assert set(means(build([*lot(0.5, ("dann",)), *quick]))) == {"dann"}


def test_parameters_of_two_presets_never_mix_in_a_row() -> None:
    def seeds(start: float, steps: int, count: int, finished: str) -> list[Record]:
        made = {"parameters": {"steps": steps}, "scores": transfer_scores(start)}
        return [record(seed=seed, finished=finished, **made) for seed in range(count)]

    board = build([*seeds(0.5, 200, 3, OLD), *seeds(0.9, 5, 1, NEW)])
    assert means(board) == {"dann": 0.5}
    assert why(board) == {selection.OTHER_STATE: 1}


def test_an_edited_plugin_is_shown_alone_with_fewer_seeds() -> None:
    first = {"algorithm_source": "mine 0 aaaa", "finished": OLD}
    old = [record(seed=s, scores=transfer_scores(0.5), **first) for s in range(3)]
    edited = {"algorithm_source": "mine 0 bbbb", "finished": NEW}
    board = build([*old, record(scores=transfer_scores(0.9), **edited)])
    assert means(board) == {"dann": 0.9}
    (state,) = board.facts[0].states
    assert (state.label, state.source, state.left_out) == ("dann", "mine 0 bbbb", 3)
    page = render(board, {})["datasets/hearts.md"]
    assert "dann in transfer is of the state mine 0 bbbb; left out of its other" in page


def test_an_edited_plugin_counts_also_where_it_breaks() -> None:
    old = record(algorithm_source="mine 0 aaaa", scores=transfer_scores(0.5), finished=OLD)
    broken = record(algorithm_source="mine 0 bbbb", status="failed", finished=NEW)
    board = build([old, broken, *lot(0.7, ("ewc",))])
    assert board.rows.set_index("label").loc["dann", ["ok", "failed"]].tolist() == [0, 1]


def test_how_a_package_was_built_makes_no_other_version() -> None:
    tags = enumerate(("2.14.1+cpu", "2.14.1+cu130", "2.14.1"))
    made = [record(seed=s, versions={"torch": v}, scores=transfer_scores(0.5)) for s, v in tags]
    board = build(made)
    assert not len(board.left_out)
    assert board.summary["n"].max() == 3
    page = render(board, {})["datasets/hearts.md"]
    assert "torch 2.14.1 or 2.14.1+cpu or 2.14.1+cu130" in page


def test_rows_of_other_versions_stand_beside_and_are_told_but_never_mix_in_a_row() -> None:
    old = lot(0.5, versions={"torch": "2.6"}, finished=OLD)
    new = lot(0.9, ("dann",), versions={"torch": "2.7"}, seed=1, finished=NEW)
    board = build([*old, *new])
    assert means(board) == {"dann": 0.9, "ewc": 0.5, "maml": 0.5}
    page = render(board, {})["datasets/hearts.md"]
    assert "1 thread, torch 2.6 of ewc, maml; 1 thread, torch 2.7 of dann" in page


def test_a_metric_that_only_newer_trials_were_asked_for_leaves_the_others_on_the_board() -> None:
    def made(name: str, *more: str, **fields) -> Record:
        scores = transfer_scores(0.5, extra=dict.fromkeys(more, 0.7))
        return record(algorithm=name, metrics=("balanced_accuracy", *more), scores=scores, **fields)

    board = build([made("dann", finished=OLD), made("ewc", "roc_auc", finished=NEW)])
    assert means(board) == {"dann": 0.5, "ewc": 0.5}
    other = board.summary[board.summary["measure"] == "target 0 roc_auc"]
    assert other.set_index("algorithm")["mean"].dropna().to_dict() == {"ewc": 0.7}


def test_nothing_to_choose_from_is_no_trial() -> None:
    kept, left_out = selection.select(build([]).trials.assign(protocol=[]), {})
    assert len(kept) == len(left_out) == 0
    assert list(selection.counted(pd.DataFrame(left_out)).columns) == ["dataset", "why", "trials"]
