"""Means with intervals, ties with the best row, and ranks.

A NaN stands for a number that is not there.

Every function has a defined answer for one number, equal numbers and none at all; none of
them warns.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit
from scipy.stats import friedmanchisquare, rankdata

from medtl_bench.arrays import Bools, Floats, Ints

LEVEL = 0.95
TOLERANCE = 1e-9
FEWEST_DATASETS = 5
FEWEST_PAIRS, TAU_RESAMPLES = 4, 4999


class Mean(NamedTuple):
    """A mean, half the width of its interval (NaN for n < 2), and the number n it is over.

    Arrays of one shape.
    """

    mean: Floats
    half: Floats
    n: Ints


class Marks(NamedTuple):
    """Which rows are best, and which cannot be told from the best; arrays [rows]."""

    best: Bools
    tied: Bools


def mean_interval(values: Floats) -> Mean:
    """Return the mean over the last axis with its 95% t interval (Student 1908).

    Half its width is t(0.975, n - 1) sd / sqrt(n).
    """
    there = np.isfinite(values)
    n = there.sum(-1)
    mean = np.where(there, values, 0.0).sum(-1) / np.maximum(n, 1)
    squares = np.where(there, (values - mean[..., None]) ** 2, 0.0).sum(-1)
    freedom = np.maximum(n - 1, 1)
    half = stdtrit(freedom, (1 + LEVEL) / 2) * np.sqrt(squares / freedom / np.maximum(n, 1))
    return Mean(np.where(n > 0, mean, np.nan), np.where(n > 1, half, np.nan), n)


def mark(values: Floats, higher_is_better: bool = True) -> Marks:
    """Return the best rows and those tied with them.

    values [rows, seeds]. A row is tied if the 95% t interval of its paired differences to
    the best holds 0. With fewer than two seeds in common nothing can be told apart,
    so the row counts as tied.
    """
    mean = mean_interval(values).mean
    if not np.isfinite(mean).any():
        return Marks(np.zeros(len(values), bool), np.zeros(len(values), bool))
    oriented = np.where(np.isfinite(mean), mean if higher_is_better else -mean, -np.inf)
    best = oriented >= oriented.max() - TOLERANCE
    difference = mean_interval(values - values[oriented.argmax()])
    tied = (difference.n < 2) | (
        np.abs(difference.mean) <= np.nan_to_num(difference.half) + TOLERANCE
    )
    return Marks(best, tied & np.isfinite(mean) & ~best)


def ranks(scores: Floats, higher_is_better: Bools) -> Floats:
    """Return the rank of each row in each column, 1 for the best.

    Ties share the average rank. scores [rows, columns].
    """
    oriented = np.where(higher_is_better, -scores, scores)
    return rankdata(np.round(oriented, 9), axis=0, nan_policy="omit").astype(float)


def friedman(scores: Floats, higher_is_better: Bools) -> float | None:
    """Return the p-value that all methods rank alike (Friedman 1937), None for too few to test.

    scores [methods, datasets], without gaps. Fewer than 5 datasets or 3 methods are too
    few; if all are equal, p is 1.
    """
    rank = ranks(scores, higher_is_better)
    methods, datasets = rank.shape
    if datasets < FEWEST_DATASETS or methods < 3:
        return None
    if (rank == rank[:1]).all():
        return 1.0
    return float(friedmanchisquare(*rank).pvalue)


def kendall(a: Floats, b: Floats) -> float:
    """Return Kendall's tau-b of paired values [n] (Kendall 1945).

    1 for one order, -1 for its reverse; NaN if one side is constant.
    """
    return float(_taus(a[None], b[None])[0])


def kendall_interval(a: Floats, b: Floats, seed: int = 0) -> tuple[float, float]:
    """Return the ends of a 95% percentile bootstrap interval of tau-b (Efron 1979).

    The n pairs are resampled. Draws in which one side is constant have no tau and are left
    out. NaN for fewer than 4 pairs, which are too few.
    """
    if len(a) < FEWEST_PAIRS:
        return float("nan"), float("nan")
    drawn = np.random.default_rng(seed).integers(len(a), size=(TAU_RESAMPLES, len(a)))
    taus = _taus(a[drawn], b[drawn])
    if not np.isfinite(taus).any():
        return float("nan"), float("nan")
    low, high = np.nanquantile(taus, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _taus(a: Floats, b: Floats) -> Floats:
    """Tau-b along the last axis of [..., n]."""
    x, y = (np.sign(v[..., :, None] - v[..., None, :]) for v in (a, b))
    below = np.sqrt((x**2).sum((-1, -2)) * (y**2).sum((-1, -2)))
    above = (x * y).sum((-1, -2))
    return np.asarray(above / np.where(below > 0, below, np.nan))
