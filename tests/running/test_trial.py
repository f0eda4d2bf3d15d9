"""Trials: seeds, parameters, and which are skipped with which reason."""

import random
from pathlib import Path

import numpy as np
import torch

from medtl_bench.catalogue import discovery
from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.protocols.transfer import TRANSFER
from medtl_bench.protocols.withheld import blinded
from medtl_bench.running import worker
from medtl_bench.running.messages import Job, RunStack
from medtl_bench.running.scoring import Scoring
from medtl_bench.running.trial import Setting, run_trial
from medtl_bench.testing.tiny import unlabelled
from tests.records import record
from tests.running.conftest import SETTINGS


def test_a_trial_does_not_listen_to_what_was_drawn_before(trial):
    first = trial().outcome.scores
    torch.manual_seed(99)
    torch.rand(5)
    random.random()
    assert trial().outcome.scores == first


def test_the_global_generators_are_seeded_by_the_trial_and_not_by_the_algorithm(trial):
    def drawn(**fields):
        trial(**fields)
        return torch.initial_seed(), random.random(), float(np.random.rand())

    first = drawn()
    assert drawn() == first
    assert drawn(algorithm="meek") == first
    assert drawn(seed=1) != first


def test_parameters_reach_the_algorithm(trial):
    assert (
        trial(parameters={"noise": 5.0}).outcome.scores
        != trial(parameters={"noise": 0.0}).outcome.scores
    )


def test_a_stack_may_hold_trials_of_other_numbers(trial, files):
    short = {"steps": 5, "adapt_steps": 2, "width": 8}
    draws = [{"weight": weight, "learning_rate": weight / 100} for weight in (0.1, 1.0, 2.0)]
    alone = [trial("dann", parameters=short | draw).outcome for draw in draws]
    assert len({str(outcome.scores) for outcome in alone}) == 3
    made = record(algorithm="dann", dataset="tiny", scenario="to-c", settings=SETTINGS["transfer"])
    trials = [made.trial.model_copy(update={"parameters": short | draw}) for draw in draws]
    reply = worker.perform(Job(work=RunStack(trials=tuple(trials)), plugin_files=files))
    for ours, theirs in zip(reply.outcomes, alone, strict=True):
        assert (ours.status, ours.stacked, ours.log) == ("ok", 3, "")
        pairs = zip(ours.scores, theirs.scores, strict=True)
        assert max(abs(one.value - other.value) for one, other in pairs) < 1e-3


def test_a_skipped_trial_has_a_reason_and_no_scores(trial):
    outcome = trial("only-masks").outcome
    assert (outcome.status, outcome.reason, outcome.scores) == ("skipped", "it only segments", ())


def test_a_method_whose_inputs_do_not_suit_it_is_skipped_too(trial, monkeypatch):
    monkeypatch.setattr(
        Algorithm, "takes", classmethod(lambda cls, x: f"it takes no rows of shape {list(x.shape)}")
    )
    outcome = trial().outcome
    assert (outcome.status, outcome.reason, outcome.scores) == (
        "skipped",
        "it takes no rows of shape [1, 3]",
        (),
    )


def test_a_method_that_needs_labels_is_skipped_on_an_integration_task(tmp_path: Path) -> None:
    catalogue, data = discovery.find(), unlabelled()
    scenario = data.transfers[0]
    between = {"sources": list(scenario.sources), "targets": list(scenario.targets)}
    trial = record(dataset=data.name, scenario=scenario.name, **between).trial
    outcomes = {}
    for name in ("fine-tune", "uncorrected"):
        setting = Setting(catalogue.algorithm(name), TRANSFER, blinded(data))
        answered = run_trial(setting, trial, tmp_path / name)
        assert answered.outcome.scores == ()
        scoring = Scoring(TRANSFER, data)
        outcomes[name] = scoring.outcome(trial, answered, tmp_path / name)
    assert (outcomes["fine-tune"].status, outcomes["uncorrected"].status) == ("skipped", "ok")
    assert outcomes["fine-tune"].reason == "it learns from labels, and this dataset has none"
    assert {score.metric for score in outcomes["uncorrected"].scores} == {
        "ilisi",
        "silhouette_batch",
    }
