"""How rows are sampled for the batches that learners are trained on."""

from typing import Literal

Sampling = Literal["", "natural", "balanced"]
# the mean over classes, or what stands first in a list where few rows are of class 1
OF_RARE_CLASSES = frozenset({"balanced_accuracy", "bedroc20", "ef1", "pr_auc_gain"})


def sampling_for(kind: str, primary: str) -> Sampling:
    """Return how rows are sampled for a kind of task and its primary metric.

    `balanced`, as many of each class, for classes where the metric does not weigh them by
    their numbers; else `natural`, as often as they occur.
    """
    rare = kind == "classification" and primary in OF_RARE_CLASSES
    return "balanced" if rare else "natural"
