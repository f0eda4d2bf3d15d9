"""Where answers of two classes are cut: chosen on sources, never on a target."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from medtl_bench.contract.task import Task
from medtl_bench.metrics.registry import METRICS, SOURCE_THRESHOLD
from medtl_bench.metrics.thresholds import best_threshold, cut_at
from medtl_bench.protocols.withheld import Withheld

CUT = "balanced_accuracy"


def chosen(task: Task, validated: Sequence[tuple[Tensor, Tensor]]) -> float | None:
    """Return the best threshold of outputs [n, 2] and labels [n] of validation splits.

    None where a task has not two classes or does not ask for balanced accuracy, where the
    labels are withheld, or are of one class.
    """
    if len(task.classes) != 2 or CUT not in task.metrics or not validated:
        return None
    if any(isinstance(y, Withheld) for _, y in validated):
        return None
    outputs, y = (torch.cat(parts) for parts in zip(*validated, strict=True))
    threshold = best_threshold(outputs.double().softmax(1).numpy(), y.numpy())
    return threshold if np.isfinite(threshold) else None


def cut(outputs: Tensor, y: Tensor, threshold: float | None) -> dict[str, float]:
    """Return balanced accuracy of outputs [n, 2] cut at a threshold, if there is one."""
    if threshold is None or isinstance(y, Withheld):
        return {}
    answers = cut_at(outputs.double().softmax(1).numpy(), threshold)
    return {SOURCE_THRESHOLD + CUT: METRICS[CUT].score(answers, y.numpy())}
