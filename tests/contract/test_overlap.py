"""Rows that are learned from in one domain and judged by in another: told, and refused."""

from dataclasses import replace

import pytest
import torch

from medtl_bench.contract.overlap import Overlap
from medtl_bench.contract.remarks import remarks
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import DataError
from tests.parts import two_part_domain


def with_rows_of(domain: Domain, rows: torch.Tensor, test: slice) -> Domain:
    """Return a domain of which some test rows are replaced."""
    x = domain.test.x.clone()
    x[test] = rows
    return replace(domain, test=Split(x, domain.test.y))


@pytest.fixture
def sharing(make_dataset, make_domain):
    """Return a function: a dataset in which c is tested by so many training rows of a."""

    def make(count: int, **fields):
        a, b, c = (make_domain(name, seed) for seed, name in enumerate("abc"))
        c = with_rows_of(c, a.train.x[2 : 2 + count], slice(count))
        return make_dataset(domains=(a, b, c), **{"streams": (), **fields})

    return make


def test_rows_of_a_test_split_that_a_source_trains_on_are_told_with_their_share(sharing):
    dataset = sharing(2)
    assert dataset.overlaps == [Overlap("to-c", "c", 0.25)]
    (remark,) = remarks(dataset)
    assert "In 'to-c', 25% of the test rows of 'c' stand in training splits of other" in remark


def test_a_reader_of_mapped_data_is_told_too(sharing):
    dataset = sharing(2)
    assert replace(dataset, checked=True).overlaps == dataset.overlaps


def test_more_than_two_thirds_are_refused(sharing):
    sharing(5)
    with pytest.raises(DataError, match=r"Dataset 'small', 'to-c': 75% of the test rows of 'c'"):
        sharing(6)
    with pytest.raises(DataError, match=r"'all': 100% of the test rows of 'c'"):
        sharing(8, transfers=(), streams=(Stream("all", ("c", "b", "a")),))


def test_what_is_compared_is_who_learns_with_who_is_judged(sharing, make_dataset, make_domain):
    assert sharing(8, transfers=(Transfer("c-to-a", ("c",), ("a",)),)).overlaps == []
    assert sharing(8, transfers=(Transfer("b-to-c", ("b",), ("c",)),)).overlaps == []
    assert make_dataset(domains=tuple(make_domain(n, 0) for n in "abc")).overlaps == []


def test_the_sign_of_a_zero_makes_no_other_row(make_dataset, make_domain):
    a, b, c = (make_domain(name, seed) for seed, name in enumerate("abc"))
    a.train.x[0] = 0.0
    c.test.x[3] = -0.0
    assert make_dataset(domains=(a, b, c)).overlaps[0] == Overlap("to-c", "c", 0.125)


def test_a_row_of_several_parts_is_shared_only_if_all_parts_are(make_dataset):
    a, b, c = (two_part_domain(name, seed) for seed, name in enumerate("abc"))
    c.test.x["drug"][0] = a.train.x["drug"][0]
    assert make_dataset(domains=(a, b, c)).overlaps == []
    c.test.x["protein"][0] = a.train.x["protein"][0]
    assert make_dataset(domains=(a, b, c)).overlaps[0].share == 0.25


def test_numbers_of_groups_are_of_their_own_domain(make_dataset, make_domain):
    def grouped(domain: Domain) -> Domain:
        start, splits = 0, []
        for split in domain.splits().values():
            splits.append(replace(split, groups=torch.arange(start, start + len(split))))
            start += len(split)
        return Domain(domain.name, *splits)

    domains = tuple(grouped(make_domain(name, seed)) for seed, name in enumerate("abc"))
    assert make_dataset(domains=domains).overlaps == []


def test_rows_of_batches_that_are_to_be_mixed_are_compared_without_a_test_split(make_dataset):
    def batch(name: str, seed: int) -> Domain:
        x = torch.randn(6, 3, generator=torch.Generator().manual_seed(seed))
        whole = Split(x, torch.zeros(6, dtype=torch.int64))
        return Domain(name, whole, whole[:0], whole[:0])

    batches = batch("a", 0), batch("b", 1)
    batches[1].train.x[:3] = batches[0].train.x[:3]
    sound = {"task": Task("integration"), "streams": (), "domains": batches}
    (overlap,) = make_dataset(**sound, transfers=(Transfer("t", ("a",), ("b",)),)).overlaps
    assert overlap == Overlap("t", "b", 0.5)
