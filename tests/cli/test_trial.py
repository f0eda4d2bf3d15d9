"""`show KEY` tells all of a trial, and its commands do what they say."""

import json
import shlex

import pytest

from medtl_bench import api
from medtl_bench.results.store import Store
from medtl_bench.running.plan import preset_of
from tests.plugins_for_tests import hostile, tiny
from tests.records import record, transfer_scores

PLUGINS = [tiny.__file__, hostile.__file__]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Return the folder of a run with several methods, a changed parameter and a failure."""
    out = tmp_path_factory.mktemp("ran")
    names = ["column", "fine-tune", "raises"]
    options = {"preset": "smoke", "parameters": ["column.noise=0.2", "fine-tune.steps=7"]}
    api.run(["tiny"], names, **options, seeds=2, plugins=PLUGINS, on="in-process", out=out)
    return out


def records(out):
    return Store(out / "results").read().records


def told(medtl, out, key):
    return json.loads(medtl("show", key[:8], "--out", out, "--json").out)


def test_all_of_a_record_is_shown(medtl, tmp_path):
    fields = {"log": "some words", "machine": {"cpu": "fast"}, "peak_memory": 300.5}
    one = record(**fields, parameters={"weight": 0.5}, seed=3, scores=transfer_scores(0.61))
    Store(tmp_path / "results").write(one)
    shown = medtl("show", one.trial.key[:6].upper(), "--out", tmp_path)
    assert (shown.code, shown.err) == (0, "")
    for expected in (
        *(one.trial.key, "weight 0.5", "seed", "300.5", "some words", "fast", "total 1.0", "2.6"),
        *("validation", "balanced_accuracy", "0.61", "to-b", "shots", "1, 3"),
    ):
        assert expected in shown.out
    document = json.loads(medtl("show", one.trial.key, "--out", tmp_path, "--json").out)
    assert [tuple(row.values()) for row in document["scores"]] == list(one.outcome.scores)
    assert document["trial"]["parameters"] == {"weight": 0.5}


def test_the_command_that_repeats_it_repeats_it_and_compares(medtl, ran):
    key = next(k for k, r in records(ran).items() if r.trial.algorithm == "column")
    words = shlex.split(told(medtl, ran, key)["commands"]["repeat_and_compare"])
    assert words == ["medtl-bench", "verify", "--trial", key[:8], "--out", str(ran)]
    again = medtl(*words[1:], "--plugin", PLUGINS[0], "--jobs", 1)
    assert again.code == 0, again.err
    assert "1 trials were repeated." in again.out


def test_the_command_that_runs_it_anew_plans_the_same_key(medtl, ran, tmp_path):
    for key, one in records(ran).items():
        words = shlex.split(told(medtl, ran, key)["commands"]["run_anew"])
        assert words[-2] == "--out"
        plugins = [word for file in PLUGINS for word in ("--plugin", file)]
        medtl(*words[1:-1], tmp_path, "--on", "in-process", *plugins)
        assert records(tmp_path)[key].outcome.scores == one.outcome.scores


def test_a_trial_that_failed_is_run_again_by_the_same_run(medtl, ran):
    key = next(k for k, r in records(ran).items() if r.outcome.status == "failed")
    command = told(medtl, ran, key)["commands"]["repeat_and_compare"]
    assert command.startswith("medtl-bench run -d tiny -a raises --protocol")
    verified = medtl("verify", "--trial", key, "--out", ran, "--plugin", PLUGINS[0])
    assert "1 trials cannot be repeated here: there are no scores of theirs" in verified.out


def test_a_name_comes_before_a_key_and_what_is_neither_is_told(medtl, ran):
    assert "refit_rows" in medtl("show", "logistic-regression", "--out", ran).out
    missing = medtl("show", "0123abcd", "--out", ran)
    assert (missing.code, "no result in" in missing.sentence) == (2, True)
    assert "There is no algorithm or dataset named" in medtl("show", "nothing").sentence


@pytest.mark.parametrize(
    ("fields", "preset"),
    [
        ({"shots": [1, 2, 5], "draws": 1}, "default"),
        ({"shots": [1, 2, 5], "draws": 5}, "full"),
        ({"shots": [5], "draws": 1}, "smoke"),
        ({"shots": [5, 50], "draws": 1}, "quick"),
        ({"protocol": "stream", "parameters": {"steps": 5}}, "smoke"),
        ({"protocol": "stream", "parameters": {"steps": 300}}, "quick"),
        ({"protocol": "stream", "parameters": {"steps": 1000}}, "default"),
        ({"protocol": "stream", "parameters": {"steps": 5}, "variant": "steps=5"}, "default"),
    ],
)
def test_the_preset_is_told_from_the_settings_and_parameters(fields, preset):
    one = record(**fields)
    assert preset_of(one.trial, one.about.variant) == preset
