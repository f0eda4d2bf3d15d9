"""Mean ranks over complete blocks: the methods that have every dataset, with a critical difference.

A block is an origin; the ranks on its datasets are averaged.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import studentized_range

from medtl_bench.arrays import Bools, Floats
from medtl_bench.board import statistics

FEWEST_BLOCKS, FEWEST_METHODS = 5, 3


class Blocks(NamedTuple):
    """Mean ranks [methods] over blocks, the best first, and what the tests of ranks say.

    `order`: which method stands where. `p`: of the Friedman test that all rank alike.
    `difference`: the critical one, by which two mean ranks must differ to be told apart.
    """

    order: tuple[int, ...]
    mean: Floats
    blocks: int
    p: float
    difference: float

    @property
    def groups(self) -> tuple[tuple[int, int], ...]:
        """Return first and last place of the groups of several within the critical difference."""
        bars: list[tuple[int, int]] = []
        for first, rank in enumerate(self.mean):
            last = int(np.flatnonzero(self.mean - rank <= self.difference)[-1])
            if last > first and (not bars or last > bars[-1][1]):
                bars.append((first, last))
        return tuple(bars)


def blocks(scores: Floats, higher: Bools, origins: Sequence[str]) -> Blocks | None:
    """Return mean ranks over origins; None for under 5 of them or under 3 methods.

    scores [methods, datasets], without gaps; `higher`, `origins` [datasets].
    """
    names = sorted(set(origins))
    if len(names) < FEWEST_BLOCKS or len(scores) < FEWEST_METHODS:
        return None
    of_datasets = statistics.ranks(scores, higher)
    ours = [np.array(origins) == name for name in names]
    of_blocks = np.stack([of_datasets[:, its].mean(1) for its in ours], axis=1)
    p = statistics.friedman(of_blocks, np.zeros(len(names), bool))
    mean = statistics.ranks(of_blocks, np.zeros(len(names), bool)).mean(1)
    order = np.lexsort((np.arange(len(mean)), np.round(mean, 9)))
    difference = critical_difference(len(scores), len(names))
    return Blocks(
        tuple(order.tolist()), mean[order], len(names), math.nan if p is None else p, difference
    )


def critical_difference(methods: int, blocks: int) -> float:
    """Return the critical difference of mean ranks at 5% (Nemenyi 1963; Demsar 2006).

    It is q sqrt(methods (methods + 1) / (6 blocks)), q being the 95% point of the studentized
    range over sqrt(2).
    """
    q = float(studentized_range.ppf(statistics.LEVEL, methods, math.inf)) / math.sqrt(2)
    return q * math.sqrt(methods * (methods + 1) / (6 * blocks))
