"""Splits, domains, tasks and datasets: what they hold, what they refuse, and the digest."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split, concatenate
from medtl_bench.contract.task import Task
from medtl_bench.errors import DataError, MedTLError
from tests.parts import two_part_domain, two_parts

MASKS = Task("segmentation", ("background", "blob"))
VALUES = Task("regression")
DIGEST = "fd9c5518236750e75c40b5ce8f01270e16c735ea7c05eb542200ab2540b6d73d"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Split(torch.zeros(3, 2), torch.zeros(4)), "x has 3, y has 4"),
        (lambda: Split(torch.zeros(3, 2), torch.zeros(3), torch.zeros(2)), "groups has 2"),
        (lambda: Split(np.zeros((3, 2)), torch.zeros(3)), "x is a ndarray"),
        (lambda: Split(torch.zeros(3, 2), [0, 1, 0]), "y is a list"),
        (lambda: Split(torch.zeros(()), torch.zeros(())), "x has no rows to count"),
    ],
)
def test_a_split_of_unlike_parts_is_refused(make, message):
    with pytest.raises(DataError, match=message):
        make()


def test_what_a_dataset_has_not_is_told_with_near_matches(make_dataset):
    with pytest.raises(MedTLError, match="There is no transfer named 'to-d'; did you mean 'to-c'"):
        make_dataset().transfer("to-d")
    with pytest.raises(MedTLError, match="There is no stream named 'everything'; known are: all"):
        make_dataset().stream("everything")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("classification", ("one",)), "needs at least two classes"),
        (("segmentation",), "needs at least two classes"),
        (("classification", ("no", "yes", "no")), "name each class once"),
        (("regression", ("no", "yes")), "has no classes"),
        (
            ("classification", ("a", "b"), ("roc_auk",)),
            "no classification metric named 'roc_auk'; did you mean 'roc_auc'",
        ),
        (("regression", (), ("dice",)), "no regression metric named 'dice'"),
        (("classification", ("a", "b", "c"), ("roc_auc",)), "'roc_auc' needs exactly two classes"),
        (
            ("segmentation", ("a", "b"), ("dice", "dice_class_2")),
            "'dice_class_2' needs at least 3 classes, but got",
        ),
        (
            ("segmentation", ("a", "b"), ("hd95", "dice")),
            "scored at every stage, which 'hd95' is not",
        ),
    ],
)
def test_a_task_that_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(MedTLError, match=message):
        Task(*arguments)


def test_a_task_has_metrics_of_its_kind():
    assert Task("classification", ("a", "b")).primary == "balanced_accuracy"
    assert MASKS.primary == "dice"
    assert (VALUES.primary, VALUES.outputs) == ("concordance", 1)


def test_splits_are_joined_in_order_also_those_of_several_parts():
    source = torch.Generator().manual_seed(0)
    first, second = two_parts(3, source), two_parts(2, source)
    joined = concatenate([first, second])
    assert len(joined) == 5
    assert torch.equal(joined.x["drug"][3:], second.x["drug"])


def test_a_deep_copy_of_a_split_is_the_split(make_domain):
    split = make_domain("a", 0).train
    assert copy.deepcopy([split])[0] is split


def test_a_split_cannot_be_changed(make_domain):
    with pytest.raises(AttributeError):
        make_domain("a", 0).train.x = torch.zeros(1)


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


def test_marks_follow_their_rows_and_are_dropped_where_splits_are_joined():
    marked = torch.tensor([True, False, True])
    split = Split(torch.arange(6.0).view(3, 2), torch.zeros(3), torch.arange(3), marked)
    assert split[torch.tensor([2, 1])].marked.tolist() == [True, False]
    assert split[marked].groups.tolist() == [0, 2]
    assert concatenate([split, split]).marked is None
    assert (split.unmarked().marked, split.unmarked().groups) == (None, split.groups)
    plain = Split(split.x, split.y)
    assert plain.unmarked() is plain


def test_marks_of_another_length_are_refused():
    with pytest.raises(DataError, match="marked has 2"):
        Split(torch.zeros(3, 2), torch.zeros(3), marked=torch.zeros(2, dtype=torch.bool))


def test_the_digest_changes_with_the_kind_of_task(make_dataset, make_domain):
    """The same numbers may be values to be predicted, or stand for no labels at all."""

    def unlabelled(domain: Domain) -> Domain:
        splits = [
            Split(s.x, torch.zeros(len(s), dtype=torch.int64)) for s in domain.splits().values()
        ]
        return Domain(domain.name, *splits)

    domains = tuple(unlabelled(make_domain(name, seed)) for seed, name in enumerate("abc"))
    integration = make_dataset(task=Task("integration"), domains=domains, streams=())
    values = replace(integration, task=Task("regression"), checked=True)
    assert integration.digest() != values.digest()


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
    domains = [make_domain(name, seed) for seed, name in enumerate("abc")]
    trains = [Split(d.train.x.t().contiguous().t(), d.train.y) for d in domains]
    turned = [replace(d, train=train) for d, train in zip(domains, trains, strict=True)]
    assert make_dataset(domains=tuple(turned)).digest() == make_dataset().digest()


def test_an_integration_task_has_no_classes_and_is_ranked_by_mixing() -> None:
    task = Task("integration")
    assert task.primary == "ilisi"
    assert task.embedded == task.metrics
    assert task.outputs == 1
    with pytest.raises(DataError, match="integration task has no classes"):
        Task("integration", ("a", "b"))
    with pytest.raises(MedTLError, match="no integration metric named 'clisi'"):
        Task("integration", metrics=("clisi",))


def test_a_task_with_labels_is_ranked_by_predictions_and_may_name_measures_of_an_embedding() -> (
    None
):
    task = Task("classification", ("a", "b"), ("balanced_accuracy", "ilisi", "label_transfer"))
    assert task.embedded == ("ilisi", "label_transfer")
    with pytest.raises(
        DataError, match="ranked by what is predicted, but its first metric is 'ilisi'"
    ):
        Task("classification", ("a", "b"), ("ilisi", "balanced_accuracy"))
