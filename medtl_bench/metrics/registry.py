"""Which metrics there are, what they fit, and which direction is better."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from medtl_bench.metrics import embeddings
from medtl_bench.metrics.classes import (
    accuracy,
    balanced_accuracy,
    brier,
    expected_calibration_error,
    mcc,
)
from medtl_bench.metrics.masks import dice, dice_of_class, hd95, hd95_of_class
from medtl_bench.metrics.ranking import (
    average_precision,
    bedroc_20,
    enrichment_at_1_percent,
    pr_auc_gain,
    roc_auc,
    sensitivity_at_95_specificity,
)
from medtl_bench.metrics.values import concordance, pr_auc_at_7, rmse

MOST_CLASSES = 10  # for which there are metrics of each class
# before the name of a metric: of class scores masked to the classes of the domain
TASK_AWARE = "task_aware_"
MARKED = "marked_"  # before the name of a metric: of the marked rows of a split alone
PREFIXES = (TASK_AWARE, MARKED)


_CLASSES = ("classification",)
_PROBABILITIES = ("classification", "segmentation")
_MASKS = ("segmentation",)


@dataclass(frozen=True)
class Metric:
    """A metric, the kinds of task it fits, the direction that is better, and whether it needs exactly two classes.

    `classes`: how many it needs at least. `detail`: it is scored on the test splits
    before any target label (stage `fit`), and at no other stage, for it is slow or one of
    many. `of`: what it is taken of: what `predict` answers; what `embed` makes of the
    rows that `fit` was handed, as function(z, batch, y); or the shares of classes among
    the embedded neighbours that have a label.
    """

    function: Callable[..., float]
    kinds: tuple[str, ...]
    higher_is_better: bool = True
    binary: bool = False
    classes: int = 0
    detail: bool = False
    of: Literal["predictions", "embedding", "neighbours"] = "predictions"


def _of_each_class() -> dict[str, Metric]:
    """Return `dice_class_1`, `hd95_class_1` and so on: of one class, by its place among the task's classes, background 0."""
    found = {}
    for number in range(1, MOST_CLASSES):
        for name, of_class, higher in (
            ("dice", dice_of_class, True),
            ("hd95", hd95_of_class, False),
        ):
            function = partial(of_class, number=number)
            found[f"{name}_class_{number}"] = Metric(
                function, _MASKS, higher, classes=number + 1, detail=True
            )
    return found


METRICS = {
    "balanced_accuracy": Metric(balanced_accuracy, _CLASSES),
    "accuracy": Metric(accuracy, _CLASSES),
    "mcc": Metric(mcc, _CLASSES, binary=True),
    "roc_auc": Metric(roc_auc, _CLASSES, binary=True),
    "sensitivity_at_95_specificity": Metric(sensitivity_at_95_specificity, _CLASSES, binary=True),
    "average_precision": Metric(average_precision, _CLASSES, binary=True),
    "pr_auc_gain": Metric(pr_auc_gain, _CLASSES, binary=True),
    "ef1": Metric(enrichment_at_1_percent, _CLASSES, binary=True),
    "bedroc20": Metric(bedroc_20, _CLASSES, binary=True),
    "dice": Metric(dice, _MASKS),
    "hd95": Metric(hd95, _MASKS, higher_is_better=False, detail=True),
    "ece": Metric(expected_calibration_error, _PROBABILITIES, higher_is_better=False),
    "brier": Metric(brier, _PROBABILITIES, higher_is_better=False),
    "concordance": Metric(concordance, ("regression",)),
    "pr_auc_at_7": Metric(pr_auc_at_7, ("regression",)),
    "rmse": Metric(rmse, ("regression",), higher_is_better=False),
    **_of_each_class(),
}
METRICS |= {
    "ilisi": Metric(embeddings.ilisi, ("classification", "integration"), of="embedding"),
    "clisi": Metric(embeddings.clisi, _CLASSES, higher_is_better=False, of="embedding"),
    "silhouette_batch": Metric(
        embeddings.silhouette_batch, ("classification", "integration"), of="embedding"
    ),
    "silhouette_label": Metric(embeddings.silhouette_label, _CLASSES, of="embedding"),
    "label_transfer": Metric(balanced_accuracy, _CLASSES, of="neighbours"),
    "label_transfer_accuracy": Metric(accuracy, _CLASSES, of="neighbours"),
}
INTEGRATION = tuple(name for name, metric in METRICS.items() if metric.of != "predictions")
_DEFAULTS = {
    "classification": ("balanced_accuracy", "ece", "brier"),
    "segmentation": ("dice", "ece", "brier"),
    "regression": ("concordance", "rmse"),
    "integration": ("ilisi", "silhouette_batch"),
}


def known(name: str) -> Metric | None:
    """Return the metric that a score's name means, with a prefix or without, or None."""
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return METRICS.get(name)


def names(kind: str) -> list[str]:
    """Return the metrics that fit a kind of task."""
    return [name for name, metric in METRICS.items() if kind in metric.kinds]


def defaults(kind: str) -> tuple[str, ...]:
    """Return the metrics a task of this kind gets when it names none; the first is the primary one."""
    return _DEFAULTS[kind]
