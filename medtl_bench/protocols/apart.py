"""What is told of a target's test split beside its scores: by class and by group."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.metrics.builtin import MOST_CLASSES
from medtl_bench.metrics.registry import CONFUSION
from medtl_bench.protocols.examiner import defined, measure, rows
from medtl_bench.protocols.withheld import Withheld
from medtl_bench.results.record import Score

FEWEST = 5  # rows of each of two classes, or in all, under which a group has no score


def scores(task: Task, split: Split, outputs: Tensor, domain: str) -> Iterator[Score]:
    """Yield shares of answers by class, and the primary metric by group, before any label.

    The metric `confusion 0 1` is the share of the rows of class 0 that were answered as
    class 1, of all pairs with any, where there are at most ten classes; its n are the
    rows of class 0. `balanced_accuracy sex = female` is that of a group of
    `Split.attributes`, where it has five rows of each of two classes (of values or
    masks: ten or five rows).
    """
    if isinstance(split.y, Withheld):
        return
    if task.kind == "classification" and task.outputs <= MOST_CLASSES:
        yield from _confusion(task, split.y, outputs, domain)
    for name, mask in split.attributes.items():
        if _enough(task, split.y[mask]):
            values = measure(task, outputs[mask], split.y[mask], [task.primary])
            named = {f"{metric} {name}": value for metric, value in values.items()}
            yield from rows("fit", int(mask.sum()), named, domain=domain)


def _confusion(task: Task, y: Tensor, outputs: Tensor, domain: str) -> Iterator[Score]:
    pairs = torch.bincount(task.outputs * y + outputs.argmax(1), minlength=task.outputs**2)
    counts = pairs.reshape(task.outputs, task.outputs).numpy()
    for true, of_class in enumerate(counts):
        n = int(of_class.sum())
        answered = np.flatnonzero(of_class).tolist()
        shares = {f"{CONFUSION} {true} {answer}": of_class[answer] / n for answer in answered}
        yield from rows("fit", n, defined(shares), domain=domain)


def _enough(task: Task, y: Tensor) -> bool:
    """Return whether a group with these labels can be told from chance at all."""
    if task.kind == "classification":
        return int((y.bincount() >= FEWEST).sum()) >= 2
    return len(y) >= (FEWEST if task.kind == "segmentation" else 2 * FEWEST)
