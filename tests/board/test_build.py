import warnings
from collections.abc import Iterator, Sequence
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from medtl_bench.board.build import Board
from medtl_bench.results.record import Record, Score
from tests.boards import build, render
from tests.records import (
    METHODS,
    METRIC,
    record,
    stream_record,
    stream_scores,
    suite,
    transfer_scores,
)

R = [[0.9, 0.5, 0.4], [0.7, 0.8, 0.6], [0.8, 0.6, 0.7]]
B = [0.5, 0.45, 0.3]


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def cell(board: Board, measure: str, algorithm: str = "dann", **where: object) -> pd.Series | None:
    table = board.summary[
        (board.summary["measure"] == measure) & (board.summary["algorithm"] == algorithm)
    ]
    for name, value in where.items():
        table = table[table[name] == value]
    assert len(table) <= 1
    return table.iloc[0] if len(table) else None


def value(board: Board, measure: str, algorithm: str = "dann", **where: object) -> float:
    found = cell(board, measure, algorithm, **where)
    return float("nan") if found is None else found["mean"]


def row(board: Board, algorithm: str = "dann", variant: str = "") -> pd.Series:
    return board.rows[
        (board.rows["algorithm"] == algorithm) & (board.rows["variant"] == variant)
    ].iloc[0]


def test_transfer_measures_by_hand() -> None:
    curve = {1: [0.6, 0.7], 3: [0.8, 0.9]}
    scores = transfer_scores(
        0.5,
        curve,
        0.95,
        source=0.7,
        before=0.9,
        kept={1: 0.8, 3: 0.6, None: 0.5},
        extra={"ece": 0.1, "brier": 0.3},
    )
    board = build([record(scores=scores, seconds={"total": 2.5, "fit": 1.0})])
    assert value(board, "target 0") == pytest.approx(0.5)
    assert value(board, "target 1") == pytest.approx(0.65)
    assert value(board, "target 3") == pytest.approx(0.85)
    assert value(board, "target full") == pytest.approx(0.95)
    assert value(board, "few-shot area") == pytest.approx(
        ((0.5 + 0.65) / 2 + (0.65 + 0.85) / 2) / 2
    )
    assert value(board, "source forgetting 1") == pytest.approx(0.1)
    assert value(board, "source forgetting 3") == pytest.approx(0.3)
    assert value(board, "source forgetting full") == pytest.approx(0.4)
    assert value(board, "ece") == pytest.approx(0.1)
    assert value(board, "brier") == pytest.approx(0.3)
    assert value(board, "seconds") == pytest.approx(2.5)


def test_validation_scores_and_sources_stay_out_of_the_target_score() -> None:
    scores = (
        Score("validation", None, None, None, "a", METRIC, 0.01, 5),
        Score("fit", None, None, None, "a", METRIC, 0.99, 5),
        Score("fit", None, None, None, "b", METRIC, 0.4, 5),
        Score("fit", None, None, None, "c", METRIC, 0.6, 5),
    )
    board = build([record(targets=("b", "c"), scores=scores)])
    assert value(board, "target 0") == pytest.approx(0.5)


def test_draws_targets_and_transfers_are_averaged_inside_a_seed() -> None:
    def one(scenario: str, seed: int, start: float) -> Record:
        return record(
            scenario=scenario,
            seed=seed,
            targets=("b", "c"),
            scores=transfer_scores(start, targets="bc"),
        )

    board = build([one("x", 0, 0.2), one("y", 0, 0.4), one("x", 1, 0.6), one("y", 1, 0.8)])
    found = cell(board, "target 0")
    assert (found["mean"], found["n"]) == (pytest.approx(0.5), 2)
    assert found["half"] == pytest.approx(
        12.7062 * np.std([0.3, 0.7], ddof=1) / np.sqrt(2), abs=1e-4
    )


