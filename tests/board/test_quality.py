"""Quality control finds what is failed, missing, out of range, slow or large, and nothing else."""

import random

import pytest

from medtl_bench.board.quality import Quality, quality
from tests.boards import build
from tests.records import record, stream_record, stream_scores, suite, transfer_scores

CURVE = {1: [0.6] * 2, 3: [0.7] * 2}
CONTROLS = (("chance", 0.5), ("source-only", 0.6), ("target-only", 0.7))


def found(records) -> Quality:
    board = build(records)
    return quality(board.trials, board.scores, board.rows)


def of(algorithm, start, seed=0, **fields):
    scores = transfer_scores(start, {k: [start] * 2 for k in CURVE}, start, source=0.9)
    return record(algorithm=algorithm, seed=seed, scores=scores, **fields)


def controlled(*others, **fields):
    """Return records of controls, some below and some above, and of other methods."""
    bounds = [of(name, level, family="bound", **fields) for name, level in CONTROLS]
    return [*bounds, *others]


def test_of_a_sound_suite_nothing_is_found():
    whole = found(suite(seeds=2))
    assert not any((whole.failed, whole.diverged, whole.timeout, whole.missing, whole.slow))
    assert not whole.memory
    assert whole.uncontrolled == ()


def test_what_failed_is_told_apart_by_its_reason_with_its_key():
    reasons = {
        "failed": "ValueError: the sources are odd",
        "diverged": "FloatingPointError: its loss is nan",
        "again": "predict returned 400 values that are NaN or infinite.",
    }
    bad = [
        record(algorithm=name, status="failed", reason=reason) for name, reason in reasons.items()
    ]
    late = record(algorithm="late", status="timeout", reason="It ran longer.")
    whole = found([of("dann", 0.6), *bad, late])
    assert [one.key for one in whole.failed] == [bad[0].trial.key]
    assert whole.failed[0].reason == reasons["failed"]
    assert {one.method for one in whole.diverged} == {"diverged", "again"}
    assert [one.key for one in whole.timeout] == [late.trial.key]


def test_what_others_have_and_a_row_lacks_is_missing():
    both = [of("dann", 0.6, scenario=name) for name in ("one", "two")]
    whole = found([*both, of("ewc", 0.6, scenario="one")])
    (one,) = whole.missing
    assert (one.method, one.value, one.high, one.key) == ("ewc", 1.0, 2.0, "")


@pytest.mark.parametrize(("level", "odd"), [(0.2, True), (0.45, False), (0.75, False), (0.9, True)])
def test_a_score_beyond_the_controls_by_more_than_half_their_distance_is_out_of_range(level, odd):
    # between 0.5 and 0.7 at every stage on the target, so from 0.4 to 0.8
    method = of("dann", level)
    stages = {one.reason for one in found(controlled(method)).out_of_range}
    assert stages == ({"adapt", "full"} | ({"fit"} if odd else set()) if odd else set())


def test_the_margin_has_a_least_where_controls_lie_close():
    bounds = [of("chance", 0.5, family="bound"), of("joint", 0.51, family="bound")]
    assert not found([*bounds, of("dann", 0.55)]).out_of_range
    (one, *_) = found([*bounds, of("dann", 0.58)]).out_of_range
    assert (one.low, one.high) == (pytest.approx(0.5), pytest.approx(0.51))


def test_where_less_is_better_the_range_is_turned():
    fields = {"metrics": ("rmse",), "task": "regression"}

    def value(algorithm, level, **more):
        scores = transfer_scores(level, metric="rmse", source=0.5)
        return record(algorithm=algorithm, scores=scores, **fields, **more)

    bounds = [value("chance", 2.0, family="bound"), value("joint", 1.0, family="bound")]
    assert not found([*bounds, value("dann", 1.5)]).out_of_range
    (one,) = found([*bounds, value("dann", 0.1)]).out_of_range
    # with the source's 0.5, which is scored at the same stage
    assert (one.low, one.high) == (pytest.approx(0.75), pytest.approx(1.25))
    assert one.value < one.low


def test_a_dataset_without_both_controls_is_told():
    assert found([of("dann", 0.9)]).uncontrolled == ("hearts",)
    assert found(controlled(of("dann", 0.9))).uncontrolled == ()


def test_slow_and_large_trials_are_held_against_the_median_of_their_dataset():
    usual = [of("dann", 0.6, seed=seed, peak_memory=300.0) for seed in range(5)]
    slow = of("maml", 0.6, seconds={"total": 5.5}, peak_memory=700.0)
    edge = of("ewc", 0.6, seconds={"total": 5.0}, peak_memory=600.0)
    whole = found([*usual, slow, edge])
    assert [(one.key, one.value, one.low) for one in whole.slow] == [(slow.trial.key, 5.5, 1.0)]
    assert [(one.key, one.value, one.low) for one in whole.memory] == [
        (slow.trial.key, 700.0, 300.0)
    ]


def test_streams_are_controlled_too():
    def stream(algorithm, level, **more):
        r = [[level] * 3] * 3
        return stream_record(algorithm=algorithm, scores=stream_scores(r, [0.5] * 3), **more)

    bounds = [stream("chance", 0.5, family="bound"), stream("joint", 0.7, family="bound")]
    (one,) = found([*bounds, stream("ewc", 0.95)]).out_of_range
    assert (one.method, one.reason, one.value) == ("ewc", "learn", pytest.approx(0.95))


def test_the_order_of_records_does_not_matter():
    records = controlled(of("dann", 0.9), of("ewc", 0.95), of("maml", 0.1))
    shuffled = random.Random(1).sample(records, len(records))
    assert found(shuffled) == found(records)


def test_no_records_are_no_findings():
    assert found([]) == Quality((), (), (), (), (), (), (), ())
