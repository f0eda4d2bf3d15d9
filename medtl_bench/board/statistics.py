"""Means with intervals, ties with the best row, and ranks.

A NaN stands for a number that is not there.

Every function has a defined answer for one number, equal numbers and none at all; none of
them warns.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit
from scipy.stats import friedmanchisquare, rankdata

from medtl_bench.arrays import Bools, Floats, Ints

LEVEL = 0.95
TOLERANCE = 1e-9
FEWEST_RESAMPLES = 20  # of test units, else nothing is said of these
FEWEST_DATASETS = 5
FEWEST_PAIRS, TAU_RESAMPLES = 4, 4999


class Mean(NamedTuple):
    """A mean, half the width of its interval (NaN for n < 2), and the number n it is over.

    Arrays of one shape.
    """

    mean: Floats
    half: Floats
    n: Ints


class Crossed(NamedTuple):
    """A mean over seeds, and half the width of its interval over seeds and test units.

    `error`: its standard error, with so many degrees of `freedom`. `seeds`, `units`: what
    half the width would be of one source alone, NaN where it is not known. Arrays of one
    shape.
    """

    mean: Floats
    half: Floats
    n: Ints
    error: Floats
    freedom: Floats
    seeds: Floats
    units: Floats


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


def crossed(values: Floats, resampled: Floats | None = None, freedom: float = np.inf) -> Crossed:
    """Return the mean over seeds with a 95% t interval over seeds and test units, crossed.

    values [..., seeds]; resampled [..., seeds, resamples] of the test units, the same for
    all seeds. The variance of the mean is sd^2 / n over seeds, and over resamples that of
    the mean over seeds: both together overestimate it a little, for each holds what only
    a seed and unit share (Owen 2007, Annals of Applied Statistics 1). Its degrees of
    freedom are those of Satterthwaite 1946; `freedom`: those that the test units have.
    Without resamples the interval is over seeds alone.
    """
    mean, seeds, n = mean_interval(values)
    of_seeds = _variance(seeds, n - 1.0)
    nothing = np.full(mean.shape, np.nan)
    of_units, free = (nothing, nothing) if resampled is None else _of_units(resampled, freedom)
    known = np.nan_to_num(of_units)
    below = of_seeds**2 / np.maximum(n - 1.0, 1.0) + np.nan_to_num(known**2 / free)
    variance = of_seeds + known
    total = np.where(below > 0, variance**2 / np.where(below > 0, below, 1.0), n - 1.0)
    units = _half(np.where(n > 0, of_units, np.nan), free)
    half = np.where(np.isfinite(of_units), _half(variance, total), seeds)
    return Crossed(mean, half, n, np.sqrt(variance), total, seeds, units)


def _of_units(resampled: Floats, freedom: float) -> tuple[Floats, Floats]:
    """Return the variance of the mean over seeds among resamples, and its degrees of freedom.

    Those that some seed lacks do not count; both are NaN where too few are left.
    """
    there = np.isfinite(resampled)
    seeds = there.any(-1, keepdims=True)
    complete = np.all(there | ~seeds, axis=-2) & np.any(seeds, axis=-2)
    total = np.where(there, resampled, 0.0).sum(-2, dtype=float)
    mean = total / np.maximum(seeds.sum(-2), 1)
    n = complete.sum(-1)
    centre = np.where(complete, mean, 0.0).sum(-1) / np.maximum(n, 1)
    squares = np.where(complete, (mean - centre[..., None]) ** 2, 0.0).sum(-1)
    enough = n >= FEWEST_RESAMPLES
    variance = np.where(enough, squares / np.maximum(n - 1, 1), np.nan)
    # a variance that is estimated by resamples of units that estimate it themselves
    return variance, np.where(enough, 1 / (1 / np.maximum(n - 1, 1) + 1 / freedom), np.nan)


def _half(variance: Floats, freedom: Floats) -> Floats:
    known = np.isfinite(variance) & (freedom > 0)
    quantile = stdtrit(np.where(known, freedom, 1.0), (1 + LEVEL) / 2)
    return np.where(known, quantile * np.sqrt(np.where(known, variance, 0.0)), np.nan)


def _variance(half: Floats, freedom: Floats) -> Floats:
    """Return the variance of a mean by half the width of its interval; NaN stays."""
    return np.asarray((half / stdtrit(np.maximum(freedom, 1.0), (1 + LEVEL) / 2)) ** 2)


def mark(
    values: Floats,
    higher_is_better: bool = True,
    resampled: Floats | None = None,
    freedom: float = np.inf,
) -> Marks:
    """Return the best rows and those tied with them.

    values [rows, seeds], and `resampled` and `freedom` as `crossed` has them. Rows are
    compared with the best by their paired differences inside a seed and a resample, over
    the seeds that both have. A row is tied unless its two-sided p-value is under 5% after
    the correction for the number of rows (Holm 1979). With fewer than two seeds in common
    nothing can be told apart, so the row counts as tied.
    """
    mean = mean_interval(values).mean
    if not np.isfinite(mean).any():
        return Marks(np.zeros(len(values), bool), np.zeros(len(values), bool))
    oriented = np.where(np.isfinite(mean), mean if higher_is_better else -mean, -np.inf)
    first = oriented.argmax()
    best = oriented >= oriented[first] - TOLERANCE
    paired = None if resampled is None else resampled - resampled[first]
    p = _p_of_differences(crossed(values - values[first], paired, freedom))
    others = np.isfinite(mean) & ~best
    tied = np.zeros(len(values), bool)
    tied[others] = holm(p[others]) >= 1 - LEVEL
    return Marks(best, tied)


def _p_of_differences(difference: Crossed) -> Floats:
    """Return two-sided p-values that mean differences are 0; 1 where nothing can be told."""
    mean, error = np.abs(difference.mean), difference.error
    known = np.isfinite(error) & (mean > TOLERANCE)
    t = np.where(known, mean, 0.0) / np.maximum(np.where(known, error, 1.0), TOLERANCE**2)
    freedom = np.where(known, difference.freedom, 1.0)
    return np.where(known, 2 * stdtr(freedom, -t), 1.0)


def holm(p: Floats) -> Floats:
    """Return p-values [n] corrected for their number, step by step (Holm 1979)."""
    order, n = np.argsort(p, kind="stable"), len(p)
    stepped = np.maximum.accumulate(p[order] * (n - np.arange(n)))
    corrected = np.empty(n)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


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
