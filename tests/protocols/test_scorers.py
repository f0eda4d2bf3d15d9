"""What scorers without target labels are taken of, in the trials of source validation."""

from dataclasses import replace

import pytest
import torch

from medtl_bench.contract.scenario import Amount, Transfer
from medtl_bench.metrics.scorers import SCORERS
from medtl_bench.protocols import scorers
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.transfer import TRANSFER
from medtl_bench.protocols.withheld import blinded
from medtl_bench.results.places import places
from medtl_bench.results.rules import SOURCE_VALIDATION
from tests.plugins_for_tests import tuned
from tests.protocols.learners import Spy, marks

AMOUNT = Amount((1, 2), 1, tuning=True)
NAMES = {f"scorer {scorer.name}" for scorer in SCORERS}


@pytest.fixture
def data(monkeypatch):
    monkeypatch.delenv(tuned.POISON, raising=False)
    return tuned.build()


def of_sources(data):
    return [
        scenario
        for scenario in TRANSFER.scenarios(data, AMOUNT)
        if scenario.settings.get("rule") == SOURCE_VALIDATION
    ]


def examined(data, scenario, spy=Spy):
    """Return what scorers said of a spy, and all that it was shown."""
    diary = []
    make = lambda task, generator: spy(task, generator, diary)  # noqa: E731
    scores = list(TRANSFER.run(data, scenario, make, seed=0, clock=Clock()))
    return [score for score in scores if score.stage == "unlabelled"], diary


def test_each_scorer_judges_in_a_place_that_the_settings_tell(data):
    for scenario in of_sources(data):
        scores, _ = examined(data, scenario)
        assert {score.metric for score in scores} == NAMES
        allowed = places("transfer", repr(scenario.settings))
        assert all(tuple(score[:5]) in allowed for score in scores)
        assert {score.n for score in scores} == {len(data.domain("d").train)}


def test_headline_trials_have_none(data):
    for scenario in TRANSFER.scenarios(data, AMOUNT):
        if scenario.settings.get("rule") != SOURCE_VALIDATION:
            assert not examined(data, scenario)[0]
            assert ("unlabelled", *[None] * 4) not in places("transfer", repr(scenario.settings))


def test_the_learner_is_asked_of_training_rows_of_the_target_and_their_mixtures_alone(data):
    scenario = of_sources(data)[0]
    _, diary = examined(data, scenario)
    asked = {mark for verb, _, x in diary if verb == "predict" for mark in marks(x)}
    target = data.domain("d")
    assert marks(target.train.x) < asked
    assert not asked & (marks(target.val.x) | marks(target.test.x))


def test_what_they_say_does_not_move_with_the_labels_and_test_rows_of_the_target(data, monkeypatch):
    scenario = of_sources(data)[0]
    before = examined(data, scenario)
    monkeypatch.setenv(tuned.POISON, "1")
    assert examined(tuned.build(), scenario)[0] == before[0]


@pytest.mark.parametrize("leak", ["labels", "test rows"])
def test_a_leak_is_seen(data, monkeypatch, leak):
    """A slip that hands scorers the target's labels as its answers, or its test rows."""
    rest = scorers.scored

    def leaking(examiner, unlabelled, validation, draw):
        target = tuned.build().domain("d")
        if leak == "test rows":
            return rest(examiner, target.test.x, validation, draw)
        x = unlabelled + target.train.y[:, None] * torch.tensor([1.0, 0, 0])
        return rest(examiner, x, validation, draw)

    monkeypatch.setattr(scorers, "scored", leaking)
    scenario = of_sources(data)[0]
    before, _ = examined(data, scenario)
    monkeypatch.setenv(tuned.POISON, "1")
    assert examined(tuned.build(), scenario)[0] != before


def test_where_labels_are_withheld_the_learner_is_asked_the_same(data):
    scenario = of_sources(data)[0]
    _, diary = examined(data, scenario)
    scores, blind = examined(blinded(data), scenario)
    assert not scores
    told, expected = (
        [(v, x if x is None else x.tolist()) for v, _, x in d] for d in (blind, diary)
    )
    assert told == expected


def test_there_are_none_where_nothing_can_be_earned_before_labels(data):
    own = tuple(replace(one, labels="own") for one in data.transfers)
    for scenario in of_sources(data):
        assert not examined(replace(data, transfers=own), scenario)[0]


def test_of_many_rows_some_are_drawn_the_same_for_every_learner(data, monkeypatch):
    monkeypatch.setattr(scorers, "MOST_ROWS", 7)
    scenario = of_sources(data)[0]
    scores, diary = examined(data, scenario)
    assert {score.n for score in scores} == {7}
    again, other = examined(data, scenario)
    assert scores == again
    assert [x.tolist() for _, _, x in diary[1:]] == [x.tolist() for _, _, x in other[1:]]


def test_inputs_of_several_parts_are_not_mixed(make_dataset, make_domain):
    from tensordict import TensorDict  # noqa: PLC0415

    def parted(split):
        x = TensorDict({"one": split.x, "two": split.x}, batch_size=[len(split)])
        return replace(split, x=x)

    def in_parts(name, number):
        one = make_domain(name, number)
        return replace(one, **{n: parted(split) for n, split in one.splits().items()})

    domains = tuple(in_parts(name, number) for number, name in enumerate("abc"))
    transfers = (Transfer("to-c", ("a", "b"), ("c",)),)
    data = make_dataset(domains=domains, transfers=transfers, streams=())

    class Parted(Spy):
        def predict(self, x):
            return super().predict(x["one"])

    scores, _ = examined(data, of_sources(data)[0], Parted)
    assert {score.metric for score in scores} == NAMES - {"scorer MixVal"}


def test_the_trial_that_judges_is_told_when_to_stop_as_those_are_that_run(data):
    _, diary = examined(data, of_sources(data)[0])
    (fitted,) = [splits for verb, splits, _ in diary if verb == "fit"]
    assert all(len(split.validation) == 30 for split in fitted)
