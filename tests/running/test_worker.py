"""One job in one process: seeds, threads, and what is told of the machine and of a failure."""

import torch

from medtl_bench.running import machine
from medtl_bench.running.messages import Job, to_run
from medtl_bench.running.worker import _validating
from tests.records import record

ASKS = {"patience": 1}


def test_a_trial_returns_scores_seconds_and_memory(trial):
    outcome = trial().outcome
    assert outcome.status == "ok"
    assert {"fit", "adapt", "predict", "total"} == set(outcome.seconds)
    assert all(value >= 0 for value in outcome.seconds.values())
    assert outcome.peak_memory > 50
    assert {score.stage for score in outcome.scores} == {
        "validation",
        "fit",
        "adapt",
        "full",
        "retained",
    }
    assert {score.stage for score in trial(protocol="stream", scenario="all").outcome.scores} == {
        "untrained",
        "learn",
    }


def test_a_method_gets_labels_for_validation_of_its_sources_alone_and_only_if_it_asks():
    transfer = {"sources": ["site-a", "site-b"], "targets": ["site-c"]}
    stream = {"domains": ["site-c", "site-b"]}
    plain, patient, along = (
        record().trial.model_copy(update={"settings": settings, "parameters": parameters})
        for settings, parameters in ((transfer, {}), (transfer, ASKS), (stream, ASKS))
    )
    jobs = [Job(work=to_run(trials)) for trials in ([patient], [plain], [plain, patient], [along])]
    sources = {"site-a", "site-b"}
    assert [_validating(job) for job in jobs] == [sources, set(), sources, {"site-c"}]


def test_the_same_trial_has_the_same_scores_and_another_seed_others(trial):
    assert trial().outcome.scores == trial().outcome.scores
    assert trial().outcome.scores != trial(seed=1).outcome.scores


def test_a_trial_has_the_threads_it_asks_for(trial):
    torch.set_num_threads(2)
    trial(threads=1)
    assert torch.get_num_threads() == 1


def test_a_failure_keeps_reason_traceback_and_time(trial):
    reply = trial("raises")
    assert reply.outcome.reason == "ValueError: the sources are odd"
    assert "in fit" in reply.outcome.log
    assert reply.outcome.seconds["total"] > 0
    assert reply.exit_code == 1
    assert reply.machine == machine.machine()
