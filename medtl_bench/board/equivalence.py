"""Whether two rows of a board are the same method: two one-sided tests with a margin."""

from typing import Literal, NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from medtl_bench.arrays import Floats

SIGNIFICANCE = 0.05
Verdict = Literal["equivalent", "different", "undecided"]


class Equivalence(NamedTuple):
    """The outcome of two one-sided tests.

    `n` differences have the `mean` and, from `low` to `high`, a 90% interval for it; `p`
    is the larger p-value of the two tests. What too few differences leave open is NaN.
    """

    n: int
    mean: float
    low: float
    high: float
    p: float
    verdict: Verdict


def tost(differences: Floats, margin: float) -> Equivalence:
    """Test whether a mean difference lies within -margin..margin (Schuirmann 1987).

    J. Pharmacokinet. Biopharm. 15, 657-680.

    differences [n]: one for each independent repetition, so what is measured within a
    seed is averaged first; NaN is left out. The tests of mean <= -margin and of mean >=
    margin are t-tests with n - 1 degrees of freedom, each at 5%. The 90% interval tells
    the same: inside the margin it is `equivalent`, wholly beyond it `different`, else
    `undecided`, as with n < 2. Raises ValueError unless the margin is a positive number.
    """
    if not (np.isfinite(margin) and margin > 0):
        raise ValueError(
            f"The margin of an equivalence test must be a positive number, but got {margin}."
        )
    there = differences[np.isfinite(differences)].astype(float)
    n = len(there)
    if n < 2:
        mean = float(there.mean()) if n else np.nan
        return Equivalence(n, mean, np.nan, np.nan, np.nan, "undecided")
    mean, error = float(there.mean()), float(there.std(ddof=1) / np.sqrt(n))
    half = float(stdtrit(n - 1, 1 - SIGNIFICANCE)) * error
    p = max(_p(n - 1, margin + mean, error), _p(n - 1, margin - mean, error))
    return Equivalence(n, mean, mean - half, mean + half, p, _verdict(mean, half, margin))


def _p(freedom: int, distance: float, error: float) -> float:
    """Return the p-value that the mean is not inside a bound, `distance` from it."""
    if error == 0:  # every repetition gave the same difference
        return float(distance <= 0)
    return float(stdtr(freedom, -distance / error))


def _verdict(mean: float, half: float, margin: float) -> Verdict:
    if abs(mean) + half < margin:
        return "equivalent"
    return "different" if abs(mean) - half > margin else "undecided"
