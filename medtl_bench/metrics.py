"""Scores from predictions. Every metric is a short function over numpy arrays, checked against scikit-learn in the tests.

scikit-learn's own functions cost about a millisecond each in argument checks, and a trial asks thousands of times.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata

from medtl_bench import integration
from medtl_bench.masks import dice, dice_of_class, hd95, hd95_of_class

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]
BINS = 15
MOST_CLASSES = 10  # for which there are metrics of each class
TASK_AWARE = "task_aware_"  # before the name of a metric: of class scores masked to the classes of the domain
MARKED = "marked_"  # before the name of a metric: of the marked rows of a split alone
PREFIXES = (TASK_AWARE, MARKED)
EARLY = 20.0  # of BEDROC: the top 8% of a list carries 80% of the score
ACTIVE = 7.0  # pKd of 100 nM


def balanced_accuracy(probability: Floats, y: Ints) -> float:
    """Mean recall over the classes that are present in `y` (Brodersen et al. 2010). probability [n, classes], y [n]."""
    hit = probability.argmax(1) == y
    total = np.bincount(y, minlength=probability.shape[1])
    present = total > 0
    return float((np.bincount(y, hit, probability.shape[1])[present] / total[present]).mean())


def accuracy(probability: Floats, y: Ints) -> float:
    """Share of rows whose most probable class is the true one. probability [n, classes], y [n]."""
    return float((probability.argmax(1) == y).mean())


def mcc(probability: Floats, y: Ints) -> float:
    """Matthews correlation of answer and truth, two classes (Matthews 1975), in -1..1; 0 where either holds one class only.

    (TP TN - FP FN) / sqrt((TP + FP)(TP + FN)(TN + FP)(TN + FN)), undefined where a factor is 0. probability [n, 2], y [n].
    """
    (tn, fp), (fn, tp) = np.bincount(2 * y + probability.argmax(1), minlength=4).reshape(2, 2).astype(float)
    below = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return float((tp * tn - fp * fn) / np.sqrt(below)) if below else 0.0


def roc_auc(probability: Floats, y: Ints) -> float:
    """Area under the ROC curve of class 1 (Mann-Whitney, ties count half); NaN with one class. probability [n, 2], y [n]."""
    positive = y == 1
    n_positive, n_negative = positive.sum(), (~positive).sum()
    if not n_positive or not n_negative:
        return float("nan")
    above = rankdata(probability[:, 1])[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))


def sensitivity_at_95_specificity(probability: Floats, y: Ints) -> float:
    """Largest share of class 1 found by a threshold that clears at least 95% of class 0; NaN with one class. [n, 2], y [n].

    Rows with equal scores stand on one side of a threshold together; to find none is a threshold too, so the least is 0.
    """
    score, positive = probability[:, 1], y == 1
    if positive.all() or not positive.any():
        return float("nan")
    negatives = np.sort(score[~positive])[::-1]
    allowed = int(np.floor(len(negatives) * 0.05 + 1e-9))  # how many of class 0 may lie above the threshold
    return float((score[positive] > negatives[allowed]).mean())


def average_precision(probability: Floats, y: Ints) -> float:
    """Area under the precision-recall curve of class 1 as a step function; NaN without positives. probability [n, 2], y [n]."""
    return _average_precision(probability[:, 1], y == 1)


def _average_precision(score: Floats, positive: NDArray[np.bool_]) -> float:
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


def enrichment_at_1_percent(probability: Floats, y: Ints) -> float:
    """Share of actives (class 1) in the top 1% of a ranked list, over their share in all of it (EF1%); NaN without actives.

    The top holds ceil(n / 100) rows; of rows tied across its end as many count as expected of a random order.
    probability [n, 2], y [n].
    """
    active = y == 1
    if not active.any():
        return float("nan")
    score, top = probability[:, 1], -(-len(y) // 100)
    threshold = np.partition(score, -top)[-top]
    above, tied = score > threshold, score == threshold
    found = active[above].sum() + active[tied].mean() * (top - above.sum())
    return float(found / top / active.mean())


def bedroc_20(probability: Floats, y: Ints) -> float:
    """Boltzmann-enhanced discrimination of the ROC curve with alpha = 20 (Truchon and Bayly 2007, eq. 36); NaN with one class.

    Actives (class 1) count exp(-alpha rank / n), in 0..1 between the worst and the best list; tied rows share the mean of
    their ranks' weights, which is the expectation over a random order. probability [n, 2], y [n].
    """
    active, n = y == 1, len(y)
    if not active.any() or active.all():
        return float("nan")
    _, tie, count = np.unique(-probability[:, 1], return_inverse=True, return_counts=True)
    weight = np.exp(-EARLY * np.arange(1, n + 1) / n)
    mean = np.add.reduceat(weight, np.cumsum(count) - count) / count
    best, worst = np.sort(weight)[-active.sum() :].sum(), weight[-active.sum() :].sum()
    return float((mean[tie][active].sum() - worst) / (best - worst))


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


def concordance(value: Floats, y: Floats) -> float:
    """Share of pairs with different truth that are put in the right order, ties half (Harrell 1982). value [n], y [n].

    Kendall's tau-b is (C - D) / sqrt(P Q), with P pairs of different truth and Q of different value, and the share
    1/2 + (C - D) / 2P. It is found in n log n steps.
    """
    of_truth, of_value = _unlike_pairs(y), _unlike_pairs(value)
    if not of_truth or not of_value:
        return 0.5 if of_truth else float("nan")
    tau = float(kendalltau(value, y).statistic)
    return 0.5 + tau * float(np.sqrt(of_value / of_truth)) / 2


def _unlike_pairs(value: Floats) -> int:
    _, count = np.unique(value, return_counts=True)
    return (len(value) ** 2 - int((count.astype(np.int64) ** 2).sum())) // 2


def pr_auc_at_7(value: Floats, y: Floats) -> float:
    """Average precision of the rows whose truth is at least 7 (pKd of 100 nM), ranked by value; NaN without any. [n], [n]."""
    return _average_precision(value, y >= ACTIVE)


def rmse(value: Floats, y: Floats) -> float:
    """Root of the mean squared error, in the unit of `y`. Lower is better. value [n], y [n]."""
    return float(np.sqrt(((value - y) ** 2).mean()))


def _pixels(probability: Floats, y: Ints) -> tuple[Floats, Ints]:
    return np.moveaxis(probability, 1, -1).reshape(-1, probability.shape[1]), y.reshape(-1)


_CLASSES = ("classification",)
_PROBABILITIES = ("classification", "segmentation")
_MASKS = ("segmentation",)


@dataclass(frozen=True)
class Metric:
    """A metric, the kinds of task it fits, the direction that is better, and whether it needs exactly two classes.

    `classes`: how many it needs at least. `detail`: it is scored on the test splits before any target label (stage `fit`), and
    at no other stage, for it is slow or one of many.
    `of`: what it is taken of: what `predict` answers; what `embed` makes of the rows that `fit` was handed, as function(z,
    batch, y); or the shares of classes among the embedded neighbours that have a label.
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
        for name, of_class, higher in (("dice", dice_of_class, True), ("hd95", hd95_of_class, False)):
            function = partial(of_class, number=number)
            found[f"{name}_class_{number}"] = Metric(function, _MASKS, higher, classes=number + 1, detail=True)
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
