"""Datasets: scenarios by name, and the digest, which changes with all that a learner may see."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import MedTLError
from tests.parts import two_part_domain

MASKS = Task("segmentation", ("background", "blob"))
VALUES = Task("regression")


def test_what_a_dataset_has_not_is_told_with_near_matches(make_dataset):
    with pytest.raises(MedTLError, match="There is no transfer named 'to-d'; did you mean 'to-c'"):
        make_dataset().transfer("to-d")
    with pytest.raises(MedTLError, match="There is no stream named 'everything'; known are: all"):
        make_dataset().stream("everything")


def test_the_digest_is_of_the_content_alone(make_dataset, card):
    assert make_dataset().digest() == make_dataset().digest()
    assert make_dataset(card=replace(card, notes="other words")).digest() == make_dataset().digest()


@given(
    domain=st.integers(0, 2),
    split=st.sampled_from(["train", "val", "test"]),
    row=st.integers(0, 3),
    column=st.integers(0, 2),
)
def test_the_digest_changes_with_any_value(make_dataset, make_domain, domain, split, row, column):
    domains = [make_domain(name, seed) for seed, name in enumerate("abc")]
    getattr(domains[domain], split).x[row, column] += 1
    assert make_dataset(domains=tuple(domains)).digest() != make_dataset().digest()


@given(
    domain=st.integers(0, 2), split=st.sampled_from(["train", "val", "test"]), row=st.integers(0, 3)
)
def test_the_digest_changes_with_any_label(make_dataset, make_domain, domain, split, row):
    domains = [make_domain(name, seed) for seed, name in enumerate("abc")]
    y = getattr(domains[domain], split).y
    y[row] = 1 - y[row]
    assert make_dataset(domains=tuple(domains)).digest() != make_dataset().digest()


def grouped(domain: Domain, shift: int = 0) -> Domain:
    starts = dict(zip(("train", "val", "test"), (0, 100, 200), strict=True))
    splits = [
        Split(s.x, s.y, torch.arange(len(s)) // 2 + starts[n] + shift)
        for n, s in domain.splits().items()
    ]
    return Domain(domain.name, *splits)


def test_the_digest_changes_with_everything_else_a_learner_may_see(make_dataset, make_domain):
    domains = tuple(make_domain(name, seed) for seed, name in enumerate("abc"))
    parts = tuple(two_part_domain(n, s) for s, n in enumerate("abc"))
    renamed = [
        Domain(
            d.name,
            *(Split(s.x.clone().rename_key_("drug", "ligand"), s.y) for s in d.splits().values()),
        )
        for d in parts
    ]
    variants = [
        make_dataset(),
        make_dataset(name="other"),
        make_dataset(task=Task("classification", ("no", "maybe"))),
        make_dataset(task=Task("classification", ("no", "yes"), ("accuracy",))),
        make_dataset(transfers=(Transfer("to-c", ("b", "a"), ("c",)),)),
        make_dataset(streams=(Stream("all", ("a", "c", "b")),)),
        make_dataset(domains=(domains[1], domains[0], domains[2])),
        make_dataset(domains=tuple(map(grouped, domains))),
        make_dataset(domains=tuple(grouped(d, 1) for d in domains)),
        make_dataset(domains=parts),
        make_dataset(domains=tuple(renamed)),
    ]
    digests = [dataset.digest() for dataset in variants]
    assert len(set(digests)) == len(digests)


def test_the_digest_changes_with_marks_and_without_them_is_what_it_was(make_dataset, make_domain):
    b = make_domain("b", 1)
    none = torch.zeros(8, dtype=torch.bool)
    one = none.clone()
    one[3] = True
    variants = [b, *(replace(b, test=replace(b.test, marked=marked)) for marked in (none, one))]
    digests = [
        make_dataset(domains=(make_domain("a", 0), b, make_domain("c", 2))).digest()
        for b in variants
    ]
    assert len(set(digests)) == 3
    assert digests[0] == make_dataset().digest()


def test_the_digest_does_not_depend_on_how_tensors_lie_in_memory(make_dataset, make_domain):
    domains = tuple(make_domain(name, seed) for seed, name in enumerate("abc"))
    turned = tuple(
        replace(d, train=Split(d.train.x.t().contiguous().t(), d.train.y)) for d in domains
    )
    assert make_dataset(domains=turned).digest() == make_dataset().digest()
