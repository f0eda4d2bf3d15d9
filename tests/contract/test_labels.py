"""What labels are said to mean, held against the classes that domains hold."""

from dataclasses import replace

import pytest
import torch

from medtl_bench.contract.labels import as_found
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import DataError

TASK = Task("classification", ("no", "yes", "maybe"))
TO_C = (Transfer("to-c", ("a", "b"), ("c",)),)
ALL = (Stream("all", ("a", "b", "c")),)


def with_classes(domain: Domain, *classes: int) -> Domain:
    """Return a domain whose rows are of these classes, one after the other."""
    of_rows = torch.tensor(classes)
    splits = (
        Split(s.x, of_rows[torch.arange(len(s)) % len(of_rows)]) for s in domain.splits().values()
    )
    return Domain(domain.name, *splits)


@pytest.fixture
def holding(make_dataset, make_domain):
    """Return a function: a dataset whose domains a, b and c hold these classes."""

    def make(*classes, **fields):
        named = zip("abc", classes, strict=True)
        domains = tuple(with_classes(make_domain(n, i), *c) for i, (n, c) in enumerate(named))
        return make_dataset(task=TASK, domains=domains, **{"streams": (), **fields})

    return make


def test_labels_are_shared_where_nothing_is_said(holding):
    dataset = holding((0, 1), (2, 1), (0, 2), transfers=TO_C)
    assert dataset.labels_of(dataset.transfers[0]) == "shared"


def test_shared_labels_whose_classes_no_source_holds_are_refused_with_the_mend(holding):
    wrong = (
        r"transfer 'to-c': labels are said to be 'shared', but 'c' is judged by the class 'maybe'"
    )
    mend = "say labels='new classes' there, or 'own' where each domain asks a question of its own"
    with pytest.raises(DataError, match=f"Dataset 'small', {wrong}, .*{mend}"):
        holding((0, 1), (0, 1), (0, 2), transfers=TO_C)
    assert holding((0, 1), (0, 1), (0, 2), transfers=TO_C, labels="new classes")
    assert holding((0, 1), (0, 1), (0, 2), transfers=TO_C, labels="own")


def test_new_classes_that_are_none_are_refused_too(holding):
    with pytest.raises(DataError, match="'new classes', but what is learned before holds every"):
        holding((0, 1), (1, 2), (0, 2), transfers=TO_C, labels="new classes")


def test_along_a_stream_classes_are_new_that_no_earlier_domain_holds(holding):
    with pytest.raises(DataError, match="stream 'all': labels are said to be 'shared', but 'b'"):
        holding((0, 1), (1, 2), (0, 2), transfers=(), streams=ALL)
    assert holding((0, 1, 2), (1,), (0, 2), transfers=(), streams=ALL)


def test_a_scenario_may_say_otherwise_than_its_dataset(holding):
    said = (replace(ALL[0], labels="new classes"),)
    dataset = holding((0, 1), (1, 2), (0, 2), transfers=TO_C, streams=said)
    assert [dataset.labels_of(one) for one in (*dataset.transfers, *dataset.streams)] == [
        "shared",
        "new classes",
    ]


def test_words_that_mean_nothing_are_refused(holding):
    with pytest.raises(DataError, match=r"meaning of labels named 'shard'.*shared"):
        holding((0, 1), (1, 2), (0, 2), transfers=TO_C, labels="shard")


def test_values_have_no_new_classes(make_dataset, make_domain):
    domains = []
    for seed, name in enumerate("abc"):
        splits = make_domain(name, seed).splits().values()
        domains.append(Domain(name, *(Split(s.x, s.x[:, 0].clone()) for s in splits)))
    fields = {"task": Task("regression"), "domains": tuple(domains)}
    assert make_dataset(**fields, labels="own")
    with pytest.raises(DataError, match="a regression task has no classes: say 'shared', or 'own'"):
        make_dataset(**fields, labels="new classes")


def test_what_a_file_of_a_user_holds_is_told_as_it_is_found(holding):
    dataset = holding((0, 1), (0, 1), (0, 2), transfers=TO_C, labels="own")
    streams = (Stream("b-a", ("b", "a")),)
    assert as_found(TO_C, dataset.domains)[0].labels == "new classes"
    assert as_found(streams, dataset.domains) == streams
