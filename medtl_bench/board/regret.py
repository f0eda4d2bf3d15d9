"""What it costs to choose by a criterion, and whether its order is that of the scores.

Arrays [methods, draws] hold draws of hyper-parameters by method, NaN where a method has
fewer; higher is better in all of them.
"""

from typing import NamedTuple

import numpy as np

from medtl_bench.arrays import Bools, Floats

SEED_RESAMPLES, METHOD_RESAMPLES = 10, 50  # the latter of each of the former
QUANTITIES = ("regret", "regret within methods", "tau", "tau within methods")


class Choice(NamedTuple):
    """What a criterion chooses of each method's draws, and how it orders pairs of them.

    `best`: the criterion of the chosen draw [methods]; `at`, `most`, `mean`: the score of
    it, the highest one, and their mean; `draws`: how many there are. [methods, methods]:
    sums over pairs of draws, `alike` of 1 where criterion and score order them alike and
    -1 where not, `told` and `scored` of 1 where each of them tells the two apart.
    """

    best: Floats
    at: Floats
    most: Floats
    mean: Floats
    draws: Floats
    alike: Floats
    told: Floats
    scored: Floats


def choice(criterion: Floats, score: Floats) -> Choice:
    """Return what a criterion chooses among draws with both; of equal ones the first."""
    known = np.isfinite(criterion) & np.isfinite(score)
    judged, scored = (np.where(known, values, -np.inf) for values in (criterion, score))
    chosen = judged.argmax(1)
    methods, draws = np.arange(len(judged)), known.sum(1)
    mean = np.where(known, score, 0.0).sum(1) / np.maximum(draws, 1)
    x, y = (_signs(np.where(known, values, np.nan)) for values in (criterion, score))
    sums = [np.einsum("abp,abp->ab", *pair) for pair in ((x, y), (x, x), (y, y))]
    of_methods = judged[methods, chosen], scored[methods, chosen], scored.max(1)
    best, at, most = (np.where(draws > 0, values, np.nan) for values in of_methods)
    return Choice(best, at, most, mean, draws, *sums)


def _signs(values: Floats) -> Floats:
    """Return which draw is higher [methods, methods, pairs], 0 for neither or where one lacks."""
    first, second = values[:, None, :, None], values[None, :, None, :]
    apart = (first > second).astype(np.float32) - (first < second)
    return apart.reshape(*apart.shape[:2], -1)


def quantities(one: Choice, weight: Floats) -> Floats:
    """Return QUANTITIES [resamples, 4] by how often methods stand in each resample.

    Regret is the best score of all draws less that of the chosen one, over all methods or
    inside each and averaged; tau is Kendall's tau-b of criterion and score (1945),
    likewise. NaN where there is no choice, or all is equal.
    """
    there = (weight > 0) & (one.draws > 0)
    picked = np.where(there, one.best, -np.inf).argmax(1)
    regret = _most(one, there) - np.where(there.any(1), one.at[picked], np.nan)
    return np.stack([regret, _within(one, one.at, weight), *_taus(one, weight)], axis=-1)


def by_chance(one: Choice, weight: Floats) -> Floats:
    """Return the same of a draw taken at random, which has no order."""
    count = weight * one.draws
    mean = _ratio((count * one.mean).sum(1), count.sum(1))
    regret = _most(one, count > 0) - mean
    nothing = np.full(len(weight), np.nan)
    return np.stack([regret, _within(one, one.mean, weight), nothing, nothing], axis=-1)


def _most(one: Choice, there: Bools) -> Floats:
    most = np.where(there, one.most, -np.inf).max(1)
    return np.where(np.isfinite(most), most, np.nan)


def _within(one: Choice, score: Floats, weight: Floats) -> Floats:
    """Return the mean regret of a score over methods that have several draws."""
    several = weight * (one.draws > 1)
    lost = np.where(one.draws > 1, one.most - score, 0.0)
    return _ratio((several * lost).sum(1), several.sum(1))


def _taus(one: Choice, weight: Floats) -> tuple[Floats, Floats]:
    """Return tau-b of all draws, and the mean of those inside methods."""
    alike, told, scored = (
        np.einsum("ra,ab,rb->r", weight, sums, weight) for sums in (one.alike, one.told, one.scored)
    )
    own, *apart = (sums.diagonal() for sums in (one.alike, one.told, one.scored))
    inside = _ratio(own, np.sqrt(np.prod(apart, axis=0)))
    known = weight * np.isfinite(inside)
    mean = _ratio((known * np.nan_to_num(inside)).sum(1), known.sum(1))
    return _ratio(alike, np.sqrt(told * scored)), mean


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.asarray(above / np.where(below > 0, below, np.nan))


class Resample(NamedTuple):
    """Seeds by number, and methods that stand so often [resamples, methods]."""

    seeds: list[int]
    weight: Floats


def resamples(methods: int, seeds: int) -> list[Resample]:
    """Return all seeds and methods as they are, then resamples of both (Efron 1979).

    They depend on both numbers alone, so that differences can be taken inside a resample.
    """
    draw = np.random.default_rng([methods, seeds])
    found = [Resample(list(range(seeds)), np.ones((1, methods)))]
    for _ in range(SEED_RESAMPLES):
        drawn = draw.integers(seeds, size=seeds).tolist()
        share = np.full(methods, 1 / methods)
        weight = draw.multinomial(methods, share, METHOD_RESAMPLES)
        found.append(Resample(drawn, weight.astype(float)))
    return found
