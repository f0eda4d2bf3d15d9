"""Scores of predicted values against true ones."""

import numpy as np
from scipy.stats import kendalltau

from medtl_bench.arrays import Floats
from medtl_bench.metrics.ranking import area_of_steps

ACTIVE = 7.0  # pKd of 100 nM


def concordance(value: Floats, y: Floats) -> float:
    """Share of pairs with different truth that are put in the right order, ties half.

    Harrell 1982. Kendall's tau-b is (C - D) / sqrt(P Q), with P pairs of different truth
    and Q of different value, and the share 1/2 + (C - D) / 2P. It is found in n log n
    steps. NaN where all truth is equal. value [n], y [n].
    """
    of_truth, of_value = _unlike_pairs(y), _unlike_pairs(value)
    if not of_truth or not of_value:
        return 0.5 if of_truth else float("nan")
    tau = float(kendalltau(value, y).statistic)
    return 0.5 + tau * float(np.sqrt(of_value / of_truth)) / 2


def _unlike_pairs(value: Floats) -> int:
    """Return how many pairs of rows differ in value."""
    _, count = np.unique(value, return_counts=True)
    alike = int((count.astype(np.int64) ** 2).sum())
    return (len(value) ** 2 - alike) // 2


def pr_auc_at_7(value: Floats, y: Floats) -> float:
    """Average precision of the rows whose truth is at least 7 (pKd of 100 nM), ranked by value.

    NaN without any. value [n], y [n].
    """
    return area_of_steps(value, y >= ACTIVE)


def rmse(value: Floats, y: Floats) -> float:
    """Root of the mean squared error, in the unit of `y`. Lower is better.

    value [n], y [n].
    """
    return float(np.sqrt(((value - y) ** 2).mean()))
