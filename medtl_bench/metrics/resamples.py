"""Resamples of test units: which rows they hold how often, and a metric of each of them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from medtl_bench.arrays import Floats, Ints
from medtl_bench.metrics.entry import MetricEntry

RESAMPLES = 100
FEWER = 25  # of a metric that takes its rows one resample after another


@dataclass(frozen=True)
class Resamples:
    """How often each resample holds each row: `counts` [resamples, n].

    `scale` [n] brings a stratum's counts back to its size. `units`: patients or groups,
    else rows. `fewest`: of a class, or all where rows have none.
    """

    counts: Ints
    scale: Floats
    units: int
    fewest: int

    @cached_property
    def weight(self) -> Floats:
        """Return the weights [resamples, n]."""
        return np.asarray(self.counts * self.scale)

    def of(self, metric: MetricEntry, answers: Any, y: Any) -> Floats:  # noqa: ANN401
        """Return a metric of answers and labels by resample, NaN where it has none.

        A metric that cannot take weights is found of FEWER resamples, row by row.
        """
        if metric.resampled:
            return np.asarray(metric.score_resampled(answers, y, self.weight))
        values = np.full(len(self.counts), np.nan)
        for number, counts in enumerate(self.counts[:FEWER]):
            rows = np.repeat(np.arange(len(y)), counts)
            values[number] = metric.score(answers[rows], y[rows])
        return values


def strata(y: Ints | None, groups: Ints | None, n: int) -> tuple[Ints, Ints]:
    """Return the unit [n] of each row, and the stratum [units] of each unit.

    y [n]: classes, or None for no strata. groups [n], or None for rows. The stratum of a
    group is the rarest class that it holds, so that no resample lacks one.
    """
    of_row = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    units = int(of_row.max(initial=-1)) + 1
    if y is None:
        return of_row, np.zeros(units, int)
    _, number, count = np.unique(y, return_inverse=True, return_counts=True)
    rarity = np.argsort(np.argsort(count, kind="stable"))[number]
    stratum = np.full(units, len(count))
    np.minimum.at(stratum, of_row, rarity)
    return of_row, stratum


def resamples(unit: Ints, stratum: Ints, draws: list[Ints]) -> Resamples:
    """Return resamples of units drawn with replacement within their strata.

    draws: of each stratum in order, which of its m units are drawn [resamples, m - 1].
    One less than there are makes the variance of a mean unbiased (McCarthy and Snowden
    1985); the weights are scaled by m / (m - 1) (Rao and Wu 1988). A unit alone in its
    stratum stands in all.
    """
    counts = np.ones((len(draws[0]), len(stratum)), np.int64)
    scale, sizes = np.ones(len(stratum)), []
    for number, drawn in zip(np.unique(stratum), draws, strict=True):
        members = np.flatnonzero(stratum == number)
        sizes.append(len(members))
        if len(members) > 1:
            counts[:, members] = _counted(drawn, len(members))
            scale[members] = len(members) / (len(members) - 1)
    return Resamples(counts[:, unit], scale[unit], len(stratum), min(sizes))


def _counted(drawn: Ints, units: int) -> Ints:
    """Return how often each unit was drawn [resamples, units]."""
    place = drawn + units * np.arange(len(drawn))[:, None]
    return np.bincount(place.ravel(), minlength=len(drawn) * units).reshape(-1, units)