def test_stream_measures_by_hand() -> None:
    board = build([stream_record(scores=stream_scores(R, B))])
    assert value(board, "average accuracy") == pytest.approx(0.7)
    assert value(board, "forgetting") == pytest.approx(0.15)
    assert value(board, "backward transfer") == pytest.approx(-0.15)
    assert value(board, "forward transfer") == pytest.approx((0.05 + 0.3) / 2)
    assert value(board, "average accuracy", scenario="line") == pytest.approx(0.7)


def test_task_aware_measures_stand_beside_the_others() -> None:
    aware = stream_scores((np.array(R) + 0.1).tolist(), B, metric="task_aware_" + METRIC)
    board = build([stream_record(scores=(*stream_scores(R, B), *aware))])
    assert value(board, "average accuracy") == pytest.approx(0.7)
    assert value(board, "task_aware_average accuracy") == pytest.approx(0.8)
    assert value(board, "task_aware_forgetting") == pytest.approx(0.15)
    assert "task_aware_average accuracy" not in set(
        build([stream_record(scores=stream_scores(R, B))]).summary["measure"]
    )


def test_streams_of_different_length_do_not_mix() -> None:
    short = stream_scores([[0.9, 0.1], [0.5, 0.9]], [0.5, 0.5], domains="xy")
    board = build(
        [
            stream_record(scores=stream_scores(R, B)),
            stream_record(scenario="short", domains=("x", "y"), scores=short),
        ]
    )
    assert value(board, "forgetting", scenario="short") == pytest.approx(0.4)
    assert value(board, "forgetting", scenario="line") == pytest.approx(0.15)


def test_a_missing_entry_of_the_matrix_makes_its_measures_blank() -> None:
    board = build(
        [
            stream_record(
                scores=[s for s in stream_scores(R, B) if (s.learned, s.domain) != ("y", "z")]
            )
        ]
    )
    assert value(board, "average accuracy") == pytest.approx(0.7)
    assert np.isnan(value(board, "forward transfer"))


def test_lower_is_better_turns_ranks_and_differences_but_not_levels() -> None:
    def scores(start: float, kept: float) -> tuple[Score, ...]:
        return transfer_scores(start, {1: [1.0]}, source=1.0, kept={1: kept}, metric="rmse")

    records = [
        record(
            algorithm=name,
            metrics=("rmse",),
            shots=(1,),
            draws=1,
            seed=seed,
            scores=scores(start, 1.5),
        )
        for name, start in (("good", 1.0), ("bad", 3.0))
        for seed in (0, 1)
    ]
    board = build(records)
    assert value(board, "target 0", "bad") == pytest.approx(3.0)
    assert cell(board, "target 0", "good")["best"]
    assert (cell(board, "target 0", "good")["rank"], cell(board, "target 0", "bad")["rank"]) == (
        1,
        2,
    )
    assert value(board, "source forgetting 1", "good") == pytest.approx(0.5), "more error is a loss"
    rising = stream_scores([[1.0, 5.0], [2.0, 1.0]], [5.0, 6.0], domains="xy", metric="rmse")
    stream = build([stream_record(domains=("x", "y"), metrics=("rmse",), scores=rising)])
    assert value(stream, "average accuracy") == pytest.approx(1.5)
    assert value(stream, "forgetting") == pytest.approx(1.0)
    assert value(stream, "backward transfer") == pytest.approx(-1.0)
    assert value(stream, "forward transfer") == pytest.approx(1.0)


def test_the_interval_over_targets_is_of_their_means_over_seeds_and_draws() -> None:
    levels = {"c": (0.6, 0.8), "d": (0.5, 0.5), "e": (0.6, 0.6)}  # of two seeds
    records = []
    for target, its in levels.items():
        for seed, level in enumerate(its):
            scores = transfer_scores(level, {1: [level + 0.1, level + 0.2]}, 0.9, targets=(target,))
            records.append(
                record(
                    scenario=f"to-{target}", targets=(target,), seed=seed, shots=(1,), scores=scores
                )
            )
    board = build(records)
    found = board.further["transfer"]["over targets"].set_index("shots")
    assert list(found["n"]) == [3, 3, 3]
    assert found["mean"].to_dict() == pytest.approx({0.0: 0.6, 1.0: 0.75, -1.0: 0.9})
    half = t.ppf(0.975, 2) * 0.1 / np.sqrt(3)
    assert found["half"].to_dict() == pytest.approx({0.0: half, 1.0: half, -1.0: 0.0})
    two = build([one for one in records if one.trial.scenario != "to-e"])
    assert two.further["transfer"]["over targets"]["half"].isna().all()


