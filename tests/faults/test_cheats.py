"""Methods that cheat have no better scores than guessing, and spoil nobody else's."""

import pytest

from medtl_bench import api
from medtl_bench.results.store import Store

GUESSING = 0.5
HONEST = ("column", "nearest-centroid")
PEEKING = ("frames", "collector", "files", "scorer", "labels", "answers", "records", "disk")
FAILING = {
    "numpy": "predict changed the data it was handed in place; it must work on a copy.",
    "shuffle": "fit changed the data it was handed in place; it must work on a copy.",
    "later": "It changed data that it was handed in place, after the verb had returned; it must "
    "work on a copy.",
    "forged": "Its process ",
}


@pytest.fixture(scope="module")
def ran(plugin_file, tmp_path_factory):
    """Return a function: outcomes by algorithm of a run with processes, in a new folder."""
    files = [plugin_file("tiny"), plugin_file("cheats")]

    def run(*algorithms, **options):
        out = tmp_path_factory.mktemp("out")
        told = []
        done = api.run(
            ["tiny"],
            algorithms,
            protocols=["transfer"],
            preset="smoke",
            plugins=files,
            parameters=[f"{name}.note={out}" for name in algorithms if name.startswith("cheat-")],
            complain=told.append,
            out=out,
            **options,
        )
        outcomes = {record.trial.algorithm: record.outcome for record in done.records}
        stored = {
            r.trial.algorithm: r.outcome for r in Store(out / "results").read().records.values()
        }
        assert stored == outcomes
        return outcomes, told

    return run


@pytest.fixture(scope="module")
def alone(ran):
    return ran(*HONEST, jobs=2)[0]


@pytest.fixture(scope="module")
def among_cheats(ran):
    names = [f"cheat-{name}" for name in (*PEEKING, *FAILING)]
    return ran(*HONEST, *names, jobs=2)


@pytest.mark.parametrize("name", PEEKING)
def test_a_method_that_cheats_has_the_scores_of_guessing(name, among_cheats):
    outcome = among_cheats[0][f"cheat-{name}"]
    assert outcome.status == "ok", outcome.reason
    primary = [score.value for score in outcome.scores if score.metric == "balanced_accuracy"]
    assert primary
    assert set(primary) == {GUESSING}


@pytest.mark.parametrize("name", FAILING)
def test_a_method_that_changes_its_data_or_its_answer_fails_alone(name, among_cheats):
    outcome = among_cheats[0][f"cheat-{name}"]
    assert outcome.status == "failed"
    assert outcome.reason.startswith(FAILING[name])
    assert outcome.scores == ()


@pytest.mark.parametrize("name", HONEST)
def test_honest_methods_have_the_scores_that_they_have_alone(name, among_cheats, alone):
    assert alone[name].status == "ok"
    assert among_cheats[0][name].scores == alone[name].scores


def test_what_records_were_rewritten_is_told(ran):
    outcomes, told = ran("column", "cheat-records", jobs=1)
    assert outcomes["column"].status == "ok"
    (sentence,) = told
    assert sentence.startswith("Something else than this run wrote records while trials ran: ")
