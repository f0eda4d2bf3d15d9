"""What the process of a method says of itself is checked; nonsense costs that trial alone."""

import json
from functools import partial
from pathlib import Path

import pytest

from medtl_bench.catalogue import discovery
from medtl_bench.catalogue.entries import Catalogue
from medtl_bench.results.record import Trial
from medtl_bench.running import worker
from medtl_bench.running.messages import Job, RunStack, RunTrial
from tests.running.conftest import SETTINGS


@pytest.fixture
def trials() -> list[Trial]:
    shared = {"dataset_digest": "", "algorithm_source": "", "parameters": {}, "versions": {}}
    return [
        Trial(
            dataset="tiny",
            algorithm="column",
            protocol="transfer",
            scenario="to-c",
            settings=SETTINGS["transfer"],
            seed=seed,
            **shared,
        )
        for seed in range(2)
    ]


@pytest.fixture
def answered(files, trials, tmp_path: Path):
    """Return a stack of two trials, what its method's process said, and the files' folder."""
    job = Job(work=RunStack(trials=tuple(trials)), plugin_files=files)
    said = worker.answer(job, discovery.find(files), tmp_path)
    return job, json.loads(said), tmp_path


def scored(answered, change):
    """Return the reply to what was said, changed."""
    job, said, folder = answered
    changed = change(said)
    sent = changed if isinstance(changed, bytes) else json.dumps(changed or said).encode()
    return worker.score(job, None, sent, folder)


def test_what_is_said_holds_no_score_and_is_scored_as_one_process_would(answered, trial) -> None:
    _, said, _ = answered
    assert [one["outcome"]["scores"] for one in said["trials"]] == [[], []]
    reply = scored(answered, lambda said: said)
    alone = [trial(seed=seed).outcome for seed in range(2)]
    assert [outcome.scores for outcome in reply.outcomes] == [one.scores for one in alone]
    assert all(outcome.stacked == 2 for outcome in reply.outcomes)
    assert set(reply.outcomes[0].seconds) == set(alone[0].seconds)


NONSENSE = {
    "nothing": lambda said: b"",
    "no JSON": lambda said: b"\x80\x04nonsense",
    "another object": lambda said: b'{"nonsense": 1}',
    "half": lambda said: json.dumps(said).encode()[:-40],
    "too long": lambda said: b" " * (worker.MOST_BYTES + 1),
    "one trial": lambda said: {**said, "trials": said["trials"][:1]},
    "deep": lambda said: b"[" * 10**5,
    "a time of minus a second": lambda said: of_first(said, seconds={"total": -1.0}),
    "endless": lambda said: of_first(said, peak_memory=1e300),
}


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_is_a_failure_in_a_sentence(kind, answered) -> None:
    reply = scored(answered, NONSENSE[kind])
    assert reply.outcomes == ()
    assert reply.outcome is not None
    assert reply.outcome.status == "failed"
    assert reply.outcome.reason.startswith(worker.NO_SENSE)
    assert len(reply.outcome.reason) < 300


def of_first(said, **fields):
    said["trials"][0]["outcome"].update(fields)
    return said


def swapped(said):
    first, second = said["trials"]
    first["answers"], second["answers"] = second["answers"], first["answers"]


def dropped(said):
    answers = said["trials"][0]["answers"]
    next(iter(answers.values())).pop()


def added(said):
    answers = said["trials"][0]["answers"]
    (more,) = (list(answers.values())[-1],)
    more.append(more[-1])


MANY = dict.fromkeys(map(str, range(50)), 1.0)
COSTS_ONE = {
    "of many verbs": (
        partial(of_first, seconds=dict.fromkeys(map(str, range(50)), 1.0)),
        "make no sense",
    ),
    "too few": (dropped, "the protocol asked for"),
    "too many": (added, "the protocol asked for"),
}


@pytest.mark.parametrize("kind", COSTS_ONE)
def test_a_wrong_answer_costs_its_trial_alone(kind, answered, trial) -> None:
    change, reason = COSTS_ONE[kind]
    first, second = scored(answered, change).outcomes
    assert (first.status, second.status) == ("failed", "ok")
    assert reason in first.reason
    assert second.scores == trial(seed=1).outcome.scores


def test_answers_of_another_trial_are_of_other_learners(answered) -> None:
    outcomes = scored(answered, swapped).outcomes
    assert [outcome.status for outcome in outcomes] == ["failed", "failed"]


def test_scores_and_long_texts_are_not_taken_over(answered) -> None:
    forged = [["fit", None, None, None, "c", "balanced_accuracy", 1.0, 8]]
    change = partial(of_first, scores=forged, log="x" * 10**6, reason="y" * 10**6, stacked=9)
    first, _ = scored(answered, change).outcomes
    assert first.status == "ok"
    assert len(first.scores) > 1
    assert len(first.log) + len(first.reason) < 30_000
    assert first.stacked == 2


def test_a_failure_and_a_skip_are_told_as_the_process_told_them(answered) -> None:
    change = partial(of_first, status="skipped", reason="it only segments")
    first, _ = scored(answered, change).outcomes
    assert (first.status, first.reason, first.scores) == ("skipped", "it only segments", ())


def test_the_process_that_scores_never_loads_the_method(answered, monkeypatch) -> None:
    monkeypatch.setattr(Catalogue, "algorithm", lambda *_: pytest.fail("it was loaded"))
    assert all(o.status == "ok" for o in scored(answered, lambda said: said).outcomes)


def test_a_trial_that_is_run_alone_is_scored_alone(files, trials, tmp_path: Path) -> None:
    job = Job(work=RunTrial(trial=trials[0]), plugin_files=files)
    said = worker.answer(job, None, tmp_path)
    outcome = worker.score(job, None, said, tmp_path).outcome
    assert outcome is not None
    assert (outcome.status, outcome.stacked) == ("ok", 1)
