"""A dataset without the labels that learners are judged by."""

from collections.abc import Collection
from dataclasses import replace

import torch
from torch import Tensor

from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.split import Domain, Split


class Withheld(Tensor):
    """Labels that are not there: zeros in their place.

    Whatever is taken of them, as some rows are, is withheld too. No metric is taken of
    them, and no learner is handed them.
    """


def withhold(split: Split) -> Split:
    """Return a split with inputs, and zeros for labels; without groups and marks."""
    return Split(split.x, torch.zeros_like(split.y).as_subclass(Withheld))


def _val(domain: Domain, *, shown: bool) -> Split:
    return Split(domain.val.x, domain.val.y) if shown else withhold(domain.val)


def blinded(dataset: Dataset, validating: Collection[str] = ()) -> Dataset:
    """Return a dataset whose labels for validation and testing are withheld.

    Without other folds, which train on what is judged here. `validating`: the domains whose
    labels for validation are not, for learners that end a training by them.
    """
    shown = set(validating)
    domains = [
        Domain(d.name, d.train, _val(d, shown=d.name in shown), withhold(d.test))
        for d in dataset.domains
    ]
    return replace(dataset, domains=tuple(domains), folds=(), checked=True)
