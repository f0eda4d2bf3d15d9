"""Rows of one table that are equal in a measure: one training under several names.

Methods that have not acted yet are one method, so they are ranked once.
"""

import math

import numpy as np

from medtl_bench.arrays import Bools, Floats, Ints
from medtl_bench.board import statistics


def leaders(values: Floats) -> Ints:
    """Return for each row [rows] the first row that is equal to it, or itself.

    values [rows, ...]: of seeds, and of whatever else is repeated. Rows are equal where
    both have a value, and must have one in common; who joins a group must be equal to
    all in it.
    """
    equal = _equal(values.reshape(len(values), math.prod(values.shape[1:])))
    leader = np.arange(len(values))
    for row in np.flatnonzero(equal.sum(0) > 1):
        for first in np.unique(leader[:row][equal[row, :row]]):
            if equal[row, :row][leader[:row] == first].all():
                leader[row] = first
                break
    return leader


def _equal(values: Floats) -> Bools:
    """Return which rows are equal [rows, rows] of values [rows, n], each to itself."""
    differ = np.abs(values[:, None] - values[None]) > statistics.TOLERANCE
    both = np.isfinite(values)[:, None] & np.isfinite(values)[None]
    equal = both.any(-1) & ~(both & differ).any(-1)
    return np.asarray(equal | np.eye(len(values), dtype=bool))


def ranks(values: Floats, higher_is_better: bool) -> Floats:
    """Return the rank of each row [rows], 1 for the best; equal rows count once.

    values [rows, seeds]. A group is ranked by its mean over all seeds that some row of
    it has.
    """
    leader = leaders(values)
    first, group = np.unique(leader, return_inverse=True)
    together = np.full((len(first), *values.shape[1:]), np.nan)
    for row, number in enumerate(group):
        known = together[number]
        together[number] = np.where(np.isfinite(known), known, values[row])
    means = statistics.mean_interval(together).mean[:, None]
    ranked = statistics.ranks(means, np.array([higher_is_better]))[:, 0]
    return np.asarray(ranked[group])


def alike(values: Floats, ranked: Bools) -> Ints:
    """Return for each row the leader of its group of ranked rows, -1 if alone."""
    places = np.flatnonzero(ranked)
    of_ranked = leaders(values[ranked])
    size = np.bincount(of_ranked, minlength=len(places))
    leader = np.full(len(values), -1)
    leader[places] = np.where(size[of_ranked] > 1, places[of_ranked], -1)
    return leader
