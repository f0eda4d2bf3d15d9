"""Jobs in this process: described, run, and failures told as replies."""

import pytest

from medtl_bench.running.executors import inprocess
from medtl_bench.running.messages import DescribeAlgorithm, DescribeDataset, Job


@pytest.fixture
def reply_to(plugin_file):
    def ask(task):
        ((job, reply),) = inprocess.run(
            [Job(task=task, plugin_files=(plugin_file("tiny"), plugin_file("hostile")))]
        )
        assert job.task == task
        return reply

    return ask


def test_a_dataset_is_described(reply_to):
    reply = reply_to(DescribeDataset(name="tiny"))
    facts = reply.dataset
    assert (facts.name, facts.task, facts.provenance, len(facts.digest)) == (
        "tiny",
        "classification",
        "simulated",
        64,
    )
    assert [(s.name, s.protocol, s.optional) for s in facts.scenarios] == [
        ("to-c", "transfer", False), ("a-to-b", "transfer", True), ("all", "stream", False),
    ]  # fmt: skip
    assert set(reply.versions) == {"medtl-bench", "torch", "numpy"}
    assert reply.exit_code == 0


def test_an_algorithm_is_described_with_all_its_parameters(reply_to):
    facts = reply_to(
        DescribeAlgorithm(name="column", given={"noise": "2"}, preset={"column": "1", "steps": "3"})
    ).algorithm
    assert facts.parameters == {"column": 1, "noise": 2.0}
    assert facts.variant == "noise=2"
    assert facts.family == "baseline"
    assert facts.source.startswith("a file 0 ")


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (DescribeDataset(name="tinny"), "There is no dataset named 'tinny'"),
        (DescribeDataset(name="tiny-broken"), "x holds NaN or infinity in rows 3"),
        (DescribeAlgorithm(name="column", given={"noise": "loud"}), "is not of type float"),
    ],
)
def test_what_cannot_be_described_is_told(reply_to, task, told):
    reply = reply_to(task)
    assert (reply.dataset, reply.algorithm) == (None, None)
    assert told in reply.outcome.reason
    assert (reply.outcome.status, reply.exit_code) == ("failed", 2)


def test_an_interrupt_is_for_the_user(reply_to, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("medtl_bench.catalogue.discovery.find", interrupt)
    with pytest.raises(KeyboardInterrupt):
        reply_to(DescribeDataset(name="tiny"))
