"""Datasets: scenarios by name, and the digest, which changes with all that a learner may see."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split, concatenate
from medtl_bench.contract.task import Task
from medtl_bench.errors import DataError, MedTLError
from tests.parts import two_part_domain

MASKS = Task("segmentation", ("background", "blob"))
DIGEST = "fd9c5518236750e75c40b5ce8f01270e16c735ea7c05eb542200ab2540b6d73d"


def test_what_a_dataset_has_not_is_told_with_near_matches(make_dataset):
    with pytest.raises(MedTLError, match="There is no transfer named 'to-d'; did you mean 'to-c'"):
        make_dataset().transfer("to-d")
    with pytest.raises(MedTLError, match="There is no stream named 'everything'; known are: all"):
        make_dataset().stream("everything")


def test_the_digest_is_of_the_data_not_of_what_is_said_or_asked_of_it(make_dataset, card):
    variants = [
        make_dataset(),
        make_dataset(name="other"),
        make_dataset(card=replace(card, notes="other words")),
        make_dataset(task=Task("classification", ("no", "yes"), ("accuracy",))),
        make_dataset(transfers=(Transfer("to-c", ("b", "a"), ("c",)),)),
        make_dataset(transfers=(Transfer("to-b", ("a",), ("b",)),)),
        make_dataset(transfers=()),
        make_dataset(streams=(Stream("all", ("a", "c", "b")),)),
        make_dataset(streams=()),
    ]
    assert len({dataset.digest() for dataset in variants}) == 1


def test_the_digest_is_the_same_on_every_machine_and_in_every_version(make_domain, make_dataset):
    """Records hold it: where this fails, they no longer belong to the data they were made on."""

    def counted(domain: Domain) -> Domain:
        splits = [
            Split(torch.arange(3.0 * n).view(n, 3) + start, torch.arange(n) % 2)
            for n, start in ((4, 0), (2, 100), (3, 200))
        ]
        return Domain(domain.name, *splits)

    domains = tuple(counted(make_domain(name, 0)) for name in "abc")
    assert make_dataset(domains=domains).digest() == DIGEST


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


def with_ligands(domain: Domain) -> Domain:
    """Return a domain of two parts under another name of the first."""
    parts = [split.x.clone().rename_key_("drug", "ligand") for split in domain.splits().values()]
    labels = [split.y for split in domain.splits().values()]
    return Domain(domain.name, *map(Split, parts, labels))


def masked(name: str, seed: int) -> Domain:
    """Return images without a blob and masks that say so, but for one pixel in training."""
    source = torch.Generator().manual_seed(seed)
    splits = [
        Split(torch.rand(n, 1, 4, 4, generator=source), torch.zeros(n, 4, 4, dtype=torch.int64))
        for n in (4, 2, 3)
    ]
    splits[0].y[0, 0, 0] = 1
    return Domain(name, *splits)


def test_the_digest_changes_with_everything_else_a_learner_may_see(make_dataset, make_domain):
    domains = tuple(make_domain(name, seed) for seed, name in enumerate("abc"))
    pairs = tuple(two_part_domain(name, seed) for seed, name in enumerate("abc"))
    images = tuple(masked(name, seed) for seed, name in enumerate("abc"))
    to_d = {"transfers": (Transfer("t", ("a", "b"), ("d",)),), "streams": ()}
    longer = replace(domains[0], train=concatenate([domains[0].train, make_domain("a", 9).val]))
    variants = [
        make_dataset(),
        make_dataset(task=Task("classification", ("no", "maybe"))),
        make_dataset(task=Task("classification", ("no", "yes", "maybe"))),
        make_dataset(domains=(domains[1], domains[0], domains[2])),
        make_dataset(domains=(longer, *domains[1:])),
        make_dataset(domains=(*domains[:2], replace(domains[2], name="d")), **to_d),
        make_dataset(domains=tuple(map(grouped, domains))),
        make_dataset(domains=tuple(grouped(domain, 1) for domain in domains)),
        make_dataset(domains=pairs),
        make_dataset(domains=tuple(map(with_ligands, pairs))),
        make_dataset(domains=images, task=MASKS),
        make_dataset(domains=images, task=replace(MASKS, classes=("background", "lesion"))),
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


def turned(domain: Domain) -> Domain:
    return Domain(domain.name, domain.test, domain.val, domain.train)


def test_a_trial_sees_the_fold_of_its_seed_alone(make_dataset):
    plain = make_dataset()
    other = tuple(map(turned, plain.domains))
    folded = make_dataset(folds=(other,))
    assert plain.of_seed(5) is plain
    assert plain.divisions() == [plain]
    assert [len(one.folds) for one in folded.divisions()] == [0, 0]
    for seed in range(4):
        seen = folded.of_seed(seed).domain("a")
        assert seen is (other[0] if seed % 2 else folded.domains[0])
    assert folded.digest() != plain.digest()
    assert folded.of_seed(0).digest() == plain.digest()


def test_every_fold_is_checked_like_the_first(make_dataset):
    domains = make_dataset().domains
    with pytest.raises(DataError, match=r"must hold the domains \['a', 'b', 'c'\], but fold 1"):
        make_dataset(folds=((domains[1], domains[0], domains[2]),))
    leaking = Domain("a", domains[0].train, domains[0].val, domains[0].train)
    with pytest.raises(DataError, match="a row may stand in one split only"):
        make_dataset(folds=((leaking, *domains[1:]),))
