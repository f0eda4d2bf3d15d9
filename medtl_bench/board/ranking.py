"""Ranks of methods over datasets, of all pairs that met: no method needs all datasets.

A pair's share on a dataset is 0.5 where the two cannot be told apart. Else it is that of the
draws of a seed and a resample of test units in which the first is better; without resamples 1
or 0. Datasets of one origin count once: their shares are averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, expit
from scipy.stats import rankdata

from medtl_bench.arrays import Bools, Floats, Ints
from medtl_bench.board.statistics import LEVEL, TOLERANCE, crossed

FEWEST_ORIGINS = 3
PRIOR = 1.0  # games against an opponent of mean strength, half of them won
RESAMPLES, PARTS = 500, 20  # parts that stay in the cache
MOST_STEPS, LARGEST_STEP, ENOUGH = 100, 4.0, 1e-7
EVEN = 0.5
MOST_DRAWS = 2**22  # that are compared at once


@dataclass(frozen=True)
class Ranking:
    """Methods in the order of their strengths: arrays [methods].

    `order`: which method stands where, the strongest first, and all else is in this
    order. `strength`: the logarithm of its odds against a method of strength 0. `rank`: 1
    for the strongest, equal ones share the average. `low`, `high`: the ends of its 95%
    interval. `origins`: on how many it met others. `told` [methods, methods]: which pairs
    can be told apart.
    """

    order: tuple[int, ...]
    strength: Floats
    rank: Floats
    low: Floats
    high: Floats
    origins: tuple[int, ...]
    told: Bools

    @property
    def groups(self) -> tuple[tuple[int, int], ...]:
        """Return the first and last place of each group whose ends cannot be told apart.

        No group lies in another (the bars of Demsar 2006).
        """
        bars: list[tuple[int, int]] = []
        for first in range(len(self.order)):
            last = int(np.flatnonzero(~self.told[first])[-1])
            if not bars or last > bars[-1][1]:
                bars.append((first, last))
        return tuple(bars)


def shares(
    values: Floats,
    resampled: Floats | None = None,
    freedom: float = np.inf,
    *,
    higher: bool,
) -> Floats:
    """Return by pair [methods, methods] how far the first scores better on a dataset.

    values [methods, seeds], and `resampled` and `freedom` as `statistics.crossed` has them.
    0.5 where the 95% interval of the paired differences over seeds and, where they are known,
    test units holds 0, also for fewer than two seeds in common. Else the share of the draws
    of a seed and a resample in which the first is better, ties being half; without
    resamples 1 or 0. NaN where one has no score, and of a method with itself.
    """
    signs = 1.0 if higher else -1.0
    values, draws = signs * values, None if resampled is None else signs * resampled
    k = len(values)
    parts = k if draws is not None and draws.size * k > MOST_DRAWS else 1
    others = np.array_split(np.arange(k), parts)
    share = np.concatenate([_against(values, draws, freedom, part) for part in others], axis=1)
    there = np.asarray(np.isfinite(values).any(1))
    met = np.logical_and.outer(there, there) & ~np.eye(k, dtype=bool)
    return np.where(met, share, np.nan)


def _against(values: Floats, draws: Floats | None, freedom: float, others: Ints) -> Floats:
    """Return the shares [methods, others] of all methods against some; higher is better."""
    apart = None if draws is None else draws[:, None] - draws[None, others]
    difference = crossed(values[:, None] - values[None, others], apart, freedom)
    clear = np.abs(difference.mean) > np.nan_to_num(difference.half) + TOLERANCE
    won = EVEN + EVEN * np.sign(difference.mean)
    if apart is not None:
        of_draws = _mean((EVEN + EVEN * np.sign(apart)).reshape(*won.shape, -1), -1)
        won = np.where(np.isfinite(of_draws), of_draws, won)
    return np.where((difference.n > 1) & clear, won, EVEN)


def by_origin(of_datasets: Floats, origins: Sequence[str]) -> Floats:
    """Return the mean share [origins, methods, methods] of the datasets of each origin.

    of_datasets [datasets, methods, methods]. A pair's mean is over those on which it met.
    """
    names = np.array(origins)
    return np.stack([_mean(of_datasets[names == name]) for name in sorted(set(origins))])


def _mean(values: Floats, axis: int = 0) -> Floats:
    """Return the mean over an axis of what is there, NaN where nothing is."""
    there = np.isfinite(values)
    n, total = there.sum(axis), np.where(there, values, 0.0).sum(axis, dtype=float)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def strengths(wins: Floats, start: Floats | None = None, prior: float = PRIOR) -> Floats:
    """Return the likeliest strengths [..., methods] (Bradley and Terry 1952).

    wins [..., methods, methods]: how often the first won against the second, a tie being
    half a win of both. P(i beats j) = 1 / (1 + exp(t_j - t_i)). Every method also plays
    `prior` games against an opponent of strength 0 and wins half, so that none is
    infinite (Caron and Doucet 2012 have the like). Newton's method, which takes few steps
    where the MM algorithm of Hunter 2004 takes hundreds to the same maximum.
    """
    games = wins + np.swapaxes(wins, -1, -2)
    won = wins.sum(-1) + prior / 2
    t = np.zeros_like(won) if start is None else np.broadcast_to(start, won.shape)
    for _ in range(MOST_STEPS):
        step = _step(t, games, won, prior)
        t = t + np.clip(step, -LARGEST_STEP, LARGEST_STEP)
        if np.abs(step).max(initial=0.0) < ENOUGH:
            break
    return t


def _step(t: Floats, games: Floats, won: Floats, prior: float) -> Floats:
    """Return Newton's step of the strengths [..., methods]."""
    chance, against = expit(t[..., :, None] - t[..., None, :]), expit(t)
    slope = won - (games * chance).sum(-1) - prior * against
    curve = games * chance * (1 - chance)
    diagonal = curve.sum(-1) + prior * against * (1 - against)
    hessian = diagonal[..., None] * np.eye(t.shape[-1]) - curve
    return np.asarray(np.linalg.solve(hessian, slope[..., None])[..., 0])


