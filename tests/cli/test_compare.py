"""`compare` tells what got better and worse, and ends with 1 where a script asks it to."""

import json

import pytest

from medtl_bench.results.store import Store
from tests.board.test_paired import of
from tests.records import record


@pytest.fixture
def folder(tmp_path):
    """Return a function: the folder of some records."""

    def store(name, records):
        for one in records:
            Store(tmp_path / name / "results").write(one)
        return tmp_path / name

    return store


@pytest.fixture
def two(folder):
    return folder("a", of(0.65)), folder("b", of(0.6))


def test_two_folders_are_compared_in_text_and_as_json(medtl, two):
    told = medtl("compare", *two)
    assert told.code == 0
    lines = told.out.splitlines()
    assert lines[0] == "Worse"
    assert lines[2].split()[:5] == ["hearts", "transfer", "-", "dann", "-"]
    assert "intervals are over seeds" in lines[-1]
    document = json.loads(medtl("compare", *two, "--json").out)
    assert [one["measure"] for one in document["worse"]] == ["target 0", "few-shot area"]
    assert document["worse"][0]["gain"] == -0.05
    assert document["total"] == {
        "pairs_of_trials": 4, "worse": 2, "better": 0, "not_told_apart": 0, "broken": 0
    }  # fmt: skip


def test_a_script_fails_where_it_is_worse_than_a_margin(medtl, two):
    first, second = two
    failed = medtl("compare", first, second, "--fail-if-worse", "0.01")
    assert failed.code == 1
    assert failed.sentence.startswith("2 measures are worse by more than 0.01, and 0 trials fail")
    assert medtl("compare", first, second, "--fail-if-worse", "0.06").code == 0
    assert medtl("compare", second, first, "--fail-if-worse", "0").code == 0


def test_a_trial_that_fails_in_the_second_alone_fails_the_script(medtl, folder):
    failed = record(seed=0, status="failed", reason="odd")
    first, second = folder("a", of(0.6)), folder("b", [*of(0.6, seeds=[1, 2, 3]), failed])
    told = medtl("compare", first, second, "--fail-if-worse", "0.01")
    assert (told.code, "and 1 trials fail that did not" in told.err) == (1, True)
    assert failed.trial.key in told.out


def test_two_methods_of_a_folder_are_compared(medtl, folder):
    out = folder("a", [*of(0.6), *of(0.7, algorithm="ewc", variant="weight=2")])
    told = json.loads(medtl("compare", "dann", "ewc (weight=2)", "--out", out, "--json").out)
    assert told["better"][0]["gain"] == 0.1
    wrong = medtl("compare", "dann", "ewcc (weight=2)", "--out", out)
    assert (wrong.code, "did you mean 'ewc (weight=2)'" in wrong.sentence) == (2, True)


def test_what_shares_no_trial_is_a_mistake(medtl, folder, tmp_path):
    first, second = folder("a", of(0.6)), folder("b", of(0.6, dataset_digest="other"))
    told = medtl("compare", first, second, "--fail-if-worse", "0.01")
    assert (told.code, "There is no trial that" in told.sentence) == (2, True)
    assert "There are no results in" in medtl("compare", first, tmp_path / "none").sentence
