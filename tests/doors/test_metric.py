"""A metric comes as a plugin, also one for which lower is better."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk

from medtl_bench.catalogue import discovery
from medtl_bench.errors import MedTLError
from medtl_bench.testing import checks_of
from tests.plugins_for_tests.own_metric import log_loss
from tests.plugins_for_tests.tiny import build

WORDS = ("-d", "tiny-odds", "-a", "chance", "--protocol", "transfer")


def test_it_is_the_log_loss():
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    assert log_loss(p, np.array([0, 1, 1])) == pytest.approx(sk.log_loss([0, 1, 1], p))


def test_a_dataset_is_scored_by_it_and_the_record_says_its_direction_and_source(run):
    (record,) = run(*WORDS, names=("own_metric",))
    source = discovery.current().metrics["log_loss"].plugin.source
    assert record.about.metrics == ("balanced_accuracy", "log_loss")
    assert record.about.lower_is_better == ("log_loss",)
    assert record.trial.plugins == {"metric log_loss": source}
    values = [s.value for s in record.outcome.scores if s.metric == "log_loss" and s.stage == "fit"]
    assert len(values) == 3
    assert min(values) > 0


def test_a_key_changes_with_the_file_of_the_plugin(run, plugin_file, tmp_path):
    copy = tmp_path / "own_metric.py"
    shutil.copy(plugin_file("own_metric"), copy)
    words = (*WORDS, "--plugin", copy)
    (first,) = run(*words, names=(), out="first")
    (same,) = run(*words, names=(), out="same")
    with copy.open("a") as file:
        file.write("\n# clipped at 1e-12\n")
    (changed,) = run(*words, names=(), out="changed")
    assert first.trial.key == same.trial.key != changed.trial.key
    assert first.trial.dataset_digest == changed.trial.dataset_digest
    assert first.trial.model_dump(exclude={"plugins"}) == changed.trial.model_dump(
        exclude={"plugins"}
    )
    assert first.outcome.scores == changed.outcome.scores


def test_a_dataset_without_it_has_the_same_key_with_the_plugin_or_not(run):
    words = ("-d", "tiny", "-a", "chance", "--protocol", "transfer")
    (plain,) = run(*words, out="plain")
    (beside,) = run(*words, names=("tiny", "own_metric"), out="beside")
    assert plain.trial == beside.trial


def test_it_is_gone_where_its_plugin_is_not_named(plugin_file):
    catalogue = discovery.find([plugin_file("own_metric")])
    assert catalogue.dataset("tiny-odds").task.primary == "balanced_accuracy"
    build_odds = catalogue.datasets["tiny-odds"].entry.build
    discovery.find()
    with pytest.raises(MedTLError, match="no classification metric named 'log_loss'"):
        build_odds()
    assert Path(plugin_file("own_metric")).exists()
    assert build().task.metrics == ("balanced_accuracy", "roc_auc", "ece", "brier")


@pytest.fixture
def too_narrow(plugin_file, tmp_path):
    """Return a plugin file whose metric leaves the range that its entry names."""
    text = Path(plugin_file("own_metric")).read_text()
    narrow = tmp_path / "narrow.py"
    narrow.write_text(text.replace("kinds, False)", "kinds, False, lowest=0.0, highest=0.01)"))
    return narrow


def test_a_value_beyond_the_range_of_its_entry_fails_the_trial_in_a_sentence(
    medtl, too_narrow, tmp_path
):
    words = ("--plugin", too_narrow, "--preset", "smoke", "--on", "in-process")
    assert medtl("run", *WORDS, *words, "--out", tmp_path / "out").code == 1
    (path,) = (tmp_path / "out" / "results").iterdir()
    assert "The metric 'log_loss' is " in path.read_text()
    assert "not within 0 and 0.01, as its entry says." in path.read_text()


def test_the_kit_finds_a_value_beyond_the_range_of_its_entry(too_narrow):
    told = [check.problem() for check in checks_of(str(too_narrow)) if check.subject == "log_loss"]
    assert any("not within 0 and 0.01" in problem for problem in told if problem)
