"""`run --answers` keeps what is predicted; `score` and `export` need no run to make use of it."""

import json
import shutil
import sys
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest

import medtl_bench
from medtl_bench.catalogue import discovery
from medtl_bench.errors import IntegrityError, MedTLError
from medtl_bench.results import predictions
from medtl_bench.results.store import Store
from tests.plugins_for_tests import kinds

METHODS = ["chance", "fine-tune"]
NAMES = ["grouped", "masks", "values"]
PLUGINS = [kinds.__file__]
OF_SCORE = [
    *("key", "dataset", "protocol", "scenario", "seed", "stage", "learned", "shots", "draw"),
    *("domain", "metric", "n"),
]


def run(out, names=NAMES, **options):
    usual = {"preset": "smoke", "plugins": PLUGINS, "jobs": 1, "out": out}
    return medtl_bench.run(names, METHODS, **usual | options)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return the folder of a run that kept what was predicted, of every kind of task."""
    out = tmp_path_factory.mktemp("kept")
    assert run(out, seeds=2, answers=True).count("ok") == 24
    return out


@pytest.fixture(scope="module")
def exported(kept, tmp_path_factory):
    file = tmp_path_factory.mktemp("exported") / "all.parquet"
    assert medtl_bench.export(file, kept, plugins=PLUGINS) == 24
    assert list(file.parent.iterdir()) == [file]
    return pd.read_parquet(file)


def test_every_trial_has_one_file_and_its_record_says_the_same_as_without(kept, tmp_path):
    records = Store(kept / "results").read().records
    assert {path.stem for path in (kept / "answers").iterdir()} == set(records)
    for key, record in records.items():
        content = predictions.path(kept, key).read_bytes()
        assert record.outcome.answers == sha256(content).hexdigest()
    run(tmp_path, ["grouped"], seeds=2)
    assert not (tmp_path / "answers").exists()
    for key, record in Store(tmp_path / "results").read().records.items():
        assert records[key].outcome.scores == record.outcome.scores
        assert not record.outcome.answers


def test_predictions_that_are_not_those_of_a_record_are_told(kept, tmp_path):
    shutil.copytree(kept / "results", tmp_path / "results")
    shutil.copytree(kept / "answers", tmp_path / "answers")
    key = min(Store(tmp_path / "results").read().records)
    predictions.write(predictions.path(tmp_path, key), key, [])
    with pytest.raises(IntegrityError, match=f"{key}.*changed after it was written"):
        medtl_bench.score("ece", tmp_path, plugins=PLUGINS)
    with pytest.raises(IntegrityError, match=f"{key}.*changed after it was written"):
        medtl_bench.export(tmp_path / "all.parquet", tmp_path, plugins=PLUGINS)


METRICS = ["balanced_accuracy", "ece", "brier", "dice", "concordance", "rmse"]


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_of_the_records_comes_out_the_same(kept, metric):
    recorded = medtl_bench.results(kept)
    # nobody answers for the untrained learner of a stream
    recorded = recorded[(recorded["metric"] == metric) & (recorded["stage"] != "untrained")]
    scored = medtl_bench.score(metric, kept, plugins=PLUGINS)
    both = recorded.merge(scored, on=OF_SCORE, how="left")
    assert len(both) == len(recorded) > 10
    assert (both["value_x"] == both["value_y"]).all()


def test_a_metric_that_no_record_holds_is_scored(kept):
    scored = medtl_bench.score("roc_auc", kept, plugins=PLUGINS)
    assert set(scored["dataset"]) == {"grouped"}
    assert scored["value"].between(0, 1).all()
    assert set(scored["stage"]) == {"validation", "fit", "retained", "adapt", "full", "learn"}


def test_the_command_prints_means_and_writes_all_scores(medtl, kept, tmp_path):
    words = ("score", "hd95", "--out", kept, "--plugin", PLUGINS[0])
    told = medtl(*words, "--csv", tmp_path / "all.csv", "--json")
    lines = json.loads(told.out)["scores"]
    everything = pd.read_csv(tmp_path / "all.csv")
    assert {line["dataset"] for line in lines} == set(everything["dataset"]) == {"masks"}
    assert sum(line["scores"] for line in lines) == len(everything)
    assert medtl(*words).out.startswith("Scores\ndataset")


@pytest.mark.parametrize(
    ("metric", "sentence"),
    [("roc_auk", "did you mean 'roc_auc'"), ("ilisi", "taken of an embedding, of which nothing")],
)
def test_a_metric_that_cannot_be_scored_is_refused(metric, sentence, kept):
    with pytest.raises(MedTLError, match=sentence):
        medtl_bench.score(metric, kept, plugins=PLUGINS)


def test_what_is_exported_is_what_the_dataset_holds(exported):
    split = kinds.build("grouped").domain("c").test
    of_split = exported[
        (exported["dataset"] == "grouped")
        & (exported["domain"] == "c")
        & (exported["split"] == "test")
        & (exported["stage"] == "fit")
    ]
    assert len(of_split) == 2 * 2 * len(split)
    for _, rows in of_split.groupby(["algorithm", "seed"]):
        assert rows["row"].tolist() == list(range(len(split)))
        assert rows["label"].tolist() == split.y.tolist()
        assert rows["group"].tolist() == split.groups.tolist()
    validation = exported[exported["stage"] == "validation"]
    assert set(validation["split"]) == {"val"}


def test_scores_of_what_is_exported_are_those_of_the_record(exported, kept):
    rows = exported[(exported["dataset"] == "grouped") & (exported["stage"] == "full")]
    recorded = medtl_bench.results(kept)
    recorded = recorded[(recorded["stage"] == "full") & (recorded["metric"] == "balanced_accuracy")]
    for key, of_trial in rows.groupby("key"):
        right = np.stack(of_trial["answer"]).argmax(1) == of_trial["label"]
        value = right.groupby(of_trial["label"]).mean().mean()
        assert value == pytest.approx(recorded.set_index("key").loc[key, "value"], abs=1e-6)


def test_retained_rows_are_numbered_as_in_the_source(exported):
    rows = exported[(exported["dataset"] == "values") & (exported["stage"] == "retained")]
    labels = {name: kinds.build("values").domain(name).test.y for name in "ab"}
    expected = [float(labels[d][r]) for d, r in zip(rows["domain"], rows["row"], strict=True)]
    assert rows["label"].tolist() == pytest.approx(expected)
    assert rows["answer"].map(len).eq(1).all()


def test_masks_are_exported_as_dice_by_row(exported):
    masks = exported[exported["dataset"] == "masks"]
    assert masks["dice"].between(0, 1).all()
    assert masks["answer"].isna().all()
    assert exported[exported["dataset"] != "masks"]["dice"].isna().all()


def test_trials_of_which_nothing_is_kept_run_again_and_others_do_not(tmp_path):
    def once(**options):
        return run(tmp_path, ["grouped"], on="in-process", stack=1, **options)

    once()
    told = []
    assert medtl_bench.score("ece", tmp_path, plugins=PLUGINS, complain=told.append).empty
    assert told == [
        "4 trials are left out: what was predicted is not kept (run them again with --answers)."
    ]
    before = Store(tmp_path / "results").read().records
    assert len(once(answers=True).records) == 4
    after = Store(tmp_path / "results").read().records
    assert before.keys() == after.keys()
    assert all(before[key].outcome.scores == after[key].outcome.scores for key in before)
    assert once(answers=True).records == once().records == ()
    next((tmp_path / "answers").iterdir()).unlink()
    assert len(once(answers=True).records) == 1


def test_other_data_and_unknown_datasets_are_told_and_left_out(kept, monkeypatch, tmp_path):
    told = []
    assert medtl_bench.export(tmp_path / "none.parquet", kept, complain=told.append) == 0
    assert len(told) == 3
    assert told[0].startswith("8 trials are left out: grouped is ")
    told.clear()
    monkeypatch.setattr("medtl_bench.contract.dataset.Dataset.digest", lambda self: "other")
    medtl_bench.score("ece", kept, plugins=PLUGINS, complain=told.append)
    assert told == ["24 trials are left out: the data here are not those that they were judged by."]


def test_what_cannot_be_kept_is_told_and_the_trial_stands(tmp_path, monkeypatch):
    (tmp_path / "answers").write_text("in the way")
    told = []
    ran = run(tmp_path, ["grouped"], answers=True, complain=told.append)
    assert ran.count("ok") == 4
    assert told[0].startswith("What was predicted in 4 trials is not kept in")


def test_nothing_that_is_kept_holds_a_label(kept):
    """A method that runs later could read it: no tensor of a file is that of the labels."""
    dataset = discovery.find(PLUGINS).dataset("grouped")
    labels = dataset.domain("c").test.y.tolist()
    for key, record in Store(kept / "results").read().records.items():
        if record.trial.dataset == "grouped" and record.trial.algorithm == "chance":
            for one in predictions.read(predictions.path(kept, key), key):
                assert one.outputs.shape[1:] == (2,)
                assert one.rows.tolist() != labels


def test_without_pyarrow_an_export_says_what_to_install(kept, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MedTLError, match=r"pip install 'medtl-bench\[parquet\]'"):
        medtl_bench.export(tmp_path / "all.parquet", kept, plugins=PLUGINS)
    assert not list(tmp_path.iterdir())


def test_an_export_into_no_folder_is_one_sentence(medtl, kept, tmp_path):
    told = medtl("export", tmp_path / "none" / "x.parquet", "--out", kept, "--plugin", PLUGINS[0])
    assert (told.code, "Could not write" in told.sentence) == (3, True)


def test_a_damaged_file_is_named_and_ends_with_3(medtl, kept, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(kept, out)
    file = min((out / "answers").iterdir())
    file.write_bytes(file.read_bytes()[:-8])
    told = medtl("score", "ece", "--out", out, "--plugin", PLUGINS[0])
    assert (told.code, file.name in told.sentence) == (3, True)
