"""One job in one process: seeds, reasons, and what is told of the machine."""

import getpass
import platform
import random
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from medtl_bench.catalogue import discovery
from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.scenario import Transfer
from medtl_bench.errors import DataError
from medtl_bench.results.record import Trial
from medtl_bench.running import describe, failure, machine, worker
from medtl_bench.running.messages import DescribeDataset, Job, RunTrial
from medtl_bench.running.trial import run_trial
from medtl_bench.testing.tiny import unlabelled
from tests.records import record


@pytest.fixture
def trial(plugin_file):
    """Return a function: the reply to a trial of the tiny dataset."""

    def run(algorithm="column", protocol="transfer", scenario="to-c", **fields):
        trial = Trial(
            dataset="tiny", dataset_digest="", algorithm=algorithm, algorithm_source="", parameters={}, protocol=protocol,
            scenario=scenario, sources=("a", "b"), targets=("c",), shots=(1, 2), draws=2, seed=0, versions={},
        ).model_copy(update=fields)  # fmt: skip
        return worker.perform(
            Job(
                task=RunTrial(trial=trial),
                plugin_files=(plugin_file("tiny"), plugin_file("hostile")),
            )
        )

    return run


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


def test_the_same_trial_has_the_same_scores_and_another_seed_others(trial):
    assert trial().outcome.scores == trial().outcome.scores
    assert trial().outcome.scores != trial(seed=1).outcome.scores


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


def test_a_trial_has_the_threads_it_asks_for(trial):
    torch.set_num_threads(2)
    trial(threads=1)
    assert torch.get_num_threads() == 1


def test_parameters_reach_the_algorithm(trial):
    assert (
        trial(parameters={"noise": 5.0}).outcome.scores
        != trial(parameters={"noise": 0.0}).outcome.scores
    )


def test_a_failure_keeps_reason_traceback_and_time(trial):
    reply = trial("raises")
    assert reply.outcome.reason == "ValueError: the sources are odd"
    assert "in fit" in reply.outcome.log
    assert reply.outcome.seconds["total"] > 0
    assert reply.exit_code == 1
    assert reply.machine == machine.machine()


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


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("odd"), "ValueError: odd"),
        (DataError("Dataset 'x' is odd."), "Dataset 'x' is odd."),
        (KeyError("weight"), "KeyError: 'weight'"),
        (MemoryError(), "It ran out of memory: the limit was reached"),
        (
            np._core._exceptions._ArrayMemoryError((2**40,), np.dtype("f8")),
            "It ran out of memory: Unable to allocate 8.00 TiB",
        ),
        (
            RuntimeError(
                "[enforce fail] . DefaultCPUAllocator: can't allocate memory: you tried\nmore"
            ),
            "It ran out of memory: ",
        ),
        (RuntimeError("std::bad_alloc"), "It ran out of memory: std::bad_alloc"),
    ],
)
def test_a_reason_is_one_line(error, told):
    assert failure.reason(error).startswith(told)
    assert "\n" not in failure.reason(error)


def test_a_reason_of_many_lines_becomes_one_and_not_endless():
    assert (
        failure.reason(RuntimeError("sizes differ\n  here: 3\n  there: 4"))
        == "RuntimeError: sizes differ here: 3 there: 4"
    )
    assert len(failure.reason(ValueError("x" * 10**6))) < 1000


def test_the_machine_is_not_named():
    told = " ".join(machine.machine().values())
    assert platform.node() not in told
    assert getpass.getuser() not in told
    assert set(machine.machine()) == {"platform", "python", "cpu"}


def test_a_method_that_needs_labels_is_skipped_on_an_integration_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = discovery.find()
    monkeypatch.setattr(type(found), "dataset", lambda self, name: unlabelled())
    scenario = unlabelled().transfers[0]
    outcomes = {}
    for name in ("fine-tune", "uncorrected"):
        between = {"sources": scenario.sources, "targets": scenario.targets}
        trial = record(
            dataset="tiny", algorithm=name, scenario=scenario.name, parameters={}, **between
        ).trial
        outcomes[name] = run_trial(found, trial, found.dataset)
    assert (outcomes["fine-tune"].status, outcomes["uncorrected"].status) == ("skipped", "ok")
    assert outcomes["fine-tune"].reason == "it learns from labels, and this dataset has none"
    assert {score.metric for score in outcomes["uncorrected"].scores} == {
        "ilisi",
        "silhouette_batch",
    }


def test_all_transfers_of_a_dataset_ask_for_what_the_scarcest_target_allows() -> None:
    data = unlabelled()
    few = replace(data.domains[0], train=data.domains[0].train[torch.arange(4)])
    transfers = (
        Transfer("to-few", ("site-b",), ("site-a",)),
        Transfer("to-many", ("site-b",), ("site-c",)),
    )
    data = replace(data, domains=(few, *data.domains[1:]), transfers=transfers)
    facts = describe.describe_dataset(
        SimpleNamespace(dataset=lambda name: data), DescribeDataset(name="tiny")
    )
    assert {scenario.name: scenario.most_shots for scenario in facts.scenarios} == {
        "to-few": 3,
        "to-many": 3,
    }


def test_a_log_names_files_from_their_package_on(trial, plugin_file) -> None:
    log = trial("raises").outcome.log
    assert 'File "medtl_bench/running/trial.py"' in log
    assert 'File "hostile.py"' in log
    assert "raise ValueError" in log
    assert not re.search(r'File "/', log)


def test_the_files_of_causes_are_named_so_too() -> None:
    try:
        try:
            failure.reason(None, None)
        except TypeError as error:
            raise DataError("It broke.") from error
    except DataError as error:
        log = failure.failed(error, 0.0).log
    assert "direct cause" in log
    assert not re.search(r'File "/', log)
