"""Draws the few labelled rows, or groups of rows, that a learner adapts to."""

from collections.abc import Iterator

import torch
from torch import Tensor

from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task


def draw_support(
    task: Task, train: Split, shots: int, draw: torch.Generator, *, by_group: bool = False
) -> Split:
    """Return `shots` rows of every class of a training split, or all where there are fewer.

    For tasks without one class a row, `shots` rows. `by_group`: as many groups
    (patients, slides, proteins) in place of rows, each with all that it has of the
    class. Whoever labels one row of a patient has the patient, and rows of one say less
    than those of several.
    """
    if by_group:
        return _of_groups(task, train, shots, draw)
    order = torch.randperm(len(train), generator=draw)
    if task.kind != "classification":
        return train[order[:shots]]
    y = train.y[order]
    return train[torch.cat([order[y == c][:shots] for c in y.unique()])]


def most_shots(task: Task, train: Split, *, by_group: bool = False) -> int:
    """Return the largest k for which `draw_support` leaves a row of a split undrawn."""
    units = _units(train) if by_group else torch.arange(len(train))
    return max(len(units[rows].unique()) for rows in _classes(task, train)) - 1


def _of_groups(task: Task, train: Split, shots: int, draw: torch.Generator) -> Split:
    units = _units(train)
    place = torch.randperm(int(units.max()) + 1, generator=draw)[units]
    drawn = [
        rows[torch.isin(place[rows], place[rows].unique()[:shots])]
        for rows in _classes(task, train)
    ]
    return train[torch.cat(drawn)]


def _units(train: Split) -> Tensor:
    """Return the number of the group of each row [n], from 0 upwards; no groups, no unit."""
    assert train.groups is not None  # noqa: S101 - a Dataset refuses a unit without them
    units: Tensor = train.groups.unique(return_inverse=True)[1]
    return units


def _classes(task: Task, train: Split) -> Iterator[Tensor]:
    """Yield the rows of each class that is there, or all where a row has no one class."""
    if task.kind != "classification":
        yield torch.arange(len(train))
        return
    for number in train.y.unique():
        yield (train.y == number).nonzero().flatten()
