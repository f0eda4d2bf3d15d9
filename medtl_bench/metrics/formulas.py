"""What one trial says of its learner: formulas of scores by k, and of the matrix of a stream.

R [..., T, T] holds R[i, j], the score on domain j after learning domain i; b [..., T] the
scores of an untrained learner. `scored` [T]: the domains that can be scored, None for
all: where all test rows are of one class a metric may not be defined. Differences are
turned so that higher is better before they are taken, so a positive forgetting is a loss
for any metric.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.integrate import trapezoid

from medtl_bench.arrays import Bools, Floats

UNEARNED: Final = ("own", "new classes")  # labels of which nothing was learned in other domains
START, AREA, END = "target 0", "few-shot area", "target full"
AVERAGE, FORGETTING = "average accuracy", "forgetting"
LEARNING = "learning accuracy"
# the measures that the project's own protocols also take of resamples
HEADLINES: Final = {"transfer": (START, AREA, END), "stream": (AVERAGE, FORGETTING)}


def bounds(measure: str, lowest: float, highest: float) -> tuple[float, float]:
    """Return what a headline measure can be, of a metric that can be `lowest` to `highest`."""
    if measure == FORGETTING:
        return lowest - highest, highest - lowest
    return lowest, highest


def few_shot_area(score: Floats, shots: Sequence[int], *, from_zero: bool = True) -> Floats:
    """Return the area under score against log2(1 + k), divided by the width.

    score [..., 1 + len(shots)]; k = 0 comes first. Where k = 0 is no part of it, `from_zero`
    is False, score [..., len(shots)], and the area of one k is its score.
    """
    if not len(shots):
        return np.full(score.shape[:-1], np.nan)
    x = np.log2(1.0 + np.array([0, *shots] if from_zero else shots))
    if len(x) == 1:
        return np.asarray(score[..., 0])
    return np.asarray(trapezoid(score, x) / (x[-1] - x[0]))


def average_accuracy(r: Floats, scored: Bools | None = None) -> Floats:
    """Return mean_j R[T, j] (Lopez-Paz and Ranzato 2017)."""
    return _mean(r[..., -1, :], scored)


def forgetting(r: Floats, scored: Bools | None = None) -> Floats:
    """Return mean_{j<T} max_{i<T} (R[i, j] - R[T, j]) (Chaudhry et al. 2018).

    It is negative where later domains helped.
    """
    return _mean(r[..., :-1, :-1].max(-2) - r[..., -1, :-1], _slice(scored, slice(-1)))


def backward_transfer(r: Floats, scored: Bools | None = None) -> Floats:
    """Return mean_{j<T} (R[T, j] - R[j, j]) (Lopez-Paz and Ranzato 2017)."""
    own = r.diagonal(axis1=-2, axis2=-1)[..., :-1]
    return _mean(r[..., -1, :-1] - own, _slice(scored, slice(-1)))


def learning_accuracy(r: Floats, scored: Bools | None = None) -> Floats:
    """Return mean_j R[j, j], what is known of a domain just learned (Riemer et al. 2019)."""
    return _mean(r.diagonal(axis1=-2, axis2=-1), scored)


def forward_transfer(r: Floats, b: Floats, scored: Bools | None = None) -> Floats:
    """Return mean_{j>1} (R[j-1, j] - b_j) (Lopez-Paz and Ranzato 2017)."""
    before = r.diagonal(1, axis1=-2, axis2=-1) - b[..., 1:]
    return _mean(before, _slice(scored, slice(1, None)))


def _slice(scored: Bools | None, domains: slice) -> Bools | None:
    return None if scored is None else scored[domains]


def _mean(values: Floats, scored: Bools | None) -> Floats:
    """Return the mean over domains [..., T], of those that are scored; NaN of none."""
    if scored is not None and not scored.all():
        values = values[..., scored]
    return np.asarray(values.mean(-1)) if values.shape[-1] else np.full(values.shape[:-1], np.nan)
