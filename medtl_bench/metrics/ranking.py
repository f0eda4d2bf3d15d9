"""Scores of how class 1 is ranked before class 0."""

import numpy as np
from scipy.stats import rankdata

from medtl_bench.arrays import Bools, Floats, Ints

EARLY = 20.0  # of BEDROC: the top 8% of a list carries 80% of the score


def roc_auc(probability: Floats, y: Ints) -> float:
    """Area under the ROC curve of class 1 (Mann-Whitney, ties count half).

    Of more than two classes: the mean over the classes that `y` holds, each against the
    rest (Provost and Domingos 2000), as scikit-learn's `multi_class="ovr",
    average="macro"` where `y` holds all. Defined where `y` holds two classes.
    probability [n, classes], y [n].
    """
    several = probability.shape[1] > 2
    classes = np.unique(y) if several else [1]
    return float(np.mean([_area_of_ranks(probability[:, c], y == c) for c in classes]))


def _area_of_ranks(score: Floats, positive: Bools) -> float:
    """Return the area under the ROC curve of a score [n]; NaN without both kinds of rows."""
    n_positive, n_negative = positive.sum(), (~positive).sum()
    if not n_positive or not n_negative:
        return float("nan")
    # ranks count positives below too, in all 1 + 2 + ... + n_positive of them
    ranks = rankdata(score)[positive].sum()
    above = ranks - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))


def sensitivity_at_95_specificity(probability: Floats, y: Ints) -> float:
    """Largest share of class 1 found by a threshold that clears at least 95% of class 0.

    NaN with one class. Rows with equal scores stand on one side of a threshold together;
    to find none is a threshold too, so the least is 0. probability [n, 2], y [n].
    """
    score, positive = probability[:, 1], y == 1
    if positive.all() or not positive.any():
        return float("nan")
    negatives = np.sort(score[~positive])[::-1]
    # how many of class 0 may lie above the threshold; 0.05 of 20 is a little less than 1
    allowed = int(np.floor(len(negatives) * 0.05 + 1e-9))
    return float((score[positive] > negatives[allowed]).mean())


def average_precision(probability: Floats, y: Ints) -> float:
    """Area under the precision-recall curve of class 1 as a step function.

    NaN without positives. probability [n, 2], y [n].
    """
    return area_of_steps(probability[:, 1], y == 1)


def area_of_steps(score: Floats, positive: Bools) -> float:
    """Return average precision of the `positive` rows [n] ranked by score [n]; NaN without any."""
    if not positive.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    # tied rows are found together: a step of the curve ends at the last of them
    last_of_ties = np.append(np.diff(score[order]) != 0, True)
    true_positives = np.cumsum(positive[order])[last_of_ties]
    precision = true_positives / (np.flatnonzero(last_of_ties) + 1)
    steps = np.diff(true_positives, prepend=0)
    return float((steps * precision).sum() / positive.sum())


def pr_auc_gain(probability: Floats, y: Ints) -> float:
    """Average precision less the positive rate, which a random ranking gets.

    FS-Mol, Stanley et al. 2021. NaN without positives. probability [n, 2], y [n].
    """
    return average_precision(probability, y) - float((y == 1).mean())


def enrichment_at_1_percent(probability: Floats, y: Ints) -> float:
    """Share of actives (class 1) in the top 1% of a ranked list, over their share in all (EF1%).

    NaN without actives. The top holds ceil(n / 100) rows; of rows tied across its end as
    many count as expected of a random order. probability [n, 2], y [n].
    """
    active = y == 1
    if not active.any():
        return float("nan")
    score, top = probability[:, 1], -(-len(y) // 100)
    threshold = np.partition(score, -top)[-top]
    above, tied = score > threshold, score == threshold
    hits = active[above].sum() + active[tied].mean() * (top - above.sum())
    return float(hits / top / active.mean())


def bedroc_20(probability: Floats, y: Ints) -> float:
    """Boltzmann-enhanced discrimination of the ROC curve, alpha = 20 (Truchon and Bayly 2007).

    Equation 36; NaN with one class. Actives (class 1) count exp(-alpha rank / n), in 0..1
    between the worst and the best list; tied rows share the mean of their ranks' weights,
    which is the expectation over a random order. probability [n, 2], y [n].
    """
    active, n = y == 1, len(y)
    if not active.any() or active.all():
        return float("nan")
    _, tie, count = np.unique(-probability[:, 1], return_inverse=True, return_counts=True)
    weight = np.exp(-EARLY * np.arange(1, n + 1) / n)
    mean = np.add.reduceat(weight, np.cumsum(count) - count) / count
    best, worst = np.sort(weight)[-active.sum() :].sum(), weight[-active.sum() :].sum()
    return float((mean[tie][active].sum() - worst) / (best - worst))
