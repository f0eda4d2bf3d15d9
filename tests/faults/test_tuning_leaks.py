"""A choice of hyper-parameters must not move with what it may not know; one that does is seen."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from medtl_bench import api
from tests.plugins_for_tests import tuned

Tuner = Callable[[Path], object]


@pytest.fixture
def options(plugin_file):
    return {
        "protocols": ["transfer", "stream"],
        "preset": "smoke",
        "draws": 6,
        "seeds": 2,
        "plugins": [plugin_file("tuned")],
        "on": "in-process",
        "stack": 1,
    }


@pytest.fixture
def moved(monkeypatch, tmp_path):
    """Return a function: whether what a tuner chooses moves with the target's labels and tests."""

    def moved(tuner: Tuner) -> bool:
        monkeypatch.delenv(tuned.POISON, raising=False)
        before = tuner(tmp_path / "clean")
        monkeypatch.setenv(tuned.POISON, "1")
        return before != tuner(tmp_path / "poisoned")

    return moved


@pytest.fixture(autouse=True)
def no_boards(monkeypatch):
    monkeypatch.setattr("medtl_bench.api.write_boards", lambda *anything: None)


@pytest.mark.parametrize("rule", ["leave-one-source-out", "source-validation"])
@pytest.mark.parametrize("oracle", [False, True])
def test_what_is_chosen_and_how_it_was_judged_knows_nothing_of_the_target(
    moved, options, rule, oracle
):
    def tuner(out):
        return api.tune("tuned-tiny", "noisy", rule=rule, oracle=oracle, out=out, **options).choices

    assert not moved(tuner)


def test_a_tuner_that_looks_at_the_targets_test_split_is_seen(moved, options):
    def peeking(out):
        api.tune("tuned-tiny", "noisy", oracle=True, out=out, **options)
        scores = api.results(out)
        ours = scores[(scores["stage"] == "fit") & (scores["domain"] == tuned.TARGET)]
        means = pd.Series(ours.groupby("variant")["value"].mean())
        return means.round(3).to_dict()

    assert moved(peeking)


def test_what_scorers_say_knows_nothing_of_the_targets_labels_and_test_rows(moved, options):
    def tuner(out):
        api.tune("tuned-tiny", "noisy", out=out, **options)
        scores = api.results(out)
        said = scores[scores["stage"] == "unlabelled"]
        assert len(said)
        columns = ["variant", "scenario", "seed", "metric", "value"]
        return sorted(said[columns].itertuples(index=False, name=None))

    assert not moved(tuner)


def test_a_tuner_that_is_handed_the_targets_labels_is_seen(moved, options, monkeypatch):
    """The target plays itself, as a slip in the derived scenarios would have it."""
    monkeypatch.setattr("medtl_bench.protocols.tuning._some", lambda dataset, one: [*one.targets])
    options = options | {"protocols": ["transfer"]}

    def slipped(out):
        return api.tune("tuned-tiny", "noisy", out=out, **options).choices

    assert moved(slipped)
