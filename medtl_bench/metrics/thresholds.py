"""Where scores of two classes are cut, and how right the answers then are."""

import numpy as np

from medtl_bench.arrays import Floats, Ints

USUAL = 0.5  # the more probable class of two


def best_threshold(probability: Floats, y: Ints) -> float:
    """Return the threshold of class 1 at which balanced accuracy is highest, in 0..1.

    Of several, the nearest to 0.5 (so it is 0.5 unless another is better): Youden's J
    is at its highest there (Youden 1950). NaN where `y` holds one class. probability
    [n, 2], y [n].
    """
    score, positive = probability[:, 1], y == 1
    if positive.all() or not positive.any():
        return float("nan")
    steps = np.unique(score)
    cuts = np.array([*(steps[:-1] + steps[1:]) / 2, USUAL, 1.0])
    found = 1 - np.searchsorted(np.sort(score[positive]), cuts, "right") / positive.sum()
    cleared = np.searchsorted(np.sort(score[~positive]), cuts, "right") / (~positive).sum()
    nearness = np.abs(cuts - USUAL)
    return float(cuts[np.lexsort((nearness, -np.round(found + cleared, 9)))[0]])


def cut_at(probability: Floats, threshold: float) -> Floats:
    """Return sure answers [n, 2]: class 1 where its probability is over the threshold.

    probability [n, 2].
    """
    return np.asarray(np.eye(2)[(probability[:, 1] > threshold).astype(int)])