def rank(of_origins: Floats, seed: int = 0) -> Ranking:
    """Rank methods by their shares [origins, methods, methods], the mean of each origin.

    Intervals are percentiles over resampled origins (Efron 1979). A pair can be told
    apart where that interval of the difference of its strengths leaves out 0 and, if it
    met, the sign test over origins (Demsar 2006, 3.1.3) says the same at 5%, which needs
    six origins or more: a method that only adds noise to another's scores loses less
    often to better ones, but does not beat the other. There is no correction for the
    number of pairs.
    """
    wins = np.nan_to_num(of_origins)
    k = len(wins)
    whole = strengths(wins.sum(0))
    counts = np.random.default_rng(seed).multinomial(k, np.full(k, 1 / k), RESAMPLES)
    parts = np.array_split(counts.astype(float), PARTS)
    of_parts = [strengths(np.tensordot(part, wins, 1), whole) for part in parts]
    drawn = np.concatenate(of_parts)
    order = np.lexsort((np.arange(len(whole)), -np.round(whole, 6)))
    ranks, low, high = _ranks(whole, drawn)
    told = _told_by_strengths(drawn) & _told_by_signs(of_origins)
    met = np.isfinite(of_origins).any(2).sum(0)
    return Ranking(
        tuple(order.tolist()),
        whole[order],
        ranks[order],
        low[order],
        high[order],
        tuple(met[order].tolist()),
        (told | told.T)[order][:, order],
    )


def _ranks(whole: Floats, drawn: Floats) -> tuple[Floats, Floats, Floats]:
    """Return ranks and the ends of their intervals, which hold the rank itself."""
    of_whole, of_drawn = _ranked(whole), _ranked(drawn)
    low, high = np.quantile(of_drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return of_whole, np.minimum(low, of_whole), np.maximum(high, of_whole)


def _ranked(strength: Floats) -> Floats:
    return np.asarray(rankdata(-np.round(strength, 6), axis=-1), dtype=float)


def _told_by_strengths(drawn: Floats) -> Bools:
    """Return in which pairs the first is the stronger one in 97.5% of the draws."""
    stronger = np.zeros((drawn.shape[1], drawn.shape[1]))
    for t in np.round(drawn, 6):
        stronger += t[:, None] > t
    return stronger >= (1 + LEVEL) / 2 * len(drawn)


def _told_by_signs(of_origins: Floats) -> Bools:
    """Return which pairs never met, or the first won more origins than chance has it."""
    won = (of_origins > EVEN + TOLERANCE).sum(0)
    lost = (of_origins < EVEN - TOLERANCE).sum(0)
    p = 2 * bdtr(np.minimum(won, lost).astype(float), won + lost, 0.5)
    never = ~np.isfinite(of_origins).any(0) & ~np.eye(len(won), dtype=bool)
    return np.asarray(((won > lost) & (p <= 1 - LEVEL + TOLERANCE)) | never)


def letters(groups: Sequence[tuple[int, int]], place: int) -> str:
    """Return the letters of the groups that hold a place: "a" is the first, "aa" after "z"."""
    held = [n for n, (first, last) in enumerate(groups) if first <= place <= last]
    return " ".join(map(_letter, held))


def _letter(number: int) -> str:
    turn, place = divmod(number, 26)
    return "abcdefghijklmnopqrstuvwxyz"[place] * (turn + 1)


def alike(values: Sequence[Floats]) -> list[list[int]]:
    """Return methods in groups of those with equal scores for every dataset and seed.

    values: of each dataset, [methods, seeds]. They are one method under several names,
    and would count as often in the games of others.
    """
    groups: dict[bytes, list[int]] = {}
    columns = np.round(np.concatenate(values, axis=1), 9) + 0.0
    for number, line in enumerate(columns):
        groups.setdefault(line.tobytes(), []).append(number)
    return list(groups.values())
