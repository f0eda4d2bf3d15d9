"""Scores from predictions. Every metric is a short function over numpy arrays, checked against scikit-learn in the tests.

scikit-learn's own functions cost about a millisecond each in argument checks, and a trial asks thousands of times.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from medtl_bench import integration

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]
BINS = 15
TASK_AWARE = "task_aware_"  # before the name of a metric: of class scores masked to the classes of the domain
MARKED = "marked_"  # before the name of a metric: of those rows that a dataset marks, scored apart
PREFIXES = (TASK_AWARE, MARKED)


def balanced_accuracy(probability: Floats, y: Ints) -> float:
    """Mean recall over the classes that are present in `y` (Brodersen et al. 2010). probability [n, classes], y [n]."""
    hit = probability.argmax(1) == y
    total = np.bincount(y, minlength=probability.shape[1])
    present = total > 0
    return float((np.bincount(y, hit, probability.shape[1])[present] / total[present]).mean())


def accuracy(probability: Floats, y: Ints) -> float:
    """Share of rows whose most probable class is the true one. probability [n, classes], y [n]."""
    return float((probability.argmax(1) == y).mean())


def roc_auc(probability: Floats, y: Ints) -> float:
    """Area under the ROC curve of class 1 (Mann-Whitney, ties count half); NaN with one class. probability [n, 2], y [n]."""
    positive = y == 1
    n_positive, n_negative = positive.sum(), (~positive).sum()
    if not n_positive or not n_negative:
        return float("nan")
    above = rankdata(probability[:, 1])[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))


def average_precision(probability: Floats, y: Ints) -> float:
    """Area under the precision-recall curve of class 1 as a step function; NaN without positives. probability [n, 2], y [n]."""
    score, positive = probability[:, 1], y == 1
    if not positive.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    last_of_ties = np.append(np.diff(score[order]) != 0, True)
    true_positives = np.cumsum(positive[order])[last_of_ties]
    precision = true_positives / (np.flatnonzero(last_of_ties) + 1)
    return float((np.diff(true_positives, prepend=0) * precision).sum() / positive.sum())


def pr_auc_gain(probability: Floats, y: Ints) -> float:
    """Average precision less the positive rate, which a random ranking gets (FS-Mol, Stanley et al. 2021)."""
    return average_precision(probability, y) - float((y == 1).mean())


def expected_calibration_error(probability: Floats, y: Ints) -> float:
    """Mean gap of confidence and accuracy over 15 equal bins of the top probability (Guo et al. 2017). Lower is better."""
    probability, y = _pixels(probability, y)
    confidence, hit = probability.max(1), probability.argmax(1) == y
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    return float(np.abs(np.bincount(bins, hit - confidence, BINS)).sum() / len(y))


def brier(probability: Floats, y: Ints) -> float:
    """Mean squared distance of the probabilities to the one-hot label, in 0..2 (Brier 1950). Lower is better."""
    probability, y = _pixels(probability, y)
    squares = (probability**2).sum(1)
    true = probability[np.arange(len(y)), y]
    return float((squares - 2 * true + 1).mean())


def dice(probability: Floats, y: Ints) -> float:
    """Dice overlap, mean over foreground classes present in `y` or the answer. probability [n, classes, h, w], y [n, h, w]."""
    predicted, classes = probability.argmax(1), probability.shape[1]
    both = np.bincount(y[predicted == y], minlength=classes)[1:]
    either = (np.bincount(predicted.ravel(), minlength=classes) + np.bincount(y.ravel(), minlength=classes))[1:]
    return float((2 * both[either > 0] / either[either > 0]).mean()) if either.any() else float("nan")


def concordance(value: Floats, y: Floats) -> float:
    """Share of pairs with different truth that are put in the right order, ties half (Harrell 1982). value [n], y [n]."""
    longer = y[:, None] > y[None, :]
    if not longer.any():
        return float("nan")
    gap = np.sign(value[:, None] - value[None, :])[longer]
    return float((gap + 1).mean() / 2)


def rmse(value: Floats, y: Floats) -> float:
    """Root of the mean squared error, in the unit of `y`. Lower is better. value [n], y [n]."""
    return float(np.sqrt(((value - y) ** 2).mean()))


def _pixels(probability: Floats, y: Ints) -> tuple[Floats, Ints]:
    return np.moveaxis(probability, 1, -1).reshape(-1, probability.shape[1]), y.reshape(-1)


@dataclass(frozen=True)
class Metric:
    """A metric, the kinds of task it fits, the direction that is better, and whether it needs exactly two classes.

    `of`: what it is taken of: what `predict` answers; what `embed` makes of the rows that `fit` was handed, as function(z,
    batch, y); or the shares of classes among the embedded neighbours that have a label.
    """

    function: Callable[..., float]
    kinds: tuple[str, ...]
    higher_is_better: bool = True
    binary: bool = False
    of: Literal["predictions", "embedding", "neighbours"] = "predictions"


_CLASSES = ("classification",)
_PROBABILITIES = ("classification", "segmentation")
METRICS = {
    "balanced_accuracy": Metric(balanced_accuracy, _CLASSES),
    "accuracy": Metric(accuracy, _CLASSES),
    "roc_auc": Metric(roc_auc, _CLASSES, binary=True),
    "average_precision": Metric(average_precision, _CLASSES, binary=True),
    "pr_auc_gain": Metric(pr_auc_gain, _CLASSES, binary=True),
    "dice": Metric(dice, ("segmentation",)),
    "ece": Metric(expected_calibration_error, _PROBABILITIES, higher_is_better=False),
    "brier": Metric(brier, _PROBABILITIES, higher_is_better=False),
    "concordance": Metric(concordance, ("regression",)),
    "rmse": Metric(rmse, ("regression",), higher_is_better=False),
}
METRICS |= {
    "ilisi": Metric(integration.ilisi, ("classification", "integration"), of="embedding"),
    "clisi": Metric(integration.clisi, _CLASSES, higher_is_better=False, of="embedding"),
    "silhouette_batch": Metric(integration.silhouette_batch, ("classification", "integration"), of="embedding"),
    "silhouette_label": Metric(integration.silhouette_label, _CLASSES, of="embedding"),
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
