"""What is planned to choose hyper-parameters: the same candidates for all, judged and then run."""

from dataclasses import replace

import pytest

from medtl_bench.catalogue import discovery
from medtl_bench.contract.ranges import Choices, Range
from medtl_bench.errors import MedTLError
from medtl_bench.results.rules import is_for_tuning
from medtl_bench.running.executors import inprocess
from medtl_bench.running.messages import AlgorithmFacts
from medtl_bench.running.request import Request, make_plan
from medtl_bench.running.tuning import Choice, candidates, joined, make_tuning

METHOD = AlgorithmFacts(
    name="dann",
    family="domain adaptation",
    source="here 1",
    parameters={"weight": 1.0, "steps": 200, "kind": "a"},
    spaces={"weight": Range(0.01, 10, log=True), "kind": Choices(("a", "b"))},
)


@pytest.fixture
def asked(plugin_file):
    files = [plugin_file("tuned"), plugin_file("tiny")]
    request = {"datasets": ["tuned-tiny"], "algorithms": ["noisy", "column"], "seeds": 2}
    return Request(**request, plugin_files=files, stack=1)


@pytest.fixture
def tuning(asked):
    return make_tuning(asked, 5, discovery.find(asked.plugin_files), inprocess.run)


def values(found):
    return [(one.parameters["weight"], one.parameters["kind"]) for one in found]


def test_the_default_comes_first_and_the_draws_depend_on_method_and_dataset_alone():
    found = candidates(METHOD, "hearts", 20)
    assert found[0] == METHOD
    assert len(set(values(found))) == 20
    assert values(candidates(METHOD, "hearts", 20)) == values(found)
    assert values(candidates(METHOD, "cells", 20))[1:] != values(found)[1:]
    other = METHOD.model_copy(update={"name": "ewc"})
    assert values(candidates(other, "hearts", 20))[1:] != values(found)[1:]


def test_more_draws_begin_with_those_of_fewer_and_fill_the_range_evenly():
    found = candidates(METHOD, "hearts", 32)
    assert values(found)[:8] == values(candidates(METHOD, "hearts", 8))
    drawn = [weight for weight, _ in values(found)[1:]]
    decades = [sum(low <= weight < 10 * low for weight in drawn) for low in (0.01, 0.1, 1)]
    assert sum(decades) == 31
    assert all(9 <= count <= 12 for count in decades)
    assert {kind for _, kind in values(found)} == {"a", "b"}


def test_a_candidate_says_what_was_changed_and_keeps_the_rest():
    one = candidates(METHOD, "hearts", 2)[1]
    weight, kind = one.parameters["weight"], one.parameters["kind"]
    assert one.variant == f"kind={kind}, weight={weight}"
    assert one.parameters["steps"] == 200


def test_what_is_drawn_twice_stands_there_once_and_a_method_without_ranges_has_its_default():
    few = METHOD.model_copy(update={"spaces": {"kind": Choices(("a", "b"))}})
    assert [one.parameters["kind"] for one in candidates(few, "hearts", 20)] == ["a", "b"]
    assert candidates(METHOD.model_copy(update={"spaces": {}}), "hearts", 20) == [
        METHOD.model_copy(update={"spaces": {}})
    ]


def test_what_judges_has_no_part_of_a_target_and_every_draw_has_the_same(tuning):
    planned = [one for one in tuning.planning.planned if one.trial.algorithm == "noisy"]
    assert all(is_for_tuning(one.trial.settings) for one in planned)
    scenarios = {one.trial.scenario for one in planned}
    assert len(scenarios) == 3 + 1 + 1
    assert len(planned) == 5 * 2 * len(scenarios)
    assert {one.about.candidate for one in planned} == set(range(5))
    targets = {name for one in planned for name in one.trial.settings.get("targets", ())}
    assert targets == {"a", "b", "c", "d"}
    of_target = [one for one in planned if one.trial.settings.get("targets") == ["d"]]
    assert {one.trial.settings["rule"] for one in of_target} == {"source-validation"}
    column = [one for one in tuning.planning.planned if one.trial.algorithm == "column"]
    assert {one.about.candidate for one in column} == {0}


def test_what_a_parameter_that_is_left_open_means_is_the_same_for_every_draw(asked):
    asked = replace(asked, algorithms=["fine-tune"])
    judging = make_tuning(asked, 3, discovery.find(asked.plugin_files), inprocess.run).judging()
    assert {one.about.candidate for one in judging} == {0, 1, 2}
    assert {one.trial.parameters["sampling"] for one in judging} == {"balanced"}


def test_a_tuned_trial_says_how_it_was_chosen_and_its_key_is_its_own(tuning):
    place = ("tuned-tiny", "transfer", "noisy", "to-d", "leave-one-source-out")
    planned = tuning.tuned([Choice(*place, 0, "", 0.8, 0.8)])
    assert {one.about.variant for one in planned} == {"tuned by leave-one-source-out, 5 draws"}
    assert [one.trial.chosen for one in planned] == [
        {"rule": "leave-one-source-out", "draws": 5, "seeds": 2}
    ] * 2
    defaults = tuning.on_targets(oracle=False)
    same = [one for one in defaults if one.trial.scenario == "to-d"]
    assert not {one.trial.key for one in planned} & {one.trial.key for one in same}
    assert {repr(one.trial.parameters) for one in planned} <= {
        repr(one.trial.parameters) for one in same
    }


def test_defaults_are_the_trials_of_a_run(tuning, asked):
    run = make_plan(asked, discovery.find(asked.plugin_files), inprocess.run)
    keys = {one.trial.key for one in run.planned}
    assert {one.trial.key for one in tuning.on_targets(oracle=False)} == keys
    oracle = {one.trial.key for one in tuning.on_targets(oracle=True)}
    assert len(oracle) == len(keys) + 4 * 2 * 2


def test_plans_are_joined_without_a_group_in_common(tuning):
    lots = [tuning.judging(), tuning.on_targets(oracle=True)]
    planned = joined(lots)
    assert len(planned) == sum(map(len, lots))
    assert len({one.group for one in planned}) == len(planned)


def test_a_number_of_draws_out_of_bounds_is_refused(asked):
    with pytest.raises(MedTLError, match="draws must be a whole number from 1 to 200"):
        make_tuning(asked, 0, discovery.find(asked.plugin_files), inprocess.run)
