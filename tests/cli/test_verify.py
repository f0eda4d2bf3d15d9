"""`verify`: damaged results are named, and edited ones that were hashed again are found."""

import json

import pytest

from medtl_bench import api
from medtl_bench.cli.verify import OTHER_MACHINE
from medtl_bench.results.record import Record
from tests.plugins_for_tests import tiny


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Return the folder of a run with stacked trials and trials that ran alone."""
    out = tmp_path_factory.mktemp("verified")
    plugins = [tiny.__file__]
    names = ["chance", "fine-tune"]
    api.run(["tiny"], names, preset="smoke", seeds=2, plugins=plugins, jobs=1, out=out)
    return out


def changed(path, change) -> None:
    """Change a record and give it a right checksum."""
    record = Record.from_json(path.read_text())
    path.unlink()
    new = change(record)
    (path.parent / f"{new.trial.key}.json").write_text(new.to_json())


def edited(record: Record) -> Record:
    scores = [score._replace(value=1 - score.value) for score in record.outcome.scores]
    outcome = record.outcome.model_copy(update={"scores": tuple(scores)})
    return record.model_copy(update={"outcome": outcome})


def of(results, algorithm: str):
    texts = ((path, json.loads(path.read_text())) for path in (results / "results").iterdir())
    return sorted(path for path, record in texts if record["trial"]["algorithm"] == algorithm)


def test_what_was_not_edited_comes_out_again_and_what_was_does_not(medtl, plugin_file, results):
    words = ("verify", "--out", results, "--plugin", plugin_file("tiny"), "--jobs", "1")
    whole = medtl(*words, "--rerun", "99", "--seed", "5")
    assert whole.code == 0, whole.out + whole.err
    assert "trials were repeated (--seed 5)" in whole.out
    path = of(results, "chance")[0]
    before = path.read_text()
    changed(path, edited)
    found = medtl(*words, "--rerun", "99")
    path.write_text(before)
    assert found.code == 3
    assert "scores differ, at most by" in found.err
    assert OTHER_MACHINE in found.err


def test_trials_of_other_versions_are_counted_with_the_reason(medtl, plugin_file, results):
    every = of(results, "chance")
    path = every[0]
    before = path.read_text()
    changed(
        path,
        lambda record: record.model_copy(
            update={"trial": record.trial.model_copy(update={"dataset_digest": "older"})}
        ),
    )
    words = ("verify", "--out", results, "--plugin", plugin_file("tiny"), "--rerun", "1")
    told = medtl(*words, "--jobs", "1")
    (new,) = set(of(results, "chance")) - set(every)
    new.unlink()
    path.write_text(before)
    assert told.code == 0, told.err
    assert "1 trials cannot be repeated here: other data." in told.out


def test_a_damaged_record_is_named(medtl, results):
    bad = results / "results" / "bad.json"
    bad.write_text("{")
    told = medtl("verify", "--out", results)
    bad.unlink()
    assert told.code == 3
    assert "bad.json" in told.err
    assert medtl("verify", "--out", results).code == 0


def test_trials_by_which_parameters_were_chosen_are_repeated_as_they_ran(plugin_file, tmp_path):
    options = {"preset": "smoke", "plugins": [plugin_file("tuned")], "jobs": 1, "out": tmp_path}
    tuned = api.tune("tuned-tiny", ["fine-tune", "noisy"], draws=3, seeds=2, **options)
    assert tuned.exit_code == 0
    verified = api.verify(tmp_path, rerun=10_000, plugins=[plugin_file("tuned")], jobs=1)
    assert (verified.hindered, verified.different) == ({}, [])
    assert len(verified.repeated) == len(tuned.records)
    stacked = [one.outcome.stacked for one in tuned.records if one.trial.stacked]
    assert min(stacked) > 1
