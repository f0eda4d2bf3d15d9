"""What a key holds: versions of packages, stacking, and nothing of what else is asked for."""

from importlib import metadata

import pytest

from medtl_bench.contract.scenario import Transfer
from medtl_bench.running import describe

CALLING = """
from tests.plugins_for_tests.tiny import Column

@hookimpl
def medtl_algorithms():
    return [AlgorithmEntry("calls", Column, "Calls.", "baseline", packages=("scikit-learn",))]
"""


def test_a_key_changes_with_the_version_of_a_package_that_the_method_calls(
    run, write_plugin, monkeypatch
):
    words = ("-d", "tiny", "-a", "calls", "-a", "column", "--plugin", write_plugin(CALLING))
    now = run(*words, out="now")
    monkeypatch.setattr(describe, "version", lambda name: f"later than {metadata.version(name)}")
    later = run(*words, out="later")
    installed = metadata.version("scikit-learn")
    for name, changes in (("calls", True), ("column", False)):
        first, second = ([r for r in ran if r.trial.algorithm == name] for ran in (now, later))
        assert len(first) == len(second) == 2
        keys = {record.trial.key for record in first}
        assert keys.isdisjoint(record.trial.key for record in second) == changes
        expected = {"scikit-learn": installed} if changes else {}
        assert all(record.trial.packages == expected for record in first)


@pytest.fixture
def seeds(run):
    """Return a function: the records by seed of fine-tuning, run with some --stack."""

    def call(stack: int, *words: object):
        asked = ("-d", "tiny", "-a", "fine-tune", "--protocol", "transfer", "--seeds", 3)
        ran = run(*asked, "--stack", stack, *words, out=f"stack {stack}")
        return {record.trial.seed: record for record in ran}

    return call


def test_stacking_is_in_the_key_and_the_scores_agree(seeds):
    alone, beside = seeds(1), seeds(64)
    assert set(alone) == set(beside) == {0, 1, 2}
    for seed, record in alone.items():
        other = beside[seed]
        assert record.trial.key != other.trial.key
        assert record.trial == other.trial.model_copy(update={"stacked": False})
        assert (record.outcome.stacked, other.outcome.stacked) == (1, 3)
        values = [score.value for score in record.outcome.scores]
        assert [s.value for s in other.outcome.scores] == pytest.approx(values, abs=1e-3)


def test_a_method_that_cannot_stack_has_one_key(run):
    words = ("-d", "tiny", "-a", "column", "--seeds", 2)
    alone, beside = (run(*words, "--stack", n, out=f"{n}") for n in (1, 64))
    assert {r.trial.key for r in alone} == {r.trial.key for r in beside}


def test_more_seeds_run_only_what_is_missing(medtl, plugins, tmp_path):
    words = (*plugins("tiny"), "-d", "tiny", "-a", "fine-tune", "--preset", "smoke")
    words = ("run", *words, "--on", "in-process", "--out", tmp_path)
    assert "2 trials ran" in medtl(*words, "--seeds", 1).out
    again = medtl(*words, "--seeds", 3)
    assert "6 trials, 2 of them done before." in again.out
    assert "4 trials ran, 0 were skipped, 0 failed." in again.out


WIDER = """
from dataclasses import replace
from medtl_bench.contract.scenario import Transfer
from tests.plugins_for_tests.tiny import build as tiny

def build():
    return replace(tiny(), name="wider", transfers=({transfers}))

@hookimpl
def medtl_datasets():
    return [DatasetEntry("wider", build, "Grows.", "simulated")]
"""


def test_a_new_transfer_of_a_dataset_changes_no_key_of_the_others(run, write_plugin):
    first, new = Transfer("to-c", ("a", "b"), ("c",)), Transfer("to-a", ("b", "c"), ("a",))
    keys = {}
    for name, transfers in (("narrow", [first]), ("wide", [first, new])):
        plugin = write_plugin(WIDER.format(transfers=", ".join(map(repr, transfers)) + ","), name)
        words = ("-d", "wider", "-a", "fine-tune", "-a", "chance", "--plugin", plugin)
        ran = run(*words, "--preset", "default", "--seeds", 1, out=name)
        keys[name] = {record.trial.key: record.trial.scenario for record in ran}
    assert keys["narrow"].items() < keys["wide"].items()
    added = {keys["wide"][key] for key in set(keys["wide"]) - set(keys["narrow"])}
    assert added == {"to-a"}