def test_no_transfer_is_over_no_targets() -> None:
    assert set(build([stream_record(scores=stream_scores(R, B))]).further) == {"stream"}
    assert not build([]).further


def with_bounds(
    method: Sequence[float],
    source: Sequence[float] = (0.6, 0.62),
    target: Sequence[float] = (0.8, 0.81),
    metric: str = METRIC,
) -> Iterator[Record]:
    both = enumerate(zip(method, source, target, strict=True))
    for seed, (mine, low, high) in both:
        shared = {"seed": seed, "metrics": (metric,), "shots": ()}
        yield record(scores=transfer_scores(mine, full=0.5, metric=metric), **shared)
        for name, start, full in (("source-only", low, 0.1), ("target-only", 0.0, high)):
            yield record(
                algorithm=name,
                family="bound",
                scores=transfer_scores(start, full=full, metric=metric),
                **shared,
            )


def test_gap_closed_and_bounds_are_not_ranked() -> None:
    board = build(list(with_bounds((0.7, 0.7))))
    assert value(board, "gap closed") == pytest.approx((0.7 - 0.61) / 0.195)
    assert np.isnan(value(board, "gap closed", "target-only"))
    bounds = board.summary[board.summary["algorithm"] != "dann"]
    assert not bounds[["best", "tied"]].any(axis=None)
    assert bounds["rank"].isna().all()


def test_gap_closed_where_lower_is_better() -> None:
    board = build(list(with_bounds((2.0, 2.0), (3.0, 3.1), (1.0, 1.1), metric="rmse")))
    assert value(board, "gap closed") == pytest.approx((3.05 - 2.0) / 2.0)


def with_plain(
    method: Sequence[float], plain: Sequence[float], metric: str = METRIC
) -> Iterator[Record]:
    for seed, scores in enumerate(zip(method, plain, strict=True)):
        for name, level in zip(("dann", "fine-tune"), scores, strict=True):
            told = transfer_scores(level, full=level, metric=metric)
            yield record(algorithm=name, seed=seed, metrics=(metric,), shots=(), scores=told)


@pytest.mark.parametrize(("metric", "sign"), [(METRIC, 1), ("rmse", -1)])
def test_a_gain_is_paired_by_seed_and_turned_so_that_positive_is_better(
    metric: str, sign: int
) -> None:
    board = build(list(with_plain((0.7, 0.9, 0.5), (0.6, 0.7, 0.5), metric)))
    of = cell(board, "gain in target 0")
    assert of["mean"] == pytest.approx(sign * 0.1)
    assert of["half"] == pytest.approx(t.ppf(0.975, 2) * 0.1 / np.sqrt(3))
    assert np.isnan(value(board, "gain in target 0", "fine-tune"))


def test_there_is_no_gain_of_bounds_or_without_plain_training() -> None:
    bounds = list(with_bounds((0.7, 0.7)))
    assert not build(bounds).summary["measure"].str.startswith("gain").any()
    board = build(
        [
            *bounds,
            *(r for r in with_plain((0.7, 0.7), (0.5, 0.6)) if r.trial.algorithm == "fine-tune"),
        ]
    )
    assert value(board, "gain in target 0") == pytest.approx(0.15)
    assert np.isnan(value(board, "gain in target 0", "source-only"))


def test_gap_closed_is_blank_when_the_gap_is_under_its_own_error() -> None:
    assert cell(
        build(list(with_bounds((0.7, 0.7), (0.6, 0.6), (0.5, 0.71)))), "gap closed"
    ) is None or np.isnan(
        value(build(list(with_bounds((0.7, 0.7), (0.6, 0.6), (0.5, 0.71)))), "gap closed")
    )


