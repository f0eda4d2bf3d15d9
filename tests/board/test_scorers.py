"""The experiment on scorers: what each would have chosen, beside source validation."""

import math

import pytest

from medtl_bench.board import scorers
from medtl_bench.board.scorers import BASELINE, CHANCE, Experiment, ScorerRow
from medtl_bench.results.record import Score
from medtl_bench.results.rules import LEAVE_ONE_OUT, SOURCE_VALIDATION
from tests.board.test_tuned import judging, named, on_target
from tests.boards import build

# by candidate: source validation, leave-one-source-out, entropy, SND, and its score
DRAWS = {0: (0.9, 0.5, 0.2, 1.0, 0.6), 1: (0.8, 0.7, 0.1, 2.0, 0.8), 2: (0.7, 0.6, 0.3, 3.0, 0.5)}


def said(name: str, value: float) -> Score:
    return Score("unlabelled", None, None, None, None, f"scorer {name}", value, 40)


def records(algorithm: str = "dann", seeds: int = 2, *, oracle: bool = True):
    """Return records of a method whose draws were judged by all rules, and run."""
    found, ours = [], {"algorithm": algorithm}
    for seed in range(seeds):
        for candidate, (validated, left_out, entropy, snd, score) in DRAWS.items():
            one = judging(SOURCE_VALIDATION, validated, seed, candidate, **ours)
            scores = (*one.outcome.scores, said("entropy", entropy), said("SND", snd))
            outcome = one.outcome.model_copy(update={"scores": scores})
            found.append(one.model_copy(update={"outcome": outcome}))
            found.append(judging(LEAVE_ONE_OUT, left_out, seed, candidate, **ours))
            if oracle or not candidate:
                found.append(on_target(score, seed, **named(candidate), **ours))
    return found


def experiment(found) -> Experiment:
    (one,) = build(found).experiments
    return one


def rows(found) -> dict[str, ScorerRow]:
    return {row.scorer: row for row in experiment(found).rows}


def test_regret_and_tau_by_hand():
    """Entropy, of which less is better, and leaving one out choose draw 1, SND draw 2."""
    found = rows(records())
    regrets = {name: row.within.value for name, row in found.items()}
    assert regrets == pytest.approx(
        {
            CHANCE: 0.8 - 1.9 / 3,
            BASELINE: 0.8 - 0.6,
            "leave-one-source-out": 0,
            "entropy": 0,
            "SND": 0.8 - 0.5,
        }
    )
    assert found["entropy"].tau.value == pytest.approx(1)
    assert found["SND"].tau.value == pytest.approx(-1 / 3)
    assert found[BASELINE].tau_within.value == pytest.approx(1 / 3)
    assert math.isnan(found[CHANCE].tau.value)
    assert found["SND"].reference == "Saito 2021"


def test_it_says_of_how_much_it_is_and_of_one_method_and_seed_there_is_no_interval():
    one = experiment(records())
    assert one[:3] == ("hearts", "transfer", "balanced_accuracy")
    assert (one.methods, one.draws, one.seeds, one.scenarios) == (1, 3, 2, 1)
    assert rows(records())["entropy"].within.low == 0
    bare = rows(records(seeds=1))["entropy"]
    assert bare.within.value == 0
    assert math.isnan(bare.within.low)
    assert bare.verdict == "cannot be told"


def test_less_regret_than_source_validation_is_told_where_the_interval_says_so():
    found = records() + records("ewc")
    verdicts = {row.scorer: row.verdict for row in experiment(found).rows}
    assert verdicts["entropy"] == verdicts["leave-one-source-out"] == "less"
    assert verdicts["SND"] == "more"
    assert verdicts[BASELINE] == "cannot be told"
    counts = {one.scorer: one[3:] for one in scorers.tally(build(found).experiments)}
    assert (counts["entropy"], counts["SND"]) == ((1, 0), (0, 1))


def test_over_methods_the_best_of_all_is_what_is_lost_to():
    found = rows(records() + records("ewc"))
    assert found["SND"].regret.value == pytest.approx(0.3)
    assert found["SND"].tau.value == pytest.approx(found["SND"].tau_within.value)


def test_the_order_of_records_moves_nothing():
    found = records() + records("ewc")
    assert repr(experiment(found)) == repr(experiment(found[::-1]))


@pytest.mark.parametrize("oracle", [True, False])
def test_records_without_scorers_or_draws_on_targets_have_no_experiment(oracle):
    found = records(oracle=oracle)
    if oracle:
        found = [
            one for one in found if not any(s.stage == "unlabelled" for s in one.outcome.scores)
        ]
    assert build(found).experiments == ()


def test_a_scorer_that_is_not_known_here_is_left_out():
    found = records()
    scores = (*found[0].outcome.scores, said("of tomorrow", 1.0))
    outcome = found[0].outcome.model_copy(update={"scores": scores})
    found[0] = found[0].model_copy(update={"outcome": outcome})
    assert set(rows(found)) == set(rows(records()))
