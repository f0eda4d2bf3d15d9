"""A third protocol comes as a plugin: listed, planned, run in processes and recorded."""

import medtl_bench
from medtl_bench.api import rebuild
from medtl_bench.catalogue import discovery

NAMES = ("tiny", "at_test_time")
WORDS = ("-d", "tiny", "--protocol", "test-time")


def test_it_is_listed(medtl, plugins):
    shown = medtl("list", *plugins(*NAMES))
    assert shown.code == 0
    _, _, after = shown.out.partition("Protocols")
    names = [line.split()[0] for line in after.splitlines() if line[:1].isalpha()]
    assert names[:4] == ["name", "transfer", "stream", "test-time"]
    (method,) = [line for line in shown.out.splitlines() if line.startswith("standardising")]
    assert "test-time adaptation" in method
    assert "Broken" not in shown.out


def test_it_is_planned_beside_the_others_and_alone(medtl, plugins, tmp_path):
    words = (*plugins(*NAMES), "-d", "tiny", "-a", "standardising", "--out", tmp_path)
    every = medtl("plan", *words, "--preset", "smoke")
    assert every.code == 0
    assert "3 trials, of which 3 have no result" in every.out
    alone = medtl("plan", *words, "--preset", "full", "--protocol", "test-time")
    assert "20 trials, of which 20 have no result" in alone.out
    rows = [line.split() for line in alone.out.splitlines() if line.startswith("tiny ")]
    assert rows == [["tiny", "test-time", "to-c", "10"], ["tiny", "test-time", "a-to-b", "10"]]
    wrong = medtl("plan", *words, "--protocol", "test-tim")
    assert "There is no protocol named 'test-tim'; did you mean 'test-time'?" in wrong.sentence


def scores_by_stage(record) -> dict[str, float]:
    scores = [s for s in record.outcome.scores if s.metric == record.about.metrics[0]]
    return {score.stage: score.value for score in scores}


def test_it_runs_in_processes_and_its_records_hold_settings_and_source(run):
    words = (*WORDS, "-a", "standardising", "-a", "column", "--seeds", 2)
    ran = run(*words, names=NAMES, on="processes")
    source = discovery.current().protocols["test-time"].plugin.source
    assert source.startswith("a file 0 ")
    assert len(ran) == 4
    for record in ran:
        trial = record.trial
        assert (trial.protocol, trial.scenario) == ("test-time", "to-c")
        assert trial.settings == {"sources": ["a", "b"], "targets": ["c"]}
        assert trial.plugins == {"protocol test-time": source}
        assert record.about.metrics == ("balanced_accuracy", "roc_auc", "ece", "brier")
        assert {score.domain for score in record.outcome.scores} == {"c"}
        assert set(scores_by_stage(record)) == {"first", "again"}
        assert {"fit", "predict", "total"} == set(record.outcome.seconds)


def test_a_method_that_learns_from_what_it_is_asked_about_gains_and_another_does_not(run):
    methods = ("-a", "standardising", "-a", "nearest-centroid")
    ran = run("-d", "shifted-toy", "--protocol", "test-time", *methods, names=NAMES)
    scores = {record.trial.algorithm: scores_by_stage(record) for record in ran}
    assert scores["standardising"]["again"] > scores["standardising"]["first"] + 0.25
    assert scores["nearest-centroid"]["again"] == scores["nearest-centroid"]["first"]


def test_trials_of_other_protocols_do_not_hold_its_source(run):
    kept = run("-d", "tiny", "-a", "column", "--protocol", "stream", out="plain")
    with_it = run(
        "-d", "tiny", "-a", "column", "--protocol", "stream", names=NAMES, out="with plugin"
    )
    assert [r.trial.plugins for r in with_it] == [{}]
    assert [r.trial.key for r in with_it] == [r.trial.key for r in kept]


def test_its_measures_stand_on_the_boards_in_a_part_and_a_reading_of_its_own(
    run, plugin_file, tmp_path
):
    methods = ("-a", "standardising", "-a", "nearest-centroid", "-a", "logistic-regression")
    run("-d", "shifted-toy", *methods, "--seeds", 2, names=NAMES, out="boards")
    page = (tmp_path / "boards" / "datasets" / "shifted-toy.md").read_text()
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    first = ["## What this dataset can tell", "## Transfer to a new domain"]
    assert headings[:4] == [*first, "## Stream all", "## Test time"]
    (head,) = [line for line in page.splitlines() if "Again" in line and "First" in line]
    columns = [cell.strip() for cell in head.split("|")]
    assert columns[6] == "Again ↑"  # what ranks the table stands first
    overall = (tmp_path / "boards" / "README.md").read_text()
    assert "## Answers about rows that were seen before" in overall
    assert "Complete rows, test-time" in overall
    board = medtl_bench.board(tmp_path / "boards", list(map(plugin_file, NAMES)))
    rows = board.summary[(board.summary["protocol"] == "test-time")]
    again = rows[rows["measure"] == "again"].set_index("algorithm")
    assert again.loc["standardising", "rank"] == 1
    assert set(rows["measure"]) == {"first", "again", "gain", "seconds"}


def test_without_its_plugin_its_trials_are_left_out_and_told(run, tmp_path):
    methods = ("-a", "nearest-centroid")
    run("-d", "shifted-toy", *methods, names=NAMES, out="boards")
    rebuild(tmp_path / "boards")
    overall = (tmp_path / "boards" / "README.md").read_text()
    assert "Left out, for a protocol that no plugin here brings: 1 trial." in overall
    assert "Test time" not in (tmp_path / "boards" / "datasets" / "shifted-toy.md").read_text()
