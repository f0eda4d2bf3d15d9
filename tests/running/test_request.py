"""What a request means: what is described and planned, and what is left out with its reason."""

import os

import numpy as np
import pytest

from medtl_bench import api
from medtl_bench.catalogue import discovery
from medtl_bench.errors import MedTLError
from medtl_bench.results.record import Outcome
from medtl_bench.running import plan
from medtl_bench.running.executors import inprocess
from medtl_bench.running.messages import DescribeDataset, Reply
from medtl_bench.running.request import Request, _named, check_bounds, limits, make_plan


def test_a_dataset_that_breaks_the_contract_is_left_out_with_the_reason(planned):
    planning = planned(datasets=["tiny-broken", "tiny-unreadable", "tiny"])
    assert {p.trial.dataset for p in planning.planned} == {"tiny"}
    assert planning.unusable["tiny-broken"].startswith(
        "Dataset 'tiny-broken', domain 'b', test: x holds NaN or infinity in rows 3. "
    )
    assert planning.unusable["tiny-unreadable"].endswith(
        "FileNotFoundError: no file named patients.csv."
    )


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"datasets": ["tinny"]}, "There is no dataset named 'tinny'; did you mean 'tiny'"),
        ({"algorithms": ["colum"]}, "There is no algorithm named 'colum'; did you mean 'column'"),
        ({"preset": "smoky"}, "There is no preset named 'smoky'"),
        ({"parameters": ["dann.weight=1"]}, "There is no algorithm of this run named 'dann'"),
        (
            {"parameters": ["column.colum=1"]},
            "There is no parameter of 'column' named 'colum'; did you mean 'column'",
        ),
        (
            {"parameters": ["column.noise=loud"]},
            "Parameter column.noise='loud' is not of type float",
        ),
        ({"parameters": ["noise=1"]}, "given as ALGORITHM.NAME=VALUE"),
        ({"datasets": ["only-transfers"], "protocols": ["stream"]}, "no trial"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(files, write_plugin, asked, told):
    extra = write_plugin(
        "from dataclasses import replace\n"
        "from tests.plugins_for_tests.tiny import build as tiny\n"
        "def build():\n    return replace(tiny(), name='only-transfers', streams=())\n"
        "@hookimpl\ndef medtl_datasets():\n"
        "    return [DatasetEntry('only-transfers', build, 'One.', 'simulated')]\n"
    )
    asked = {"datasets": ["tiny"], "algorithms": ["column"], "preset": "smoke"} | asked
    request = Request(**asked, plugin_files=(*files, extra))
    with pytest.raises(MedTLError, match=told) as raised:
        make_plan(request, discovery.find((*files, extra)), inprocess.run)
    assert raised.value.exit_code == 2


def test_a_dataset_whose_file_was_changed_marks_the_plan_as_tampered(write_plugin):
    changed = write_plugin(
        "from medtl_bench.errors import IntegrityError\n"
        "def build():\n    raise IntegrityError('The file x.csv is not as it was published.')\n"
        "@hookimpl\ndef medtl_datasets():\n"
        "    return [DatasetEntry('changed', build, 'Was changed.', 'simulated')]\n"
    )
    request = Request(datasets=["changed"], plugin_files=[changed])
    planning = make_plan(request, discovery.find([changed]), inprocess.run)
    assert planning.unusable == {"changed": "The file x.csv is not as it was published."}
    assert planning.tampered


def test_a_dataset_named_like_an_algorithm_with_parameters_is_not_blamed_on_the_user(write_plugin):
    twin = write_plugin(
        "from medtl_bench.contract.algorithm import Algorithm\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Twin(Algorithm):\n    rate: float = 1.0\n    def fit(self, s, u): pass\n"
        "    def adapt(self, s): pass\n    def predict(self, x): pass\n"
        "def build():\n    raise OSError('gone')\n"
        "@hookimpl\ndef medtl_algorithms():\n"
        "    return [AlgorithmEntry('twin', Twin, 'One.', 'baseline')]\n"
        "@hookimpl\ndef medtl_datasets():\n"
        "    return [DatasetEntry('twin', build, 'One.', 'simulated')]\n"
    )
    request = Request(
        ["twin"], ["twin"], preset="smoke", parameters=["twin.rate=2"], plugin_files=[twin]
    )
    assert list(make_plan(request, discovery.find([twin]), inprocess.run).unusable) == ["twin"]


def test_parameters_of_the_user_win_over_those_of_the_preset_and_make_another_trial(planned):
    plain, changed = planned(), planned(parameters=["column.noise=0.5"])
    assert [p.trial.parameters for p in changed.planned] == [{"column": 0, "noise": 0.5}] * 2
    assert {p.about.variant for p in changed.planned} == {"noise=0.5"}
    assert {p.trial.key for p in plain.planned}.isdisjoint(p.trial.key for p in changed.planned)
    smoke = (
        planned(algorithms=["fine-tune"], parameters=["fine-tune.steps=7"])
        .planned[0]
        .trial.parameters
    )
    assert (smoke["steps"], smoke["adapt_steps"]) == (7, 3)


def test_quick_runs_a_few_of_what_is_there_unless_others_are_named():
    catalogue = discovery.find(())
    few = _named(Request(preset="quick"), catalogue, plan.PRESETS["quick"])
    assert set(few.datasets) == set(plan.PRESETS["quick"].datasets)
    assert set(few.algorithms) == set(plan.PRESETS["quick"].algorithms)
    asked = Request(["tox21"], ["mixup"], preset="quick")
    one = _named(asked, catalogue, plan.PRESETS["quick"])
    assert (one.datasets, one.algorithms) == (["tox21"], ["mixup"])
    every = _named(Request(), catalogue, plan.PRESETS["default"])
    assert set(every.algorithms) == set(catalogue.algorithms)


def test_a_value_equal_to_the_default_is_the_same_trial(planned):
    plain, same = planned(), planned(parameters=["column.noise=0.10"])
    assert [p.trial.key for p in plain.planned] == [p.trial.key for p in same.planned]


def test_naming_something_twice_plans_it_once(planned):
    assert len(planned(datasets=["tiny", "tiny"], algorithms=["column", "column"]).planned) == 2


def test_naming_nothing_means_all(planned, files):
    found = discovery.find(files)
    planning = planned(datasets=[], algorithms=["chance"], seeds=1)
    described = {p.trial.dataset for p in planning.planned} | {
        *planning.unusable,
        *planning.skipped,
    }
    assert described == set(found.single_datasets())
    assert {"tiny-broken", "tiny-unreadable"} <= set(planning.unusable)


def test_what_an_algorithm_refuses_is_known_before_a_process_is_started_for_it(planned):
    skipped = {
        p.trial.algorithm: p.skipped for p in planned(algorithms=["column", "only-masks"]).planned
    }
    assert skipped["column"] == ""
    assert skipped["only-masks"] == "it only segments"


def test_an_algorithm_that_ends_the_process_that_asks_what_it_refuses_does_not_cost_the_dataset(
    planned,
):
    def execute(jobs):
        for job, reply in inprocess.run(jobs):
            died = isinstance(job.work, DescribeDataset) and job.work.algorithms
            outcome = Outcome(status="failed", reason="Its process was ended by SIGKILL.")
            yield job, Reply(outcome=outcome, exit_code=1) if died else reply

    found = planned(execute=execute)
    assert found.unusable == {}
    assert {p.trial.dataset for p in found.planned} == {"tiny"}


@pytest.mark.parametrize(
    ("name", "values", "between"),
    [
        ("seeds", (10**9, 0, -1, 2.5, True, "3"), "a whole number from 1 to 1,000"),
        ("stack", (0, 10**6, float("inf")), "a whole number from 1 to 1,000"),
        ("jobs", (-1, 10**5), "a whole number from 0 to 256"),
        (
            "timeout",
            (float("inf"), float("nan"), 1e300, 0, -5.0, "9"),
            "a number from 0.1 to 604,800 seconds",
        ),
        ("memory", (1, 10**12), "a whole number from 2,048 to 16,777,216 MiB"),
    ],
)
def test_a_number_out_of_its_bounds_is_one_sentence_before_anything_is_loaded(
    monkeypatch, tmp_path, name, values, between
):
    monkeypatch.setattr(discovery, "find", pytest.fail)
    for value in values:
        with pytest.raises(MedTLError) as raised:
            api.run(["tiny"], out=tmp_path / "out", **{name: value})
        assert str(raised.value) == f"{name} must be {between}, but got {value!r}."
    assert not list(tmp_path.iterdir())


def test_numbers_within_the_bounds_are_taken_as_numpy_has_them_too():
    check_bounds(seeds=np.int64(3), stack=1, jobs=0, timeout=np.float32(0.5), memory=2048)
    assert limits(0, 1, 4096).jobs == min(os.cpu_count(), 256)


def test_more_trials_than_a_run_may_have_are_one_sentence(planned, monkeypatch):
    monkeypatch.setattr(plan, "MOST_TRIALS", 199)
    told = r"^This asks for 200 trials, and one run may have 199: ask for fewer seeds, "
    with pytest.raises(MedTLError, match=told):
        planned(seeds=100)
    assert len(planned(seeds=99).planned) == 198


def test_options_of_the_loop_stand_in_a_trial_where_they_are_not_as_ever(planned):
    asked = {"algorithms": ["fine-tune"]}
    plain = planned(**asked).planned[0].trial.parameters
    assert not {"optimiser", "average", "frozen"} & set(plain)
    assert plain.pop("sampling") == "balanced", "which fits the task's primary metric"
    given = ["fine-tune.optimiser=sgd", "fine-tune.average=0", "fine-tune.sampling=natural"]
    changed = planned(**asked, parameters=given).planned[0].trial.parameters
    assert changed == {**plain, "optimiser": "sgd"}
