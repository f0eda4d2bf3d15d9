"""Runs and methods are compared trial by trial: only what both have, and what it can tell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtl_bench.board import paired
from medtl_bench.board.paired import Difference
from medtl_bench.results.resamples import encode
from tests.boards import PROTOCOLS
from tests.records import record, stream_record, stream_scores, transfer_scores

HALVES = {name: both.board for name, both in PROTOCOLS.items()}
SEEDS = range(4)


def of(start, *, seeds=SEEDS, algorithm="dann", **fields):
    """Return a record a seed of a transfer whose scores are about `start`."""
    return [
        record(
            algorithm=algorithm,
            seed=seed,
            scores=transfer_scores(start + 0.001 * seed, {1: [0.7] * 2, 3: [0.75] * 2}, 0.8),
            **fields,
        )
        for seed in seeds
    ]


def runs(first, second):
    return paired.runs(first, second, HALVES)


def by_measure(found) -> dict[str, Difference]:
    return {one.measure: one for one in found.differences}


def test_the_same_run_is_neither_better_nor_worse():
    found = runs(of(0.6), of(0.6))
    assert (found.trials, found.broken, found.alone) == (4, (), {})
    assert {one.change for one in found.differences} == {"not told apart"}
    assert set(by_measure(found)) == {"target 0", "few-shot area"}
    assert not any(one.worse_by(0.0) for one in found.differences)


def test_a_constant_gain_is_found_and_turned_round_it_is_a_loss():
    better = by_measure(runs(of(0.6), of(0.65)))["target 0"]
    assert (better.gain, better.change, better.n) == (pytest.approx(0.05), "better", 4)
    assert (better.first, better.second) == (pytest.approx(0.6015), pytest.approx(0.6515))
    worse = by_measure(runs(of(0.65), of(0.6)))["target 0"]
    assert (worse.gain, worse.change) == (pytest.approx(-0.05), "worse")
    assert worse.worse_by(0.01)
    assert not worse.worse_by(0.06)


def test_the_interval_is_that_of_student_and_of_one_seed_there_is_none():
    gains = np.array([0.01, 0.03, 0.02])
    mean, low, high, units = paired.interval(gains)
    assert not units
    assert mean == pytest.approx(0.02)
    # t(0.975, 2) sd / sqrt(3)
    assert high - mean == pytest.approx(4.302653 * 0.01 / np.sqrt(3), rel=1e-5)
    assert mean - low == pytest.approx(high - mean)
    (one, *_) = runs(of(0.6, seeds=[0]), of(0.1, seeds=[0])).differences
    assert np.isnan(one.low)
    assert (one.change, one.worse_by(0.0)) == ("not told apart", False)


def test_patients_widen_an_interval_and_are_paired_inside_a_resample():
    """What is hard for both leaves no doubt; what is hard for one does."""
    draw = np.random.default_rng(0)
    hard, own = draw.normal(0, 0.05, 100), draw.normal(0, 0.05, 100)

    def scored(start, on_resamples):
        return [
            one.model_copy(update={"outcome": one.outcome.model_copy(update={
                "resampled": encode({"target 0": start + on_resamples}), "units": {"b": (30, 12)},
            })})
            for one in of(start)
        ]  # fmt: skip

    first = scored(0.6, hard)
    shared = by_measure(runs(first, scored(0.63, hard)))["target 0"]
    assert (shared.change, shared.units) == ("better", True)
    alone = by_measure(runs(first, scored(0.63, own)))["target 0"]
    assert (alone.change, alone.units) == ("not told apart", True)
    # a variance of patients alone: t(0.975, 10.9) of their standard deviation
    assert alone.high - alone.gain == pytest.approx(2.2 * (own - hard).std(ddof=1), rel=0.05)
    without = by_measure(runs(first, of(0.63)))["target 0"]
    assert (without.change, without.units) == ("better", False)
    assert not by_measure(runs(first, scored(0.63, own)))["few-shot area"].units


def test_where_less_is_better_less_is_a_gain():
    metrics = {"metrics": ("rmse",), "task": "regression"}
    first, second = (
        [
            record(seed=seed, scores=transfer_scores(value, metric="rmse"), **metrics)
            for seed in SEEDS
        ]
        for value in (0.9, 0.7)
    )
    found = by_measure(runs(first, second))["target 0"]
    assert (found.gain, found.change) == (pytest.approx(0.2), "better")


def test_forgetting_more_is_worse_in_the_table_of_its_stream():
    def stream(kept):
        r = [[0.9, 0.5, 0.5], [kept, 0.9, 0.5], [kept, kept, 0.9]]
        return [stream_record(seed=seed, scores=stream_scores(r)) for seed in SEEDS]

    found = by_measure(runs(stream(0.8), stream(0.6)))
    assert found["forgetting"].gain == pytest.approx(-0.2)
    assert found["forgetting"].change == found["average accuracy"].change == "worse"
    assert found["forgetting"].scenario == "line"


def test_only_what_both_have_counts_and_the_rest_is_told():
    first = of(0.6, seeds=range(3))
    second = [*of(0.65, seeds=[1, 2, 3]), *of(0.1, scenario="to-x")]
    found = runs(first, second)
    assert by_measure(found)["target 0"].n == 2
    assert (found.trials, found.alone) == (2, {paired.ONLY_FIRST: 1, paired.ONLY_SECOND: 5})


@pytest.mark.parametrize("other", [{"dataset_digest": "d2"}, {"draws": 3}, {"metrics": ("ece",)}])
def test_other_data_settings_or_metrics_are_not_compared(other):
    found = runs(of(0.6), of(0.7, **other))
    assert (found.differences, found.alone) == ((), {paired.OTHER_CONDITIONS: 4})


def test_what_fails_in_the_second_alone_is_broken_and_what_failed_in_the_first_is_told():
    failed = {"status": "failed", "reason": "ValueError: odd"}
    second = [*of(0.6, seeds=[0, 1]), record(seed=2, **failed), record(seed=3)]
    found = runs([*of(0.6, seeds=[0, 1, 2]), record(seed=3, **failed)], second)
    assert found.broken == (second[2].trial.key,)
    assert found.alone == {paired.NOT_OK: 1}


def test_the_newest_of_two_versions_of_a_method_counts():
    old = of(0.1, algorithm_source="older", finished="2026-10-01T00:00:00Z")
    found = runs(of(0.6), [*old, *of(0.6)])
    assert by_measure(found)["target 0"].gain == 0.0


def test_methods_are_paired_by_scenario_and_seed():
    found = paired.methods(of(0.6), of(0.7, algorithm="ewc"), HALVES)
    one = by_measure(found)["target 0"]
    assert (one.algorithm, one.gain) == ("ewc", pytest.approx(0.1))


@settings(max_examples=20)
@given(st.randoms(use_true_random=False), st.lists(st.integers(4, 9), unique=True))
def test_no_order_and_no_trial_of_one_side_changes_a_difference(random, more):
    first, second = of(0.6), of(0.62)
    expected = runs(first, second)
    bigger = [*second, *of(0.1, seeds=more), *of(0.2, algorithm="maml")]
    random.shuffle(bigger)
    random.shuffle(first)
    found = runs(first, bigger)
    assert (found.differences, found.trials) == (expected.differences, expected.trials)


def test_nothing_at_all_has_no_difference():
    assert runs([], []).differences == ()
    assert runs(of(0.6), []).alone == {paired.ONLY_FIRST: 4}
