"""Scenarios by which parameters are chosen: nothing of a target but its unlabelled rows."""

from dataclasses import replace

import pytest
import torch

from medtl_bench.contract.scenario import Amount, Transfer
from medtl_bench.contract.task import Task
from medtl_bench.protocols import tuning
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.stream import STREAM
from medtl_bench.protocols.transfer import TRANSFER
from medtl_bench.protocols.withheld import Withheld, blinded
from medtl_bench.results.places import places
from medtl_bench.results.rules import is_for_tuning
from medtl_bench.testing.tiny import unlabelled
from tests.plugins_for_tests import tuned
from tests.protocols.learners import Spy, marks

AMOUNT = Amount((1, 2), 1, tuning=True)


@pytest.fixture
def data(monkeypatch):
    monkeypatch.delenv(tuned.POISON, raising=False)
    return tuned.build()


def of_tuning(protocol, data):
    return {s.name: s for s in protocol.scenarios(data, AMOUNT) if is_for_tuning(s.settings)}


def examined(protocol, data, scenario):
    """Return the scores of a spy, and all that it was shown."""
    diary = []
    make = lambda task, generator: Spy(task, generator, diary)  # noqa: E731
    return list(protocol.run(data, scenario, make, seed=0, clock=Clock())), diary


def test_without_being_asked_a_protocol_tells_none_of_them(data):
    for protocol in (TRANSFER, STREAM):
        plain = list(protocol.scenarios(data, replace(AMOUNT, tuning=False)))
        assert plain == [s for s in protocol.scenarios(data, AMOUNT) if s in plain]
        assert not any(is_for_tuning(scenario.settings) for scenario in plain)


def test_each_source_of_a_transfer_plays_the_target_once_and_all_are_validated(data):
    found = of_tuning(TRANSFER, data)
    out = {name: s.settings for name, s in found.items() if "without" in name}
    assert {name: (s["sources"], s["targets"]) for name, s in out.items()} == {
        "to-d without a": (["b", "c"], ["a"]),
        "to-d without b": (["a", "c"], ["b"]),
        "to-d without c": (["a", "b"], ["c"]),
    }
    assert {s["tunes"] for s in out.values()} == {"to-d"}
    assert {s["rule"] for s in out.values()} == {"leave-one-source-out"}
    assert set(found) - set(out) == {"to-d by its sources", "a-to-d by its sources"}
    assert found["a-to-d by its sources"].optional


def test_of_many_sources_some_are_drawn_by_the_identity_of_the_transfer(make_dataset, make_domain):
    names = [f"s{number}" for number in range(9)]
    domains = tuple(make_domain(name, number) for number, name in enumerate([*names, "t"]))
    transfers = (Transfer("to-t", tuple(names), ("t",)),)
    data = make_dataset(domains=domains, transfers=transfers, streams=())
    held_out = [inner.targets[0] for _, inner in tuning.left_out(data)]
    assert len(set(held_out)) == tuning.MOST_HELD_OUT
    assert held_out == [inner.targets[0] for _, inner in tuning.left_out(data)]


@pytest.mark.parametrize("name", ["to-d without a", "to-d by its sources"])
def test_a_learner_is_shown_no_label_and_no_test_row_of_any_target(data, name):
    scores, diary = examined(TRANSFER, data, of_tuning(TRANSFER, data)[name])
    assert scores
    target = data.domain("d")
    unlabelled = {*marks(target.train.x)}
    labelled = {m for _, splits, _ in diary for split in splits for m in marks(split.x)}
    seen = labelled | {m for _, _, x in diary if x is not None for m in marks(x)}
    hidden = {m for domain in data.domains for m in marks(domain.test.x)}
    assert not seen & (hidden | marks(target.val.x))
    assert not labelled & unlabelled
    assert bool(seen & unlabelled) == (name == "to-d by its sources")


@pytest.mark.parametrize("protocol", [TRANSFER, STREAM])
def test_scores_are_of_validation_splits_and_stand_in_places_that_the_settings_tell(data, protocol):
    name = "transfer" if protocol is TRANSFER else "stream"
    for scenario in of_tuning(protocol, data).values():
        scores, _ = examined(protocol, data, scenario)
        assert scores
        primary = [score for score in scores if score.metric == data.task.primary]
        assert {score.n for score in primary if score.domain} == {30}
        allowed = places(name, repr(scenario.settings))
        assert all(tuple(score[:5]) in allowed for score in scores)
        assert {score.domain for score in scores} <= {"a", "b", "c", None}


def test_a_stream_comes_in_another_order(data):
    (scenario,) = of_tuning(STREAM, data).values()
    assert sorted(scenario.settings["domains"]) == ["a", "b", "c"]
    assert scenario.settings["domains"] != ["a", "b", "c"]
    assert scenario.settings["tunes"] == "all"


def test_where_labels_are_withheld_nothing_is_scored_and_learners_learn_the_same(data):
    for scenario in of_tuning(TRANSFER, data).values():
        scores, diary = examined(TRANSFER, data, scenario)
        blind_scores, blind = examined(TRANSFER, blinded(data), scenario)
        assert scores
        assert not [score for score in blind_scores if score.metric == data.task.primary]
        assert [verb for verb, *_ in blind] == [verb for verb, *_ in diary]


def test_a_source_without_validation_rows_plays_no_target(data):
    a = data.domain("a")
    domains = (replace(a, val=a.val[torch.arange(0)]), *data.domains[1:])
    found = of_tuning(TRANSFER, replace(data, domains=domains))
    assert set(found) == {"to-d without b", "to-d without c", "to-d by its sources"}
    for scenario in found.values():
        assert examined(TRANSFER, replace(data, domains=domains), scenario)[0]


def test_domains_of_another_stage_are_not_left_in_what_is_examined(data):
    rest = tuning.on_validation(data, ["a", "b"])
    assert [domain.name for domain in rest.domains] == ["a", "b"]
    assert all(domain.test is domain.val for domain in rest.domains)
    assert (rest.transfers, rest.streams, rest.folds) == ((), (), ())
    assert not isinstance(rest.domains[0].train.y, Withheld)


def test_batches_that_are_integrated_need_no_validation_rows():
    data = unlabelled()
    data = replace(
        data,
        task=Task("integration"),
        transfers=(Transfer("all", ("site-a", "site-b"), ("site-c",)),),
    )
    names = set(of_tuning(TRANSFER, data))
    assert names == {"all without site-a", "all without site-b"}