def test_a_row_without_a_whole_seed_is_counted_but_not_ranked() -> None:
    def one(algorithm: str, scenario: str, seed: int) -> Record:
        return record(
            algorithm=algorithm, scenario=scenario, seed=seed, scores=transfer_scores(0.5)
        )

    whole = [one("ewc", scenario, seed) for scenario in "xy" for seed in (0, 1)]
    board = build([*whole, one("dann", "x", 0), one("dann", "x", 1)])
    assert row(board)[["ok", "missing", "planned", "complete", "ranked"]].tolist() == (
        [2, 2, 4, False, False]
    )
    assert row(board, "ewc")["ranked"]
    assert cell(board, "target 0") is None
    more = build([*whole, one("dann", "x", 0), one("dann", "x", 1), one("dann", "y", 1)])
    assert row(more)[["ok", "missing", "planned", "complete"]].tolist() == [3, 1, 4, True]
    found = cell(more, "target 0")
    assert (found["n"], found["rank"]) == (1, 1), "seed 0 lacks a transfer, so only seed 1 counts"


def test_where_no_row_has_a_whole_seed_there_is_no_number() -> None:
    parted = [("dann", "to-b", ("b",)), ("ewc", "to-c", ("c",))]
    scored = {name: transfer_scores(0.7, targets=targets) for name, _, targets in parted}
    board = build(
        record(algorithm=name, scenario=scenario, targets=targets, scores=scored[name])
        for name, scenario, targets in parted
    )
    assert board.summary.empty
    assert board.rows["complete"].tolist() == [False, False]
    assert "dann" in render(board, {})["datasets/hearts.md"]


def test_a_row_that_lacks_a_score_its_peers_have_is_blank_there() -> None:
    full = transfer_scores(0.5, {1: [0.6, 0.7], 3: [0.8, 0.9]})
    lacking = [score for score in full if (score.shots, score.draw) != (3, 1)]
    board = build([record(algorithm="ewc", scores=full), record(scores=lacking)])
    assert value(board, "target 1") == pytest.approx(0.65)
    assert np.isnan(value(board, "target 3"))
    assert np.isnan(value(board, "few-shot area"))
    assert value(board, "few-shot area", "ewc") > 0


def test_one_seed_has_no_interval_and_ties_all() -> None:
    board = build(
        [record(scores=transfer_scores(0.5)), record(algorithm="ewc", scores=transfer_scores(0.9))]
    )
    assert cell(board, "target 0", "ewc")["best"]
    assert cell(board, "target 0")["tied"]
    assert np.isnan(cell(board, "target 0")["half"])


def test_identical_scores_are_all_best() -> None:
    board = build(
        [
            record(algorithm=name, seed=s, scores=transfer_scores(0.5))
            for name in ("dann", "ewc")
            for s in (0, 1, 2)
        ]
    )
    for name in ("dann", "ewc"):
        assert cell(board, "target 0", name)[["best", "tied", "half", "rank"]].tolist() == [
            True,
            False,
            0.0,
            1,
        ]


def test_a_score_that_is_nan_is_not_there() -> None:
    board = build(
        [record(algorithm=name, scores=transfer_scores(float("nan"))) for name in ("dann", "ewc")]
    )
    assert np.isnan(value(board, "target 0"))
    assert board.rows["complete"].all()


def test_no_records_and_only_failed_ones() -> None:
    empty = build([])
    assert len(empty.trials) == len(empty.scores) == len(empty.rows) == len(empty.summary) == 0
    failed = build(
        [
            record(status="failed", reason="Traceback"),
            stream_record(status="timeout", reason="It ran longer."),
        ]
    )
    assert len(failed.summary) == 0
    assert failed.rows[["failed", "timeout"]].sum().tolist() == [1, 1]


