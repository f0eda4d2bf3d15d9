"""Jobs in this process: described, run, and failures told as replies."""

import pytest

from medtl_bench.catalogue import discovery
from medtl_bench.errors import MedTLError
from medtl_bench.running import executors
from medtl_bench.running.executors import Limits, inprocess
from medtl_bench.running.messages import DescribeAlgorithm, DescribeDataset, Job


@pytest.fixture
def reply_to(plugin_file):
    def ask(work):
        files = (plugin_file("tiny"), plugin_file("hostile"))
        ((job, reply),) = inprocess.run([Job(work=work, plugin_files=files)])
        assert job.work == work
        return reply

    return ask


def test_a_dataset_is_described(reply_to):
    reply = reply_to(DescribeDataset(name="tiny", protocols=("transfer", "stream")))
    facts = reply.dataset
    assert (facts.name, facts.task, facts.provenance, len(facts.digest)) == (
        "tiny",
        "classification",
        "simulated",
        64,
    )
    assert facts.metrics == ("balanced_accuracy", "roc_auc", "ece", "brier")
    assert facts.lower_is_better == ("ece", "brier")
    assert facts.plugins == facts.failed == {}
    told = {name: [(s.name, s.optional) for s in there] for name, there in facts.scenarios.items()}
    assert told == {"transfer": [("to-c", False), ("a-to-b", True)], "stream": [("all", False)]}
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
    ("work", "told"),
    [
        (DescribeDataset(name="tinny"), "There is no dataset named 'tinny'"),
        (DescribeDataset(name="tiny-broken"), "x holds NaN or infinity in rows 3"),
        (DescribeAlgorithm(name="column", given={"noise": "loud"}), "is not of type float"),
    ],
)
def test_what_cannot_be_described_is_told(reply_to, work, told):
    reply = reply_to(work)
    assert (reply.dataset, reply.algorithm) == (None, None)
    assert told in reply.outcome.reason
    assert (reply.outcome.status, reply.exit_code) == ("failed", 2)


def test_it_is_made_by_name_and_has_no_options():
    catalogue = discovery.find()
    assert inprocess.make(Limits(), {}) is inprocess.run
    assert callable(executors.make(catalogue, "in-process", Limits()))
    with pytest.raises(MedTLError, match="'in-process' has no options, but got jobs"):
        executors.make(catalogue, "in-process:jobs=2", Limits())


def test_an_interrupt_is_for_the_user(reply_to, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("medtl_bench.catalogue.discovery.find", interrupt)
    with pytest.raises(KeyboardInterrupt):
        reply_to(DescribeDataset(name="tiny"))
