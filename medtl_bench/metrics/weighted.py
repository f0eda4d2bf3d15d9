"""Metrics of many weightings of the same rows in one pass: how test units vary is found so.

Each function returns the metric of its name [resamples], of answers and labels as that
metric has them and `weight` [resamples, n]. Whole weights give what the metric gives of
rows repeated so often, but for `concordance` of many rows.
"""

import numpy as np

from medtl_bench.arrays import Bools, Floats, Ints
from medtl_bench.metrics import values
from medtl_bench.metrics.ranking import EARLY

MOST_PAIRED, PAIRED = 1000, 250  # rows of which all pairs are counted; partners of each of more


def balanced_accuracy(probability: Floats, y: Ints, weight: Floats) -> Floats:
    """Mean recall over the classes with any weight."""
    of_class = np.eye(probability.shape[1])[y]
    right = of_class * (probability.argmax(1) == y)[:, None]
    return _mean_ratio(weight @ right, weight @ of_class)


def accuracy(probability: Floats, y: Ints, weight: Floats) -> Floats:
    """Share of right answers."""
    return np.asarray(weight @ (probability.argmax(1) == y) / weight.sum(1))


def dice(probability: Floats, y: Ints, weight: Floats) -> Floats:
    """Mean overlap over foreground classes, 1 of what nobody sees; the weights are of images."""
    predicted, numbers = probability.argmax(1), np.arange(1, probability.shape[1])
    # class by class: an array of all would be as large as the probabilities again
    shared = [((predicted == c) & (y == c)).sum((1, 2)) for c in numbers]
    either = [(predicted == c).sum((1, 2)) + (y == c).sum((1, 2)) for c in numbers]
    both, seen = weight @ np.transpose(shared), weight @ np.transpose(either)
    return np.asarray(_ratio(2 * both, seen, nothing=1.0).mean(-1))


def rmse(value: Floats, y: Floats, weight: Floats) -> Floats:
    """Root of the mean squared error."""
    return np.asarray(np.sqrt(weight @ (value - y) ** 2 / weight.sum(1)))


def roc_auc(probability: Floats, y: Ints, weight: Floats) -> Floats:
    """Area under the ROC curve of class 1, or mean over several classes, ties half."""
    if probability.shape[1] == 2:
        return _area(probability[:, 1], y == 1, weight)
    classes = np.unique(y)
    areas = np.stack([_area(probability[:, c], y == c, weight) for c in classes], 1)
    there = np.stack([weight @ (y == c) > 0 for c in classes], 1)
    return _ratio(np.where(there, areas, 0.0).sum(1), there.sum(1))


def _area(score: Floats, of_class: Bools, weight: Floats) -> Floats:
    positive, both = _steps(score, of_class, weight)
    negative = both - positive
    before, total = negative.cumsum(1) - negative / 2, positive.sum(1) * negative.sum(1)
    return _ratio(total - np.einsum("ij,ij->i", positive, before), total)


def average_precision(probability: Floats, y: Ints, weight: Floats) -> Floats:
    """Area of the steps under the curve of precision and recall."""
    positive, both = _steps(probability[:, 1], y == 1, weight)
    precision = _ratio(positive.cumsum(1), both.cumsum(1), nothing=0.0)
    return _ratio((positive * precision).sum(1), positive.sum(1))


def pr_auc_gain(probability: Floats, y: Ints, weight: Floats) -> Floats:
    """Average precision less the positive rate."""
    rate = weight @ (y == 1) / weight.sum(1)
    return np.asarray(average_precision(probability, y, weight) - rate)


def ef1(probability: Floats, y: Ints, weight: Floats) -> Floats:
    """Enrichment of class 1 in the top hundredth."""
    active, both = _steps(probability[:, 1], y == 1, weight)
    total = both.sum(1, keepdims=True)
    top = np.ceil(total / 100 - 1e-9)
    inside = np.clip(top - (both.cumsum(1) - both), 0, both)
    hits = (_ratio(active, both, nothing=0.0) * inside).sum(1)
    return _ratio(hits * total[:, 0], top[:, 0] * active.sum(1))


def bedroc20(probability: Floats, y: Ints, weight: Floats) -> Floats:
    """Early recognition with alpha = 20, whose exponential weights are summed in closed form."""
    active, both = _steps(probability[:, 1], y == 1, weight)
    n, actives = both.sum(1, keepdims=True), active.sum(1, keepdims=True)
    before = both.cumsum(1) - both
    of_ties = _early(before, both, n) * _ratio(active, both, nothing=0.0)
    best, worst = _early(0, actives, n), _early(n - actives, actives, n)
    return _ratio(of_ties.sum(1) - worst[:, 0], (best - worst)[:, 0])


def _early(before: Floats | int, count: Floats, n: Floats) -> Floats:
    """Return the sum of exp(-alpha rank / n) over `count` ranks that follow `before` others."""
    rate = EARLY / n
    first = np.exp(-rate * (np.asarray(before) + 1))
    return np.asarray(first * np.expm1(-rate * count) / np.expm1(-rate))


def concordance(value: Floats, y: Floats, weight: Floats) -> Floats:
    """Share of pairs in the right order, ties half.

    Of more than MOST_PAIRED rows, the part linear in the weights alone (the projection of
    a U-statistic, Hoeffding 1948), each row paired with PAIRED that lie evenly among all.
    """
    n = len(y)
    others = np.linspace(0, n - 1, n if n <= MOST_PAIRED else PAIRED).round().astype(int)
    order = np.sign(value[:, None] - value[others]) * np.sign(y[:, None] - y[others])
    if len(others) == n:
        return 0.5 + _ratio(((weight @ order) * weight).sum(1), _unlike_pairs(y, weight)) / 2
    unlike = y[:, None] != y[others]
    linear = weight @ order.sum(1), weight @ unlike.sum(1)
    mean = order.sum() / max(unlike.sum(), 1)
    # of the ratio: twice the deviation, for either row of a pair may be the one that varies
    return values.concordance(value, y) + _ratio(linear[0] - mean * linear[1], linear[1])


def _unlike_pairs(y: Floats, weight: Floats) -> Floats:
    """Return the weight of ordered pairs of rows that differ in truth."""
    order = np.argsort(y, kind="stable")
    alike = np.add.reduceat(weight[:, order], _starts(y[order]), axis=1)
    return np.asarray(weight.sum(1) ** 2 - (alike**2).sum(1))


def _steps(score: Floats, positive: Bools, weight: Floats) -> tuple[Floats, Floats]:
    """Return the weights of positive and of all rows [resamples, scores], the best score first."""
    order = np.argsort(-score, kind="stable")
    starts, ordered = _starts(score[order]), weight[:, order]
    of_positive = np.add.reduceat(ordered * positive[order], starts, axis=1)
    return of_positive, np.add.reduceat(ordered, starts, axis=1)


def _starts(ordered: Floats) -> Ints:
    """Return where runs of equal numbers begin."""
    return np.flatnonzero(np.append(True, np.diff(ordered) != 0))


def _mean_ratio(above: Floats, below: Floats) -> Floats:
    """Return the mean over the last axis of ratios, without those that divide by 0."""
    there = below > 0
    return _ratio(_ratio(above, below, nothing=0.0).sum(-1), there.sum(-1))


def _ratio(above: Floats, below: Floats | Ints, nothing: float = np.nan) -> Floats:
    """Return a ratio, `nothing` where it would divide by 0."""
    return np.asarray(np.where(below > 0, above / np.where(below > 0, below, 1), nothing))