def test_methods_without_a_trial_on_a_dataset_are_told_by_those_they_have_elsewhere() -> None:
    here = [record(algorithm=name, scores=transfer_scores(0.5)) for name in ("dann", "ewc")]
    variant = record(algorithm="maml", variant="steps=5", scores=transfer_scores(0.5))
    elsewhere = record(dataset="old", algorithm="dann", scores=transfer_scores(0.5))
    untried = {fact.dataset: fact.untried for fact in build([*here, variant, elsewhere]).facts}
    assert untried == {"hearts": (), "old": ("ewc",)}


def test_of_conditions_with_as_many_trials_the_newest_count() -> None:
    old = record(scores=transfer_scores(0.5), finished="2026-01-01")
    new = record(scores=transfer_scores(0.9), finished="2026-02-01", versions={"torch": "2.7"})
    assert value(build([new, old]), "target 0") == pytest.approx(0.9)


def test_the_protocols_of_a_dataset_may_have_their_own_conditions() -> None:
    board = build(
        [
            record(scores=transfer_scores(0.5)),
            stream_record(scores=stream_scores(R, B), versions={"torch": "2.7"}),
        ]
    )
    assert len(board.rows) == 2
    assert len(board.left_out) == 0


def test_of_several_keys_of_one_cell_the_newest_counts() -> None:
    old = record(
        algorithm_source="medtl-bench 0.1", scores=transfer_scores(0.5), finished="2026-01-01"
    )
    new = record(
        algorithm_source="medtl-bench 0.2", scores=transfer_scores(0.6), finished="2026-02-01"
    )
    board = build([new, old])
    assert value(board, "target 0") == pytest.approx(0.6)
    assert board.left_out[["dataset", "trials"]].to_numpy().tolist() == [["hearts", 1]]


def test_variants_are_rows_of_their_own() -> None:
    records = [
        record(variant=v, parameters={"v": v}, scores=transfer_scores(s))
        for v, s in (("", 0.5), ("weight=0.5", 0.6))
    ]
    board = build(records)
    assert board.rows["label"].tolist() == ["dann", "dann (weight=0.5)"]
    assert value(board, "target 0", variant="weight=0.5") == pytest.approx(0.6)


def test_tidy_scores_are_those_of_the_records() -> None:
    records = suite(["hearts"], {"dann": METHODS["dann"]}, seeds=1)
    board = build({r.trial.key: r for r in records})
    assert len(board.scores) == sum(len(r.outcome.scores) for r in records)
    by_key = {r.trial.key: r for r in records}
    for number, trial in board.trials.iterrows():
        its = board.scores[board.scores["trial"] == number]
        expected = pd.DataFrame(by_key[trial["key"]].outcome.scores)
        np.testing.assert_array_equal(its["value"], expected["value"])
        assert its["stage"].astype(object).tolist() == expected["stage"].tolist()
        assert its["domain"].isna().sum() == expected["domain"].isna().sum()


@settings(max_examples=5, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_records_changes_nothing(random: Random) -> None:
    records = suite(["hearts"], dict(list(METHODS.items())[:5]), seeds=2, draws=2)
    before = build(records)
    random.shuffle(records)
    after = build(records)
    for name in ("trials", "rows", "summary", "left_out"):
        left, right = getattr(before, name), getattr(after, name)
        pd.testing.assert_frame_equal(
            left.drop(columns="record", errors="ignore"),
            right.drop(columns="record", errors="ignore"),
        )
    pd.testing.assert_frame_equal(before.scores, after.scores)


def test_of_questions_whose_domain_was_not_told_there_are_measures_of_their_own() -> None:
    worse = stream_scores((np.array(R) - 0.1).tolist(), B, metric="task_agnostic_" + METRIC)
    board = build([stream_record(scores=(*stream_scores(R, B), *worse))])
    assert value(board, "average accuracy") == pytest.approx(0.7)
    assert value(board, "task_agnostic_average accuracy") == pytest.approx(0.6)
    assert value(board, "task_agnostic_forgetting") == pytest.approx(0.15)
