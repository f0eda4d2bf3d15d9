"""Jobs and replies cross process borders as JSON."""

import pytest
from pydantic import ValidationError

from medtl_bench.contract.scenario import Amount, Scenario
from medtl_bench.results.record import Outcome, Score, Trial
from medtl_bench.running.messages import (
    DatasetFacts,
    DescribeAlgorithm,
    DescribeDataset,
    Job,
    Reply,
    RunStack,
    RunTrial,
)

TRIAL = Trial(
    dataset="d",
    dataset_digest="x",
    algorithm="a",
    algorithm_source="s",
    parameters={"rate": 1e-3, "limit": None},
    protocol="stream",
    scenario="all",
    settings={"domains": ["p", "q"]},
    seed=1,
    versions={"torch": "2"},
)


@pytest.mark.parametrize(
    "work",
    [
        DescribeDataset(name="d", protocols=("transfer",), amount=Amount((1, 5), 2, sources=4)),
        DescribeAlgorithm(name="a", given={"x": "1"}, preset={"y": "2"}),
        RunTrial(trial=TRIAL),
        RunStack(trials=(TRIAL, TRIAL)),
    ],
)
def test_a_job_comes_back_as_it_was(work):
    job = Job(work=work, plugin_files=("a b.py",))
    assert Job.model_validate_json(job.model_dump_json()) == job


def test_a_reply_comes_back_with_its_scores_to_the_last_bit():
    score = Score("learn", "p", None, None, "q", "accuracy", 0.1 + 0.2, 7)
    reply = Reply(
        outcome=Outcome(status="ok", scores=(score,), seconds={"fit": 1 / 3}),
        machine={"cpu": "x"},
        exit_code=0,
    )
    back = Reply.model_validate_json(reply.model_dump_json())
    assert back == reply
    assert back.outcome.scores[0].value == 0.1 + 0.2


def test_a_job_says_which_trials_it_runs():
    assert Job(work=DescribeDataset(name="d")).trials == ()
    assert Job(work=RunTrial(trial=TRIAL)).trials == (TRIAL,)
    assert Job(work=RunStack(trials=(TRIAL, TRIAL))).trials == (TRIAL, TRIAL)


def test_facts_come_back_with_the_settings_of_scenarios_as_they_were():
    scenario = Scenario("to-b", {"sources": ["a"], "shots": [1, 5], "rate": 0.1}, optional=True)
    facts = DatasetFacts(
        name="d",
        digest="x",
        area="clinical",
        provenance="real",
        task="classification",
        metrics=("accuracy",),
        scenarios={"transfer": (scenario,)},
    )
    back = Reply.model_validate_json(Reply(dataset=facts).model_dump_json())
    assert back.dataset == facts


def test_a_job_with_unknown_fields_is_refused():
    with pytest.raises(ValidationError):
        Job.model_validate({"work": {"verb": "describe dataset", "name": "d"}, "shell": "rm"})
    with pytest.raises(ValidationError):
        Job.model_validate({"work": {"verb": "run anything", "name": "d"}})
