"""A trial that broke has the worst score of its scenario, and its row stays."""

import numpy as np
import pandas as pd
import pytest

from medtl_bench.board.build import Board
from medtl_bench.results.record import Record
from tests.boards import build, render
from tests.records import METRIC, record, stream_record, stream_scores, transfer_scores

CURVE = {1: [0.6], 3: [0.6]}


def made(name: str, start: float, seed: int = 0, **fields) -> Record:
    metric = fields.get("metrics", (METRIC,))[0]
    scores = transfer_scores(start, CURVE, metric=metric)
    return record(algorithm=name, seed=seed, scores=scores, **fields)


def broken(name: str, seed: int = 0, **fields) -> Record:
    return record(algorithm=name, seed=seed, status="failed", reason="It broke.", **fields)


def found(board: Board, name: str, measure: str = "target 0") -> pd.Series:
    rows = board.summary[board.summary["measure"] == measure].set_index("algorithm")
    return rows.loc[name]


def test_a_row_that_broke_once_stays_ranked_with_the_worst_score_of_the_scenario() -> None:
    others = [made("ewc", 0.7, 0), made("ewc", 0.4, 1), made("maml", 0.8, 0), made("maml", 0.8, 1)]
    board = build([*others, made("dann", 0.9, 0), broken("dann", 1)])
    assert found(board, "dann")[["mean", "n", "rank"]].tolist() == [pytest.approx(0.65), 2, 2]
    assert board.rows.set_index("algorithm").loc["dann", ["ok", "failed", "ranked"]].tolist() == [
        1,
        1,
        True,
    ]
    page = render(board, {})["datasets/hearts.md"]
    assert "dann: 1 of 2 trials broke, with the worst score" in page
    assert "It broke." in page


def test_what_broke_every_time_is_last_and_not_away() -> None:
    board = build([made("ewc", 0.7), made("maml", 0.8), broken("dann")])
    assert found(board, "dann")[["mean", "rank"]].tolist() == [0.7, 2], "equal to the worst row"
    assert np.isnan(found(board, "dann", "seconds")["mean"]) or not board.summary.empty


def test_the_worst_is_the_highest_where_lower_is_better() -> None:
    rmse = {"metrics": ("rmse",)}
    board = build([made("ewc", 0.7, **rmse), made("maml", 0.8, **rmse), broken("dann", **rmse)])
    assert found(board, "dann")["mean"] == 0.8
    forgets = [[0.9, 0.5, 0.4], [0.7, 0.8, 0.6], [0.8, 0.6, 0.7]]
    keeps = [[0.9, 0.5, 0.4], [0.9, 0.9, 0.6], [0.9, 0.9, 0.9]]
    streams = [("ewc", forgets), ("maml", keeps)]
    of_streams = [stream_record(algorithm=n, scores=stream_scores(r)) for n, r in streams]
    board = build([*of_streams, stream_record(status="timeout")])
    assert found(board, "dann", "forgetting")["mean"] == pytest.approx(0.15)


def test_chance_is_the_worst_where_no_method_is_below() -> None:
    board = build([made("ewc", 0.7), made("chance", 0.5, family="bound"), broken("dann")])
    assert found(board, "dann")["mean"] == 0.5


def test_bounds_are_not_judged_and_where_nobody_is_ok_there_is_no_score() -> None:
    board = build([made("ewc", 0.7), broken("source-only", family="bound")])
    assert board.summary["algorithm"].unique().tolist() == ["ewc"]
    assert not build([broken("ewc"), broken("dann")]).rows["complete"].any()


def test_a_measure_that_one_trial_of_a_row_lacks_is_the_worst_there() -> None:
    lacking = made("dann", 0.9, 1)
    scores = [s for s in lacking.outcome.scores if s.stage != "fit" or s.domain != "b"]
    outcome = lacking.outcome.model_copy(update={"scores": tuple(scores)})
    lacks = lacking.model_copy(update={"outcome": outcome})
    others = [made("ewc", 0.5, 0), made("ewc", 0.5, 1)]
    board = build([*others, made("dann", 0.9, 0), lacks])
    assert found(board, "dann")[["mean", "n"]].tolist() == [pytest.approx(0.7), 2]
