"""Jobs and replies cross process borders as JSON."""

import pytest
from pydantic import ValidationError

from medtl_bench.results.record import Outcome, Score, Trial
from medtl_bench.running.messages import DescribeAlgorithm, DescribeDataset, Job, Reply, RunTrial

TRIAL = Trial(
    dataset="d", dataset_digest="x", algorithm="a", algorithm_source="s",
    parameters={"rate": 1e-3, "limit": None},
    protocol="stream", scenario="all", domains=("p", "q"), seed=1, versions={"torch": "2"},
)  # fmt: skip


@pytest.mark.parametrize(
    "task",
    [
        DescribeDataset(name="d"),
        DescribeAlgorithm(name="a", given={"x": "1"}, preset={"y": "2"}),
        RunTrial(trial=TRIAL),
    ],
)
def test_a_job_comes_back_as_it_was(task):
    job = Job(task=task, plugin_files=("a b.py",))
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


def test_a_job_with_unknown_fields_is_refused():
    with pytest.raises(ValidationError):
        Job.model_validate({"task": {"verb": "describe dataset", "name": "d"}, "shell": "rm"})
    with pytest.raises(ValidationError):
        Job.model_validate({"task": {"verb": "run anything", "name": "d"}})
