"""Draws the few labelled rows that a learner adapts to."""

import torch

from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task


def draw_support(task: Task, train: Split, shots: int, draw: torch.Generator) -> Split:
    """Return `shots` rows of every class of a training split, or all where there are fewer.

    For tasks without one class a row, `shots` rows.
    """
    order = torch.randperm(len(train), generator=draw)
    if task.kind != "classification":
        return train[order[:shots]]
    y = train.y[order]
    return train[torch.cat([order[y == c][:shots] for c in y.unique()])]


def most_shots(task: Task, train: Split) -> int:
    """Return the largest k for which `draw_support` leaves a row of a split undrawn."""
    rows = int(train.y.bincount().max()) if task.kind == "classification" else len(train)
    return rows - 1
