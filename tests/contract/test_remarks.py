"""What a reader of scores must know of a dataset: which domain has no score, and why."""

from dataclasses import replace

import pytest
import torch

from medtl_bench.contract.remarks import remarks
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task

AUC = Task("classification", ("well", "ill"), ("roc_auc", "balanced_accuracy", "brier"))


def labelled(split: Split, label: float) -> Split:
    return Split(split.x, torch.full_like(split.y, label))


def test_a_sound_dataset_needs_no_remark(make_dataset):
    assert remarks(make_dataset()) == ()


def test_a_test_split_of_one_class_is_named_with_the_scores_it_cannot_have(
    make_dataset, make_domain
):
    c = make_domain("c", 2)
    domains = make_domain("a", 0), make_domain("b", 1), replace(c, test=labelled(c.test, 1))
    (remark,) = remarks(make_dataset(task=AUC, domains=domains))
    assert remark == (
        "The test split of 'c' holds one class only ('ill'), where roc_auc cannot be told: that "
        "domain has no such score, and means are over the others."
    )
    unasked = Task("classification", ("well", "ill"), ("balanced_accuracy", "brier"))
    assert remarks(make_dataset(task=unasked, domains=domains)) == ()


def test_a_training_split_of_one_class_is_named(make_dataset, make_domain):
    b = make_domain("b", 1)
    b = replace(b, train=labelled(b.train, 0))
    (remark,) = remarks(make_dataset(domains=(make_domain("a", 0), b, make_domain("c", 2))))
    assert remark.startswith("The training split of 'b' holds one class only ('no')")


@pytest.mark.parametrize("split", ["train", "test"])
def test_values_that_are_all_equal_are_named(make_dataset, make_domain, split):
    def valued(domain: Domain) -> Domain:
        return Domain(domain.name, *(Split(s.x, s.x[:, 0]) for s in domain.splits().values()))

    a, b, c = (valued(make_domain(name, seed)) for seed, name in enumerate("abc"))
    c = replace(c, **{split: labelled(getattr(c, split), 2.5)})
    (remark,) = remarks(make_dataset(task=Task("regression"), domains=(a, b, c)))
    assert "of 'c' holds 2.5 only" in remark
