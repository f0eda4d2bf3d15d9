"""What a reader of scores must know of a dataset that is sound: shared rows, scores not there."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.metrics.registry import METRICS


def remarks(dataset: Dataset) -> tuple[str, ...]:
    """Return the sentences, none for most datasets."""
    return (*_shared_rows(dataset), *_of_labels(dataset))


def _shared_rows(dataset: Dataset) -> Iterator[str]:
    """Yield for each transfer and stream how much of a test split is learned from elsewhere."""
    for scenario in dict.fromkeys(overlap.scenario for overlap in dataset.overlaps):
        ours = [overlap for overlap in dataset.overlaps if overlap.scenario == scenario]
        most = max(ours, key=lambda overlap: overlap.share)
        others = f", and less of {len(ours) - 1} more domains" if len(ours) > 1 else ""
        yield (
            f"In {scenario!r}, {_percent(most.share)} of the test rows of {most.domain!r}{others} "
            "stand in training splits of other domains too: there a method may remember, not "
            "transfer."
        )


def _percent(share: float) -> str:
    return "less than 1%" if share < 0.005 else f"{share:.0%}"


def _of_labels(dataset: Dataset) -> Iterator[str]:
    """Yield which domains have no score by some metric, or show no label but one."""
    task = dataset.task
    if task.kind not in {"classification", "regression"}:
        return
    for domain in dataset.domains:
        if undefined := _undefined(task, domain.test):
            yield (
                f"The test split of {domain.name!r} holds {_only(task, domain.test)}, where "
                f"{' and '.join(undefined)} cannot be told: that domain has no such score, and "
                "means are over the others."
            )
        if _is_constant(domain.train) and not _is_constant(domain.test):
            yield (
                f"The training split of {domain.name!r} holds {_only(task, domain.train)}: whoever "
                "learns from it sees no other."
            )


def _is_constant(split: Split) -> bool:
    return len(split) > 0 and bool((split.y == split.y[0]).all())


def _only(task: Task, split: Split) -> str:
    """Return in words the one label of a split."""
    label = split.y[0].item()
    return f"one class only ({task.classes[int(label)]!r})" if task.classes else f"{label:g} only"


def _undefined(task: Task, test: Split) -> list[str]:
    """Return the metrics of predictions that are not defined on the labels of a split."""
    if not _is_constant(test):
        return []
    answers, y = _some_answers(task, len(test)), test.y.numpy()
    predicted = [name for name in task.metrics if METRICS[name].of == "predictions"]
    return [name for name in predicted if not np.isfinite(METRICS[name].score(answers, y))]


def _some_answers(task: Task, rows: int) -> NDArray[np.float64]:
    """Return answers that differ from row to row: probabilities or values."""
    draw = np.random.default_rng(0)
    return draw.dirichlet(np.ones(task.outputs), rows) if task.classes else draw.normal(size=rows)
